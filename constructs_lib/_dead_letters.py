"""Where what could not be delivered ends, and the alarm that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from constructs_lib._acknowledge import acknowledge
from constructs_lib.alarms import AlarmTopic, create_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from constructs import Construct


def dead_letters(
    scope: Construct,
    id: str,
    *,
    description: str,
    alarm_topic: sns.ITopic | AlarmTopic | None,
    removal_policy: RemovalPolicy,
) -> tuple[sqs.Queue, cloudwatch.Alarm]:
    """Define a queue that nothing works on, and an alarm that is raised while it is not empty.

    Args:
        scope: Where to define them.
        id: The queue's id; the alarm's is the same with `Alarm` behind it.
        description: What has happened and what to do, as an operator reads it.
        alarm_topic: Who is told.
        removal_policy: What happens to what is in the queue when it leaves the stack.
    """
    queue = sqs.Queue(
        scope,
        id,
        enforce_ssl=True,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        retention_period=Duration.days(14),  # the longest there is
        removal_policy=removal_policy,
    )
    acknowledge(
        queue,
        "AwsSolutions::AwsSolutions-SQS3",
        "Serverless::Serverless-SQSRedrivePolicy",
        reason="It is the end of the line, and has an alarm.",
    )
    alarm = create_alarm(
        scope, f"{id}Alarm", metric=metric_waiting(queue), threshold=1, description=description, topic=alarm_topic
    )
    return queue, alarm


def metric_waiting(queue: sqs.IQueue) -> cloudwatch.Metric:
    """How many messages wait in `queue`, each minute's most."""
    return queue.metric_approximate_number_of_messages_visible(
        period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
    )
