"""What machines report by MQTT waits in a queue for a workflow; what goes wrong is told to operators."""

from aws_cdk import Acknowledgment, App, Duration, Stack, Validations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib.alarms import AlarmTopic
from constructs_lib.device_topic import DeviceTopic
from constructs_lib.stored_queue import StoredQueue


class MachinesStack(Stack):
    """A queue with all that keeps its messages from being lost."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        reports = StoredQueue(
            self,
            "Reports",
            consumer=self._maintenance(),
            max_concurrency=10,
            alarm_age=Duration.minutes(30),
            alarm_topic=alarms.topic,
        )
        DeviceTopic(self, "Machines", topic_filter="machines/+/reports", queue=reports, alarm_topic=alarms.topic)

    def _maintenance(self) -> sfn.StateMachine:
        report = "{% $parse($base64decode($states.input.body.payload)) %}"
        workflow = sfn.StateMachine(
            self,
            "Maintenance",
            definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(self, "Read report", outputs=report)),
            timeout=Duration.hours(1),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_MONTH), level=sfn.LogLevel.ALL
            ),
        )
        Validations.of(workflow.role).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5[Resource::*]",
                reason="The actions of X-Ray and of log delivery know no resources.",
            )
        )
        return workflow


if __name__ == "__main__":
    app = App()
    MachinesStack(app, "Machines")
    app.synth()
