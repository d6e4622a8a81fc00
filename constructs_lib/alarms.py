"""Alarms that reach somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping

# What SNS asks of a key for those who publish to an encrypted topic:
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
_USE_OF_KEY = ("kms:Decrypt", "kms:GenerateDataKey*")
_PUBLISHERS = ("cloudwatch", "events")


class AlarmTopic(Construct):
    """One encrypted topic that CloudWatch's alarms and EventBridge's rules of the account can publish to.

    Its key is customer-managed, because nobody can let CloudWatch use the key that AWS manages for SNS: an alarm on
    a topic under `alias/aws/sns` changes its state and tells nobody. And it names its publishers, because the policy
    that refuses plain HTTP takes the place of the one that lets the whole account publish.

    Attributes:
        topic: Subscribe to it whoever should hear.
        key: Encrypts what is published.
    """

    def __init__(self, scope: Construct, id: str, *, removal_policy: RemovalPolicy = RemovalPolicy.RETAIN) -> None:
        """Define the topic.

        Args:
            scope: Where to define it.
            id: The construct's id.
            removal_policy: What happens to the key when it leaves the stack.
        """
        super().__init__(scope, id)
        self.key = kms.Key(
            self,
            "Key",
            description="Encrypts alarms on their way to whoever is told of them.",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.topic = sns.Topic(self, "Topic", master_key=self.key, enforce_ssl=True)
        for service in _PUBLISHERS:
            principal = iam.ServicePrincipal(f"{service}.amazonaws.com")
            self._allow(principal)

    def _allow(self, principal: iam.ServicePrincipal) -> None:
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[principal],
                resources=[self.topic.topic_arn],
                conditions=_of_account(self),
            )
        )
        _allow_key(self.key, principal)


def create_alarm(
    scope: Construct,
    id: str,
    *,
    metric: cloudwatch.IMetric,
    threshold: float,
    description: str,
    topic: sns.ITopic | AlarmTopic | None,
    evaluation_periods: int = 1,
    missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
) -> cloudwatch.Alarm:
    """Define an alarm that is raised when a metric reaches a threshold, and tell a topic of it.

    Args:
        scope: Where to define it.
        id: Its id.
        metric: What to watch.
        threshold: The value from which on it is raised.
        description: What has happened and what to do, as an operator reads it in the middle of the night.
        topic: See `notify`; None to tell nobody yet.
        evaluation_periods: For how many of the metric's periods in a row.
        missing_data: What a period without data means.
    """
    alarm = cloudwatch.Alarm(
        scope,
        id,
        metric=metric,
        threshold=threshold,
        alarm_description=description,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluation_periods=evaluation_periods,
        treat_missing_data=missing_data,
    )
    if topic is not None:
        notify(alarm, topic)
    return alarm


def notify(alarm: cloudwatch.Alarm, topic: sns.ITopic | AlarmTopic) -> None:
    """Tell a topic when an alarm is raised, and when it is over.

    If this app defines the topic's key, CloudWatch is allowed to use it. All else is up to whoever owns the topic:
    that its policy lets `cloudwatch.amazonaws.com` do `sns:Publish`, and that the policy of an imported key lets it
    do `kms:Decrypt` and `kms:GenerateDataKey*`. An alarm that may not publish says so in its history only.

    Args:
        alarm: What to tell of.
        topic: Whom to tell: an `AlarmTopic`, or a topic of your own.
    """
    if isinstance(topic, AlarmTopic):
        topic = topic.topic
    if topic.master_key is not None:
        _allow_key(topic.master_key, iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    action = actions.SnsAction(topic)
    alarm.add_alarm_action(action)
    alarm.add_ok_action(action)


def _allow_key(key: kms.IKey, principal: iam.ServicePrincipal) -> None:
    # Without a condition on the account: CloudWatch calls KMS itself, and no document promises the key for one. The
    # key is of use for this topic only, whose own policy has the condition.
    key.add_to_resource_policy(iam.PolicyStatement(actions=list(_USE_OF_KEY), principals=[principal], resources=["*"]))


def _of_account(scope: Construct) -> Mapping[str, Mapping[str, str]]:
    return {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
