"""The events of a tracker's jobs, and where those end that could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib.alarms import AlarmTopic, create_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

STATUS_CHANGED: Final = "Job Status Changed"
PROGRESSED: Final = "Job Progressed"


def pattern(*detail_types: str) -> events.EventPattern:
    """Match events of jobs."""
    return events.EventPattern(source=["storage-first"], detail_type=list(detail_types))


class DeadLetters(Construct):
    """Events that could not be delivered, and an alarm that says so.

    Attributes:
        queue: The events.
        alarm: Raised while there are any.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        alarm_topic: sns.ITopic | AlarmTopic | None,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Define the queue and its alarm.

        Args:
            scope: Where to define them.
            id: The construct's id.
            description: What has happened and what to do.
            alarm_topic: Who is told.
            removal_policy: What happens to the events when they leave the stack.
        """
        super().__init__(scope, id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
            removal_policy=removal_policy,
        )
        acknowledge(
            self.queue,
            "AwsSolutions::AwsSolutions-SQS3",
            "Serverless::Serverless-SQSRedrivePolicy",
            reason="It is the end of the line, and has an alarm.",
        )
        self.alarm = create_alarm(
            self,
            "Alarm",
            metric=self.queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
            ),
            threshold=1,
            description=description,
            topic=alarm_topic,
        )
