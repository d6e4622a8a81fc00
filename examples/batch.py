"""Reports are requested one by one, or a thousand at once."""

from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import JobTracker, StorageFirstApi

REPORT = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string", "minLength": 1}}}
REPORTS = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": REPORT, "minItems": 1}},
}


class ReportsStack(Stack):
    """An API that takes reports, and lists of reports."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        jobs = JobTracker(self, "Jobs")
        write = sfn.Pass.jsonata(
            self, "Write", outputs={"title": "{% $states.context.Execution.Input.input.title %}", "pages": 12}
        )
        jobs.workflow("make-report", definition=write)

        api = StorageFirstApi(self, "Api")
        api.post("/reports", jobs.store("make-report"), body=REPORT)
        api.post("/reports/batch", jobs.batch_store("make-report", max_concurrency=20), body=REPORTS)


if __name__ == "__main__":
    app = App()
    ReportsStack(app, "Reports")
    app.synth()
