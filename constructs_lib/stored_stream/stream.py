"""A stream with everything that it needs so that no record of it is lost unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib._consumers import consumer_of
from constructs_lib._limits import require_between, require_duration
from constructs_lib.alarms import AlarmTopic, create_alarm
from constructs_lib.stored_stream.failures import FailuresBucket

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_stepfunctions as sfn

_PERIOD: Final = Duration.minutes(1)
_DAY = Duration.days(1)  # what a stream keeps at least, and by default
_OLDEST = Duration.days(7)  # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
_BREACHING, _NOT_BREACHING = cloudwatch.TreatMissingData.BREACHING, cloudwatch.TreatMissingData.NOT_BREACHING
_MARGIN = Duration.hours(1)  # in which Lambda gives a record up before the stream has forgotten it


class StoredStream(Construct):
    """A Kinesis stream, a place for what fails, its alarms, and what works on it.

    A record that cannot be processed holds up its shard for a bounded time. Then Lambda writes it to `failures`, as
    it was delivered: the record itself, not only its position, which would lead nowhere once the stream has forgotten
    it. Each object there is one batch that was given up:

    - Its key is `aws/lambda/<mapping's UUID>/<shard id>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>`.
    - It is a JSON object, whose `payload` is a string: the event that the function got, `{"Records": [...]}`, as JSON.
      Of each record, `kinesis.partitionKey` and `kinesis.data` (in base64) are what `PutRecord` takes to send it
      again. `KinesisBatchInfo.streamArn` names the stream, `requestContext.condition` tells why.

    (https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html)

    A state machine gets `{"id", "key", "body"}`: the record's shard and sequence number, its partition key, and its
    data, which must be JSON. A Standard one is started under that id as its execution's name, so that a record that is
    delivered twice starts one execution; from there on the execution answers for it, and alarms tell of those that
    fail or time out. Of an Express one the record waits for its success. An imported state machine is taken for a
    Standard one.

    Attributes:
        stream: Where records are stored.
        failures: The bucket of what Lambda gave up on; None without a consumer.
        mapping: What hands records to the consumer, a batch at a time; None without a consumer.
        failures_alarm: Raised when records are put aside in `failures`; None without a consumer.
        left_alarm: Raised while `failures` is not empty, as S3 counts once a day; None without a consumer.
        lost_alarm: Raised when records are dropped that could not be put aside either; None without a consumer.
        age_alarm: Raised while records are read later than `alarm_age`, and while nobody reads although there is a
            consumer.
    """

    def __init__(  # noqa: PLR0913  (props are keyword-only arguments)
        self,
        scope: Construct,
        id: str,
        *,
        stream: kinesis.IStream | None = None,
        consumer: lambda_.IFunction | sfn.IStateMachine | None = None,
        batch_size: int = 100,
        batching_window: Duration | None = None,
        parallelization_factor: int = 1,
        retry_attempts: int = 10,
        max_record_age: Duration | None = None,
        retention_period: Duration | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_age: Duration = Duration.minutes(15),
        alarm_topic: sns.ITopic | AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the stream, or take an existing one, and wire it.

        Args:
            scope: Where to define it.
            id: The construct's id.
            stream: An existing stream. `retention_period` and `encryption_key` are its own then.
            consumer: What works on the records; None if something else does. A function that raises an exception has
                its batch halved, until the bad record is alone; one that returns a partial batch response gets
                everything from its first failure on again, and loses all of that to `failures` in the end.
            batch_size: How many records the consumer gets at most at once: 1 to 10,000. An Express state machine
                takes 1.
            batching_window: How long to gather a batch, at most 5 minutes.
            parallelization_factor: How many batches of a shard are worked on at once, 1 to 10. Records with the same
                partition key keep their order.
            retry_attempts: How often a failed batch is tried again, 0 to 10,000.
            max_record_age: The age at which Lambda gives a record up, 1 minute to 7 days, and less than the stream
                keeps it: what the stream has forgotten, Lambda cannot put aside. By default an hour less, so that a
                consumer that was throttled or switched off catches up.
            retention_period: How long a new stream keeps records, 1 to 365 days. By default 7 days, so that a
                consumer may be switched off over a weekend; what is kept for more than a day costs extra.
            encryption_key: Encrypts the new stream, and what fails of it. By default AWS's key for Kinesis does.
            alarm_age: How old a record may be when it is read.
            alarm_topic: Who is told of alarms, such as an `AlarmTopic`.
            removal_policy: What happens to stream, failures and logs when they leave the stack.

        Raises:
            ValueError: If Kinesis or Lambda would refuse a value, or a combination would lose records.
        """
        require_between("batch_size", batch_size, 1, 10_000)
        if batching_window:
            require_duration("batching_window", batching_window, Duration.seconds(0), Duration.minutes(5))
        require_between("parallelization_factor", parallelization_factor, 1, 10)
        require_between(
            "retry_attempts", retry_attempts, 0, 10_000, because="Without an end, one bad record blocks its shard."
        )
        if stream is not None:
            _refuse_with_stream("retention_period", retention_period)
            _refuse_with_stream("encryption_key", encryption_key)
        kept = _retention(retention_period) if stream is None else _retention_of(stream)
        max_record_age = _record_age(max_record_age, kept)
        super().__init__(scope, id)
        self.stream = stream or self._define_stream(kept, encryption_key, removal_policy)
        self.age_alarm = create_alarm(
            self,
            "AgeAlarm",
            metric=self.metric_iterator_age(),
            threshold=alarm_age.to_milliseconds(),
            description="Records are read too late, or by nobody. The consumer is slow, throttled, off or failing.",
            topic=alarm_topic,
            evaluation_periods=5,
            # Whoever reads an empty stream makes a data point too. None at all: the mapping is switched off.
            missing_data=_BREACHING if consumer else _NOT_BREACHING,
        )
        self.failures: s3.Bucket | None = None
        self.mapping: lambda_.EventSourceMapping | None = None
        self.failures_alarm: cloudwatch.Alarm | None = None
        self.left_alarm: cloudwatch.Alarm | None = None
        self.lost_alarm: cloudwatch.Alarm | None = None
        if consumer:
            worker = consumer_of(self, consumer, alarm_topic=alarm_topic, removal_policy=removal_policy)
            worker.check_batch_size(batch_size, in_order=True)
            self.failures = self._define_failures(removal_policy)
            self.mapping = lambda_.EventSourceMapping(
                self,
                "Mapping",
                target=worker.function,
                event_source_arn=self.stream.stream_arn,
                # Not LATEST: records that are stored while the mapping is being created would be passed over.
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=batch_size,
                max_batching_window=batching_window,
                parallelization_factor=parallelization_factor,
                report_batch_item_failures=True,
                bisect_batch_on_error=True,
                retry_attempts=retry_attempts,
                max_record_age=max_record_age,
                on_failure=FailuresBucket(self.failures),
                support_s3_on_failure_destination=True,
                metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
            )
            # Lambda refuses a mapping whose function may not read from the stream yet.
            self.stream.grant_read(worker.function).apply_before(self.mapping)
            self._watch(self.mapping, self.failures, alarm_topic)

    def metric_iterator_age(self) -> cloudwatch.Metric:
        """How old records are when they are read, in milliseconds; each minute's most."""
        return self.stream.metric_get_records_iterator_age_milliseconds(
            period=_PERIOD, statistic=cloudwatch.Stats.MAXIMUM
        )

    def metric_incoming_records(self) -> cloudwatch.Metric:
        """How many records are stored in each minute."""
        return self.stream.metric_incoming_records(period=_PERIOD, statistic=cloudwatch.Stats.SUM)

    def _define_stream(self, kept: Duration, key: kms.IKey | None, removal_policy: RemovalPolicy) -> kinesis.Stream:
        stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.KMS if key else kinesis.StreamEncryption.MANAGED,
            encryption_key=key,
            retention_period=kept,
            removal_policy=removal_policy,
        )
        if key:
            acknowledge(stream, "AwsSolutions::AwsSolutions-KDS3", reason="The app brings a key of its own.")
        return stream

    def _define_failures(self, removal_policy: RemovalPolicy) -> s3.Bucket:
        key = self.stream.encryption_key  # what is worth a key in the stream is worth it here
        bucket = s3.Bucket(
            self,
            "Failures",
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=removal_policy,
        )
        acknowledge(
            bucket,
            "AwsSolutions::AwsSolutions-S1",
            reason="Only Lambda writes to it and only operators empty it; the log of that would outgrow it.",
        )
        return bucket

    def _watch(
        self, mapping: lambda_.EventSourceMapping, failures: s3.Bucket, topic: sns.ITopic | AlarmTopic | None
    ) -> None:
        self.failures_alarm = create_alarm(
            self,
            "FailuresAlarm",
            metric=_count_of(mapping, "OnFailureDestinationDeliveredEventCount"),
            threshold=1,
            description="Records could not be processed. See why in the consumer's logs, mend it, and redrive them.",
            topic=topic,
        )
        # A bucket that stays empty has no metric. One that is not has one value a day.
        self.left_alarm = create_alarm(
            self,
            "FailuresLeftAlarm",
            metric=cloudwatch.Metric(
                namespace="AWS/S3",
                metric_name="NumberOfObjects",
                dimensions_map={"BucketName": failures.bucket_name, "StorageType": "AllStorageTypes"},
                period=Duration.days(1),
                statistic=cloudwatch.Stats.MAXIMUM,
            ),
            threshold=1,
            description="Records that could not be processed still wait to be redriven.",
            topic=topic,
        )
        self.lost_alarm = create_alarm(
            self,
            "LostAlarm",
            metric=_count_of(mapping, "DroppedEventCount"),
            threshold=1,
            description="Records were dropped, and not put aside. Get them from the stream before it forgets them.",
            topic=topic,
        )


def _count_of(mapping: lambda_.EventSourceMapping, name: str) -> cloudwatch.Metric:
    """Name a metric of a mapping: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"EventSourceMappingUUID": mapping.event_source_mapping_id},
        period=_PERIOD,
        statistic=cloudwatch.Stats.SUM,
    )


def _retention(given: Duration | None) -> Duration:
    kept = given or Duration.days(7)
    require_duration("retention_period", kept, _DAY, Duration.days(365))
    return kept


def _retention_of(stream: kinesis.IStream) -> Duration:
    """Look up how long a stream keeps records; what is not known here is taken for the least there is."""
    defined = stream.node.default_child
    hours = defined.retention_period_hours if isinstance(defined, kinesis.CfnStream) else None
    return _DAY if hours is None or Token.is_unresolved(hours) else Duration.hours(hours)


def _record_age(given: Duration | None, kept: Duration) -> Duration:
    if given is None:
        kept = _DAY if kept.is_unresolved() else kept
        return Duration.seconds(min(kept.to_seconds() - _MARGIN.to_seconds(), _OLDEST.to_seconds()))
    require_duration("max_record_age", given, Duration.minutes(1), _OLDEST)
    if not given.is_unresolved() and not kept.is_unresolved() and given.to_seconds() >= kept.to_seconds():
        raise ValueError(
            f"max_record_age must be less than the stream keeps records, {kept.to_human_string()}, got "
            f"{given.to_human_string()}: Lambda cannot put aside what the stream has forgotten."
        )
    return given


def _refuse_with_stream(argument: str, value: object) -> None:
    if value is not None:
        raise ValueError(f"{argument} is up to the existing stream.")
