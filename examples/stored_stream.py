"""Clicks are counted from a stream; those that cannot be are kept, and can be sent again."""

from aws_cdk import Acknowledgment, App, Duration, Stack, Validations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from constructs_lib.alarms import AlarmTopic
from constructs_lib.stored_stream import StoredStream

COUNTER = """
import base64, json

def handler(event, context):
    for position, record in enumerate(event["Records"]):
        try:
            count(json.loads(base64.b64decode(record["kinesis"]["data"])))
        except Exception:
            if position == 0:
                raise  # Lambda halves the batch, until the bad record is alone
            return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}

def count(click):
    print("page", click["page"])
"""


class ClicksStack(Stack):
    """A stream with all that keeps its records from being lost."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        StoredStream(
            self,
            "Clicks",
            consumer=self._counter(),
            batching_window=Duration.seconds(5),
            parallelization_factor=10,
            retention_period=Duration.days(2),
            alarm_topic=alarms.topic,
        )

    def _counter(self) -> lambda_.Function:
        counter = lambda_.Function(
            self,
            "Counter",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(COUNTER),
            timeout=Duration.seconds(30),
            memory_size=256,
            tracing=lambda_.Tracing.ACTIVE,
        )
        managed = "Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        Validations.of(counter).acknowledge(
            Acknowledgment(
                id=f"AwsSolutions::AwsSolutions-IAM4[{managed}]", reason="It may write logs, as any function."
            ),
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5[Resource::*]", reason="X-Ray's actions know no resources."
            ),
            Acknowledgment(
                id="Serverless::Serverless-LambdaDLQ", reason="Nothing but the stream's mapping invokes it."
            ),
        )
        return counter


if __name__ == "__main__":
    app = App()
    ClicksStack(app, "Clicks")
    app.synth()
