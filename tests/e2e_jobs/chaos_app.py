"""An app whose jobs leave a trace: `python -m tests.e2e_jobs.chaos_app` synthesizes it, for the local cloud."""

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from constructs_lib import JobTracker, StorageFirstApi, Throttle

_WORK = """
import os
from functools import cache

import boto3

@cache
def effects():
    return boto3.resource("dynamodb").Table(os.environ["EFFECTS_TABLE"])

def handler(event, context):
    effects().update_item(
        Key={"job": event["job"], "attempt": event["attempt"]},
        UpdateExpression="SET worked = :yes",
        ExpressionAttributeValues={":yes": True},
    )
"""


class ChaosStack(Stack):
    """The app's only stack.

    Each execution counts itself, in one write that nothing repeats, and then has a function work, which is called as
    often as it takes.
    """

    def __init__(self, scope: App) -> None:
        super().__init__(scope, "Chaos")
        self._effects = dynamodb.TableV2(
            self,
            "Effects",
            partition_key=dynamodb.Attribute(name="job", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="attempt", type=dynamodb.AttributeType.NUMBER),
            removal_policy=RemovalPolicy.DESTROY,
        )
        jobs = JobTracker(self, "Jobs", removal_policy=RemovalPolicy.DESTROY)
        api = StorageFirstApi(self, "Api", throttle=Throttle(rate=10_000, burst=10_000))
        jobs.workflow("counted", definition=self._count().next(self._work()))
        api.post("/counted", jobs.store("counted"))

    def _count(self) -> tasks.DynamoUpdateItem:
        known = "$states.context.Execution.Input"
        return tasks.DynamoUpdateItem.jsonata(
            self,
            "Count",
            table=self._effects,
            key={
                "job": tasks.DynamoAttributeValue.from_string(f"{{% {known}.id %}}"),
                "attempt": tasks.DynamoAttributeValue.number_from_string(f"{{% $string({known}.attempt) %}}"),
            },
            update_expression="ADD runs :one",
            expression_attribute_values={":one": tasks.DynamoAttributeValue.from_number(1)},
            task_timeout=sfn.Timeout.duration(Duration.minutes(1)),
            outputs=f"{{% {{'job': {known}.id, 'attempt': {known}.attempt}} %}}",
        )

    def _work(self) -> tasks.LambdaInvoke:
        function = lambda_.Function(
            self,
            "Worker",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(_WORK),
            timeout=Duration.seconds(30),
            environment={"EFFECTS_TABLE": self._effects.table_name},
        )
        self._effects.grant_write_data(function)
        work = tasks.LambdaInvoke.jsonata(
            self,
            "Work",
            lambda_function=function,
            payload=sfn.TaskInput.from_object(
                {"job": "{% $states.input.job %}", "attempt": "{% $states.input.attempt %}"}
            ),
            task_timeout=sfn.Timeout.duration(Duration.minutes(5)),
            retry_on_service_exceptions=False,
            outputs="{% $states.context.Execution.Input.input %}",
        )
        work.add_retry(
            errors=["States.ALL"],
            interval=Duration.seconds(1),
            max_delay=Duration.seconds(5),
            max_attempts=20,
            jitter_strategy=sfn.JitterType.FULL,
        )
        return work


if __name__ == "__main__":
    app = App()
    ChaosStack(app)
    app.synth()
