"""An app with a route for every store, whose values come from every place in a request.

`python -m tests.hostile.app` synthesizes it, for the local cloud.
"""

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import JobTracker, StorageFirstApi
from constructs_lib.storage_first_api.api import Throttle
from constructs_lib.storage_first_api.stores import (
    DynamoDbStore,
    EventBridgeStore,
    KinesisStore,
    S3Store,
    SnsStore,
    SqsStore,
    StepFunctionsStore,
)
from constructs_lib.storage_first_api.values import (
    Bool,
    Json,
    Number,
    arrival_time,
    body,
    context,
    expires_after,
    header,
    idempotency_key,
    join,
    path,
    query,
    request_id,
)


class HostileStack(Stack):
    """The app's only stack."""

    def __init__(self, scope: App) -> None:
        super().__init__(scope, "Hostile")
        self.api = StorageFirstApi(self, "Api", throttle=Throttle(rate=10_000, burst=10_000))
        self._tables()
        self._messages()
        self._streams()
        self._objects()

    def _tables(self) -> None:
        pk = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
        sk = dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING)
        table = dynamodb.TableV2(self, "Table", partition_key=pk, sort_key=sk, removal_policy=RemovalPolicy.DESTROY)
        item = {
            "pk": join("part#", path("part")),
            "sk": idempotency_key(),
            "text": body("$.text"),
            "deep": {"list": [body("$.deep[0].name", default='it\'s "$x" #end'), True, 1.5]},
            "number": body("$.number", type=Number, default=0),
            "flag": body("$.flag", type=Bool, default=False),
            "json": body("$.json", type=Json, default="{}"),
            "query": query("q", default="none"),
            "count": query("n", type=Number, default=0),
            "on": query("on", type=Bool, default=True),
            "header": header("X-Text", default="none"),
            "agent": context("identity.userAgent"),
            "requestId": request_id(),
            "arrived": arrival_time(),
            "ttl": expires_after(Duration.days(1)),
            "input": body(),
        }
        self.api.post("/dynamodb/{part}", DynamoDbStore(table, item=item))
        jobs = JobTracker(self, "Jobs", removal_policy=RemovalPolicy.DESTROY)
        jobs.workflow("hostile", definition=sfn.Pass(self, "Work"))
        self.api.post("/jobs", jobs.store("hostile"))

    def _messages(self) -> None:
        queue = sqs.Queue(self, "Queue")
        self.api.post("/sqs", SqsStore(queue, group_id=query("group")))
        ordered = sqs.Queue(self, "Ordered", fifo=True)
        self.api.post("/fifo", SqsStore(ordered, group_id=body("$.text"), deduplication_id=header("X-Text")))
        topic = sns.Topic(self, "Topic")
        topic.add_subscription(subscriptions.SqsSubscription(sqs.Queue(self, "Told"), raw_message_delivery=True))
        self.api.post("/sns", SnsStore(topic))
        ordered_topic = sns.Topic(self, "OrderedTopic", fifo=True)
        told = sqs.Queue(self, "ToldInOrder", fifo=True)
        ordered_topic.add_subscription(subscriptions.SqsSubscription(told, raw_message_delivery=True))
        self.api.post("/topics/{group}", SnsStore(ordered_topic, group_id=path("group")))

    def _streams(self) -> None:
        self.api.post("/kinesis/{key}", KinesisStore(kinesis.Stream(self, "Stream"), partition_key=path("key")))
        bus = events.EventBus(self, "Bus")
        events.Rule(
            self,
            "All",
            event_bus=bus,
            event_pattern=events.EventPattern(source=events.Match.prefix("")),
            targets=[targets.SqsQueue(sqs.Queue(self, "Happened"))],
        )
        source = join("hostile.", header("X-Text"))
        self.api.post("/events/{kind}", EventBridgeStore(bus, source=source, detail_type=path("kind")))
        machine = sfn.StateMachine(
            self, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(self, "Pass"))
        )
        self.api.post("/states", StepFunctionsStore(machine))

    def _objects(self) -> None:
        bucket = s3.Bucket(self, "Bucket", removal_policy=RemovalPolicy.DESTROY)
        self.api.put("/s3/{name}", S3Store(bucket, key=join("objects/", path("name"))))


if __name__ == "__main__":
    app = App()
    HostileStack(app)
    app.synth()
