"""An app whose jobs do what tests want: `python -m tests.e2e_jobs.app` synthesizes it, for the local cloud."""

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from constructs_lib import JobTracker, StorageFirstApi, Throttle

_TELLS = """
from storage_first_jobs import JobMovedOnError, progress

def handler(event, context):
    progress(event["job"], 60, "Searching for holes")
    try:
        progress({**event["job"], "execution": "another"}, 99, "Never told")
    except JobMovedOnError:
        return "told"
"""


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
        api.post("/slow/batch", jobs.batch_store("slow", max_concurrency=2))
        api.post("/picky/batch", jobs.batch_store("picky"))
        api.post("/existing/batch", jobs.batch_store("existing"))
        jobs.workflow("picky", definition=self._pick())
        self._add_kinds(jobs, api)

    def _add_kinds(self, jobs: JobTracker, api: StorageFirstApi) -> None:
        """Define one type for each thing that a workflow can be given."""
        body = "$states.context.Execution.Input.input"
        attempt = "$states.context.Execution.Input.attempt"
        fail = f"{{% {body}.fail = true %}}"
        jobs.workflow(
            "express",
            definition=self._unless(fail, "Express", outputs="done at once"),
            state_machine_type=sfn.StateMachineType.EXPRESS,
        )
        jobs.workflow("flaky", definition=self._unless(f"{{% {attempt} = 1 %}}", "Flaky", outputs="done"), attempts=2)
        own = self._unless("{% $states.input.fail = true %}", "Own", outputs="{% $states.input %}")
        machine = sfn.StateMachine(self, "Machine", definition_body=sfn.DefinitionBody.from_chainable(own))
        jobs.workflow("existing", state_machine=machine)
        second = sfn.Wait(self, "WaitASecond", time=sfn.WaitTime.duration(Duration.seconds(1)))
        jobs.workflow("limited", definition=second, max_running=2)
        # As large as the caller wants it: a hundred characters at a time.
        large = f"{{% $join($map([1..{body}.hundreds], function() {{ '{'x' * 100}' }})) %}}"
        jobs.workflow("large", definition=sfn.Pass.jsonata(self, "Large", outputs=large))
        jobs.workflow("told", definition=self._tell(jobs))
        for job_type in ("express", "flaky", "existing", "limited", "large", "told"):
            api.post(f"/{job_type}", jobs.store(job_type))

    def _unless(self, condition: str, name: str, *, outputs: str) -> sfn.IChainable:
        broken = sfn.Fail(self, f"{name}Broken", error="Broken", cause="For the test.")
        done = sfn.Pass.jsonata(self, f"{name}Done", outputs=outputs)
        return sfn.Choice.jsonata(self, name).when(sfn.Condition.jsonata(condition), broken).otherwise(done)

    def _tell(self, jobs: JobTracker) -> sfn.IChainable:
        """Tell progress from code, and fail if the job has moved on."""
        function = lambda_.Function(
            self,
            "Tells",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(_TELLS),
        )
        jobs.add_progress_to(function)
        return tasks.LambdaInvoke.jsonata(
            self,
            "Tell",
            lambda_function=function,
            payload=sfn.TaskInput.from_object({"job": jobs.THIS_JOB}),
            task_timeout=sfn.Timeout.duration(Duration.seconds(30)),
            retry_on_service_exceptions=False,
            outputs="{% $states.result.Payload %}",
        )

    def _pick(self) -> sfn.IChainable:
        """Refuse what is bad, unless it is tried again and bad `once` only."""
        known = "$states.context.Execution.Input"
        is_bad = f"{{% {known}.input.bad = true or ({known}.input.bad = 'once' and {known}.attempt = 1) %}}"
        refuse = sfn.Fail.jsonata(self, "Refuse", error="Bad", cause=f"{{% {known}.input.name & ' is bad.' %}}")
        take = sfn.Pass.jsonata(self, "Take", outputs={"id": f"{{% {known}.id %}}"})
        return sfn.Choice.jsonata(self, "IsBad").when(sfn.Condition.jsonata(is_bad), refuse).otherwise(take)


if __name__ == "__main__":
    app = App()
    JobsStack(app)
    app.synth()
