"""Reports are requested, worked on by a workflow, and followed as jobs."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import JobTracker, StorageFirstApi


class ReportsStack(Stack):
    """An API whose reports take a while."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        jobs = JobTracker(self, "Jobs", expire_after=Duration.days(7))
        api = StorageFirstApi(self, "Api")
        api.post("/reports", jobs.store("make-report"))

        gather = sfn.Wait.jsonata(self, "Gather", time=sfn.WaitTime.duration(Duration.seconds(2)))
        write = sfn.Pass.jsonata(
            self, "Write", outputs={"title": "{% $states.context.Execution.Input.input.title %}", "pages": 12}
        )
        jobs.workflow("make-report", definition=gather.next(jobs.progress(50, "Gathered")).next(write))


if __name__ == "__main__":
    app = App()
    ReportsStack(app, "Reports")
    app.synth()
