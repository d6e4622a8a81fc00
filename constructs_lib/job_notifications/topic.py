"""Changes of jobs on an SNS topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aws_cdk import Duration, Names, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from constructs_lib._dead_letters import dead_letters
from constructs_lib.alarms import AlarmTopic
from constructs_lib.job_notifications.events import STATUS_CHANGED, pattern

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from constructs_lib.job_tracker import JobTracker


class JobTopic(Construct):
    """Publishes every change of a job's status to an SNS topic. Made by `notify`.

    Attributes:
        rule: What publishes.
        dead_letter_queue: Events that could not be published within a day.
        dead_letter_alarm: Raised while there are any.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus,
        topic: sns.ITopic,
        alarm_topic: sns.ITopic | AlarmTopic | None,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Define the rule; see `notify` for the arguments."""
        super().__init__(scope, id)
        self.dead_letter_queue, self.dead_letter_alarm = dead_letters(
            self,
            "DeadLetters",
            description="Changes of jobs could not be published. Does the topic, and its key, let EventBridge publish?",
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
        )
        self.rule = events.Rule(
            self,
            "Rule",
            description="Tell a topic what has become of jobs.",
            event_bus=bus,
            event_pattern=pattern(STATUS_CHANGED),
            targets=[targets.SnsTopic(topic, dead_letter_queue=self.dead_letter_queue, max_event_age=Duration.days(1))],
        )


def notify(
    tracker: JobTracker,
    topic: sns.ITopic | AlarmTopic,
    *,
    alarm_topic: sns.ITopic | AlarmTopic | None = None,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> JobTopic:
    """Publish every change of status of the jobs of a tracker to an SNS topic.

    A message is the event, as the bus has it. Subscriptions choose from it by filter policies of scope `MessageBody`,
    such as `{"detail": {"status": ["Failed"]}}`.

    A topic that this app defines lets EventBridge publish, and so does its key. The policy of an imported topic must
    let `events.amazonaws.com` do `sns:Publish`; that of an imported key, `kms:Decrypt` and `kms:GenerateDataKey*`.
    Nobody can let EventBridge use the key that AWS manages for SNS.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

    Args:
        tracker: Whose jobs.
        topic: Whom to tell: a standard topic.
        alarm_topic: Who is told of changes that could not be published.
        removal_policy: What happens to those when they leave the stack.

    Raises:
        ValueError: If `topic` is FIFO, or is told already.
    """
    if isinstance(topic, AlarmTopic):
        topic = topic.topic
    if topic.fifo:
        raise ValueError("topic must be a standard topic: a FIFO topic wants a message group, which no rule gives.")
    topics = cast("Construct", tracker.node.try_find_child("Topics")) or Construct(tracker, "Topics")
    name = Names.unique_resource_name(topic, separator="-")
    if topics.node.try_find_child(name):
        raise ValueError(f"topic {topic.node.path} is told of the jobs of {tracker.node.path} already: notify it once.")
    return JobTopic(topics, name, bus=tracker.bus, topic=topic, alarm_topic=alarm_topic, removal_policy=removal_policy)
