"""Sightings, readings and photographs: where they are stored, and what works on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

_SAMPLE = Path(__file__).parents[3] / "storage_first" / "sample"
_TWO_WEEKS = Duration.days(14)
_MINUTE = Duration.minutes(1)


class Observations(Construct):
    """Three stores and their consumers."""

    def __init__(self, scope: Construct, id: str, *, table: dynamodb.TableV2) -> None:
        """Define the stores.

        Args:
            scope: The scope.
            id: The id.
            table: Where consumers write what they find.
        """
        super().__init__(scope, id)
        self._table = table
        self.sightings = self._queue("Sightings", consumer="record_sightings", fifo=True)
        self.readings = self._stream("Readings", consumer="record_readings")
        new_photos = self._queue("NewPhotos", consumer="record_photos")
        dead_letters = new_photos.dead_letter_queue.queue if new_photos.dead_letter_queue else None
        self.photos = self._bucket("Photos", versioned=True)
        cast(
            "s3.CfnBucket", self.photos.node.default_child
        ).notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        events.Rule(
            self,
            "PhotoStored",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [self.photos.bucket_name]}},
            ),
            targets=[targets.SqsQueue(new_photos, dead_letter_queue=dead_letters)],
        )

    def _queue(self, name: str, *, consumer: str, fifo: bool | None = None) -> sqs.Queue:
        dead_letters = sqs.Queue(
            self,
            f"{name}DeadLetters",
            fifo=fifo,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=_TWO_WEEKS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        queue = sqs.Queue(
            self,
            name,
            fifo=fifo,
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=_TWO_WEEKS,
            visibility_timeout=_MINUTE,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=5),
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = self._consumer(name, consumer)
        queue.grant_consume_messages(function)
        lambda_.EventSourceMapping(
            self,
            f"{name}Mapping",
            target=function,
            event_source_arn=queue.queue_arn,
            batch_size=10,
            report_batch_item_failures=True,
        )
        visible = dead_letters.metric_approximate_number_of_messages_visible(
            period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM
        )
        age = queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM)
        self._alarm(f"{name}DeadLettersAlarm", visible, threshold=1)
        self._alarm(f"{name}AgeAlarm", age, threshold=900)
        return queue

    def _stream(self, name: str, *, consumer: str) -> kinesis.Stream:
        stream = kinesis.Stream(
            self,
            name,
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.MANAGED,
            retention_period=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )
        failures = self._bucket(f"{name}Failures", versioned=False)
        function = self._consumer(name, consumer)
        stream.grant_read(function)
        mapping = lambda_.EventSourceMapping(
            self,
            f"{name}Mapping",
            target=function,
            event_source_arn=stream.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=100,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=10,
            max_record_age=Duration.seconds(601_200),
            parallelization_factor=1,
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
            on_failure=sources.S3OnFailureDestination(failures),
        )
        age = stream.metric_get_records_iterator_age_milliseconds(period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM)
        self._alarm(f"{name}AgeAlarm", age, threshold=900_000, treat=cloudwatch.TreatMissingData.BREACHING)
        for metric in ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount"):
            count = cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name=metric,
                dimensions_map={"EventSourceMappingUUID": mapping.event_source_mapping_id},
                period=_MINUTE,
                statistic=cloudwatch.Stats.SUM,
            )
            self._alarm(f"{name}{metric}Alarm", count, threshold=1)
        left = cloudwatch.Metric(
            namespace="AWS/S3",
            metric_name="NumberOfObjects",
            dimensions_map={"BucketName": failures.bucket_name, "StorageType": "AllStorageTypes"},
            period=Duration.days(1),
            statistic=cloudwatch.Stats.MAXIMUM,
        )
        self._alarm(f"{name}LeftAlarm", left, threshold=1)
        return stream

    def _bucket(self, name: str, *, versioned: bool) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            versioned=versioned,
            enforce_ssl=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _consumer(self, name: str, module: str) -> lambda_.Function:
        return sample_function(self, f"{name}Consumer", module, self._table, ["dynamodb:UpdateItem"])

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        *,
        threshold: int,
        treat: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        metric.create_alarm(
            self,
            name,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=treat,
        )


def sample_function(
    scope: Construct, id: str, module: str, table: dynamodb.TableV2, actions: Sequence[str], **environment: str
) -> lambda_.Function:
    """Define one of the sample's own functions, which may do `actions` to `table`."""
    function = lambda_.Function(
        scope,
        id,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(_SAMPLE), exclude=["*", "!handlers", "!handlers/*.py"]),
        handler=f"handlers.{module}.handler",
        timeout=Duration.seconds(10),
        memory_size=256,
        tracing=lambda_.Tracing.ACTIVE,
        environment={"TABLE": table.table_name, **environment},
        log_group=logs.LogGroup(
            scope, f"{id}Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        ),
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=[table.table_arn]))
    return function
