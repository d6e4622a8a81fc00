"""What is seen of gophers and holes: sightings in order, readings by the thousand, photographs."""

from typing import cast

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib import StoredQueue, StoredStream
from storage_first.sample.functions import sample_function

_MAPPED = "Its mapping takes failures to a dead-letter queue or a bucket."


class Observations(Construct):
    """Three stores, each with what works on it.

    Attributes:
        sightings: A FIFO queue: of each gopher, the last sighting is the last one sent.
        readings: A stream, in which readings of one hole keep their order.
        photos: A bucket. Each new object is told to a queue.
        new_photos: That queue.
    """

    def __init__(self, scope: Construct, id: str, *, table: dynamodb.ITableV2, removal_policy: RemovalPolicy) -> None:
        """Define the stores and their consumers.

        Args:
            scope: The scope.
            id: The id.
            table: Where the consumers write what they find.
            removal_policy: What becomes of the data with the stack.
        """
        super().__init__(scope, id)

        def writer(name: str, module: str) -> lambda_.Function:
            return sample_function(
                self,
                name,
                module=module,
                table=table,
                actions=["dynamodb:UpdateItem"],
                called_by=_MAPPED,
                removal_policy=removal_policy,
            )

        self.sightings = StoredQueue(
            self,
            "Sightings",
            fifo=True,
            consumer=writer("RecordSighting", "record_sightings"),
            removal_policy=removal_policy,
        )
        self.readings = StoredStream(
            self,
            "Readings",
            consumer=writer("RecordReading", "record_readings"),
            removal_policy=removal_policy,
        )
        self.new_photos = StoredQueue(
            self,
            "NewPhotos",
            consumer=writer("RecordPhoto", "record_photos"),
            removal_policy=removal_policy,
        )
        self.photos = self._photos(removal_policy)

    def _photos(self, removal_policy: RemovalPolicy) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Photos",
            versioned=True,
            enforce_ssl=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=removal_policy,
        )
        # The property of the L2 brings a function along that sets this.
        resource = cast("s3.CfnBucket", bucket.node.default_child)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        rule = events.Rule(
            self,
            "PhotoStored",
            event_pattern=events.EventPattern(
                source=["aws.s3"], detail_type=["Object Created"], detail={"bucket": {"name": [bucket.bucket_name]}}
            ),
        )
        # What EventBridge cannot deliver waits beside what could not be worked on: `dlq redrive` sends both again.
        rule.add_target(targets.SqsQueue(self.new_photos.queue, dead_letter_queue=self.new_photos.dead_letter_queue))
        Validations.of(bucket).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-S1", reason="A playground: nobody audits who looks at photos."
            )
        )
        return bucket
