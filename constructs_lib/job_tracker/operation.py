"""Job tracking as its operators see it: how jobs end, and whether it keeps up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.alarms import AlarmTopic, create_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from constructs import Construct

# As lambdas.jobs.stream_reader counts; `service` is a dimension that Powertools adds.
_NAMESPACE: Final = "StorageFirst"
_SERVICE: Final = "stream_reader"
_PERIOD: Final = Duration.minutes(5)
_BEHIND: Final = Duration.minutes(5)


class Operation:
    """Metrics of a tracker, and alarms on them.

    Attributes:
        failed_alarm: Raised when jobs have failed.
        age_alarm: Raised when stored jobs wait for five minutes to be seen at all.
        reconciler_alarm: Raised when the reconciler could not look after all open jobs.
    """

    def __init__(
        self,
        scope: Construct,
        table: dynamodb.ITableV2,
        reader: lambda_.IFunction,
        reconciler: lambda_.IFunction,
        *,
        alarm_failed: int,
        alarm_topic: sns.ITopic | AlarmTopic | None,
    ) -> None:
        """Define the alarms; see `JobTracker` for the arguments."""
        self._table = table
        self._reader = reader
        self.failed_alarm = create_alarm(
            scope,
            "FailedAlarm",
            metric=self.metric_ended("Failed"),
            threshold=alarm_failed,
            description="Jobs have failed. See why with `storage-first jobs list --status Failed`, mend it, and send "
            "them again with `storage-first jobs retry --status Failed`.",
            topic=alarm_topic,
        )
        self.age_alarm = create_alarm(
            scope,
            "AgeAlarm",
            metric=self.metric_reader_age(),
            threshold=_BEHIND.to_milliseconds(),
            description="Stored jobs wait. The stream reader is slow, throttled, off or failing: see its logs.",
            topic=alarm_topic,
        )
        self.reconciler_alarm = create_alarm(
            scope,
            "ReconcilerAlarm",
            metric=reconciler.metric_errors(period=_PERIOD, statistic=cloudwatch.Stats.SUM),
            threshold=1,
            evaluation_periods=2,
            description="Open jobs could not be looked after, twice in a row: see the logs of the reconciler.",
            topic=alarm_topic,
        )

    def metric_ended(self, status: str) -> cloudwatch.Metric:
        """How many jobs have become `Succeeded`, `Failed` or `Cancelled`, in five minutes."""
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=f"Jobs{status}",
            dimensions_map={"service": _SERVICE, "JobsTable": self._table.table_name},
            period=_PERIOD,
            statistic=cloudwatch.Stats.SUM,
        )

    def metric_reader_age(self) -> cloudwatch.Metric:
        """How far the stream reader is behind, in milliseconds; each minute's most."""
        return self._reader.metric("IteratorAge", period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM)
