"""One route for each store, and nothing else: `python -m scripts.benchmarks.stores`."""

import sys

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import JobTracker, StorageFirstApi
from constructs_lib.stores import (
    DynamoDbStore,
    EventBridgeStore,
    KinesisStore,
    S3Store,
    SnsStore,
    SqsStore,
    StepFunctionsStore,
    idempotency_key,
    request_id,
)

COMMAND = f"{sys.executable} -m scripts.benchmarks.stores"
STACK = "Stores"
JOB_TYPE = "nothing"


class StoresStack(Stack):
    """An API with a route for each store; nothing is behind the stores but the shortest of workflows.

    Its outputs are the names by which the services know the stores.
    """

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the API and the stores.

        Args:
            scope: The app.
            id: The stack's name.
        """
        super().__init__(scope, id)
        gone = RemovalPolicy.DESTROY
        api = StorageFirstApi(self, "Api", removal_policy=gone)
        table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            removal_policy=gone,
        )
        jobs = JobTracker(self, "Jobs", removal_policy=gone)
        workflow = jobs.workflow(JOB_TYPE, definition=sfn.Pass.jsonata(self, "Nothing"))
        queue, fifo_queue = sqs.Queue(self, "Queue"), sqs.Queue(self, "FifoQueue", fifo=True)
        topic = sns.Topic(self, "Topic")
        stream = kinesis.Stream(self, "Stream", stream_mode=kinesis.StreamMode.ON_DEMAND, removal_policy=gone)
        bus = events.EventBus(self, "Bus")
        bucket = s3.Bucket(self, "Bucket", removal_policy=gone)
        machine = sfn.StateMachine(
            self, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass.jsonata(self, "Done"))
        )

        api.post("/dynamodb", DynamoDbStore(table))
        api.post("/job", jobs.store(JOB_TYPE))
        api.post("/sqs", SqsStore(queue))
        api.post("/sqs-fifo", SqsStore(fifo_queue, group_id=idempotency_key()))
        api.post("/sns", SnsStore(topic))
        api.post("/kinesis", KinesisStore(stream))
        api.post("/eventbridge", EventBridgeStore(bus, source="bench", detail_type="Request"))
        api.put("/s3", S3Store(bucket, key=request_id()))
        api.post("/stepfunctions", StepFunctionsStore(machine))

        names = {
            "Table": table.table_name,
            "Jobs": jobs.table.table_name,
            "Workflow": workflow.state_machine_arn,
            "Queue": queue.queue_url,
            "FifoQueue": fifo_queue.queue_url,
            "Topic": topic.topic_arn,
            "Stream": stream.stream_name,
            "Bus": bus.event_bus_name,
            "Bucket": bucket.bucket_name,
            "Machine": machine.state_machine_arn,
        }
        for name, value in names.items():
            CfnOutput(self, f"{name}Name", value=value)


if __name__ == "__main__":
    app = App()
    StoresStack(app, STACK)
    app.synth()
