"""Whoever waits for a report is told: the browser that shows it, and by mail those who asked for that."""

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import AlarmTopic, JobNotifications, JobTracker, StorageFirstApi


class ReportsStack(Stack):
    """An API whose reports take a while, and that says when they are done."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        jobs = JobTracker(self, "Jobs")
        api = StorageFirstApi(self, "Api", alarm_topic=alarms.topic)
        api.post("/reports", jobs.store("make-report"))
        gather = sfn.Wait.jsonata(self, "Gather", time=sfn.WaitTime.duration(Duration.seconds(2)))
        write = sfn.Pass.jsonata(self, "Write", outputs={"pages": 12})
        jobs.workflow("make-report", definition=gather.next(jobs.progress(50, "Gathered")).next(write))

        push = JobNotifications(self, "Push", jobs=jobs, alarm_topic=alarms)
        jobs.notify(alarms)
        CfnOutput(self, "PushUrl", value=push.stage.url)


if __name__ == "__main__":
    app = App()
    ReportsStack(app, "Reports")
    app.synth()
