"""An app whose jobs do what tests want: `python -m tests.e2e_jobs.app` synthesizes it, for the local cloud."""

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import JobTracker, StorageFirstApi, Throttle


class JobsStack(Stack):
    """The app's only stack."""

    def __init__(self, scope: App) -> None:
        super().__init__(scope, "TrackedJobs")
        jobs = JobTracker(self, "Jobs", removal_policy=RemovalPolicy.DESTROY)
        api = StorageFirstApi(self, "Api", throttle=Throttle(rate=10_000, burst=10_000))
        wait = sfn.Wait(self, "Wait", time=sfn.WaitTime.duration(Duration.minutes(10)))
        for job_type, work in {
            "quick": sfn.Pass(self, "Pass"),
            "slow": wait,
            "broken": sfn.Fail(self, "Break", error="Broken", cause="For the test."),
        }.items():
            jobs.workflow(job_type, definition=work)
            api.post(f"/{job_type}", jobs.store(job_type, entity="/things/{id}"))


if __name__ == "__main__":
    app = App()
    JobsStack(app)
    app.synth()
