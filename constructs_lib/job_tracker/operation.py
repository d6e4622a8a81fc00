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

# As lambdas.jobs.metrics counts; `service` is a dimension that Powertools adds.
_NAMESPACE: Final = "StorageFirst"
_PERIOD: Final = Duration.minutes(5)
_BEHIND: Final = Duration.minutes(5)


class Operation:
    """Metrics of a tracker, and alarms on them.

    Attributes:
        failed_alarm: Raised when jobs have failed.
        age_alarm: Raised when the stream reader is five minutes behind.
        late_alarm: Raised when the reconciler has started jobs that the stream reader has not come to.
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
            description="Stored jobs wait. The stream reader is slow or failing: see its logs.",
            topic=alarm_topic,
        )
        # A reader that is not run at all has no age.
        self.late_alarm = create_alarm(
            scope,
            "LateAlarm",
            metric=self.metric_started_late(),
            threshold=1,
            description="Jobs are started minutes late, by the reconciler. The stream reader is off, throttled, "
            "failing or behind, or did not know their type yet: see its event source mapping, and its logs.",
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
        return self._count(f"Jobs{status}", "stream_reader")

    def metric_started_late(self) -> cloudwatch.Metric:
        """How many jobs the reconciler has started because the stream reader had not come to them, in five minutes."""
        return self._count("JobsStartedLate", "reconciler")

    def metric_reader_age(self) -> cloudwatch.Metric:
        """How far the stream reader is behind, in milliseconds; each minute's most."""
        return self._reader.metric("IteratorAge", period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM)

    def _count(self, name: str, service: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": service, "JobsTable": self._table.table_name},
            period=_PERIOD,
            statistic=cloudwatch.Stats.SUM,
        )
