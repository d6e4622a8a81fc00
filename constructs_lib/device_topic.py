"""Devices are storage-first too: what they publish is in a queue before any code runs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib._dead_letters import dead_letters, metric_waiting
from constructs_lib.stored_queue import StoredQueue

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sns as sns

    from constructs_lib.alarms import AlarmTopic

# https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
_MAX_BYTES: Final = 256
_MAX_SLASHES: Final = 7
# `encode(*, …)` takes the payload as it was published. `SELECT *` would read it as JSON and write it anew.
_SELECT: Final = (
    "SELECT encode(*, 'base64') AS payload, topic() AS topic, clientid() AS clientId, "
    "timestamp() AS timestamp, traceid() AS traceId"
)


class DeviceTopic(Construct):
    """An IoT Core rule that stores every message to a topic in a queue.

    A stored message is `{"payload", "topic", "clientId", "timestamp", "traceId"}`: the payload in base64, byte for
    byte as the device published it, whether it is JSON or not; the topic; who published, as the broker knows it; when,
    in milliseconds since 1970; and the id under which CloudWatch's logs of IoT Core know the message.

    What the queue does not take goes to `undelivered`, as the JSON that IoT Core makes of it: the payload is its
    `base64OriginalPayload`, and `failures` tells why
    (https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html).

    The broker acknowledges a message (QoS 1) when it has it itself, and not when it is in the queue.

    Attributes:
        queue: Where messages are stored.
        undelivered: What could not be stored there.
        undelivered_alarm: Raised while `undelivered` is not empty.
        rule: The rule.
        role: What the rule may do: send to these two queues.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic_filter: str,
        queue: sqs.IQueue | StoredQueue,
        alarm_topic: sns.ITopic | AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the rule.

        Args:
            scope: Where to define it.
            id: The construct's id.
            topic_filter: Which topics, such as `fields/+/telemetry` or `fields/#`.
            queue: A standard queue; IoT Core cannot send to a FIFO queue.
            alarm_topic: Who is told of messages that could not be stored, such as an `AlarmTopic`.
            removal_policy: What happens to undelivered messages when they leave the stack.

        Raises:
            ValueError: If `topic_filter` is none, or `queue` is FIFO.
        """
        _check_topic_filter(topic_filter)
        self.queue: sqs.IQueue = queue.queue if isinstance(queue, StoredQueue) else queue
        if self.queue.fifo:
            # https://docs.aws.amazon.com/iot/latest/developerguide/sqs-rule-action.html
            raise ValueError("queue must be a standard queue: IoT Core's rules cannot send to a FIFO queue.")
        super().__init__(scope, id)
        self.undelivered, self.undelivered_alarm = dead_letters(
            self,
            "Undelivered",
            description="Messages of devices could not be stored in their queue. Each tells why in its `failures`.",
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
        )
        self.role = iam.Role(
            self,
            "Role",
            description="Stores messages of devices in their queue.",
            assumed_by=iam.ServicePrincipal(
                "iot.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
        )
        self.rule = iot.CfnTopicRule(
            self,
            "Rule",
            topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
                description="Stores messages of devices in their queue.",
                sql=f"{_SELECT} FROM '{topic_filter}'",
                aws_iot_sql_version="2016-03-23",
                actions=[self._send_to(self.queue)],
                error_action=self._send_to(self.undelivered),
            ),
        )
        # The rule is live at once: a message in between would find a role that may not store it.
        for grant in (self._grant_send(self.queue), self._grant_send(self.undelivered)):
            grant.apply_before(self.rule)

    def metric_undelivered(self) -> cloudwatch.Metric:
        """How many messages could not be stored in the queue, each minute's most."""
        return metric_waiting(self.undelivered)

    def _send_to(self, queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        # Not in base64 as a whole: the payload is already.
        return iot.CfnTopicRule.ActionProperty(
            sqs=iot.CfnTopicRule.SqsActionProperty(
                queue_url=queue.queue_url, role_arn=self.role.role_arn, use_base64=False
            )
        )

    def _grant_send(self, queue: sqs.IQueue) -> iam.Grant:
        """Allow sending only. The queue's own `grant_send_messages` allows looking at it too."""
        if queue.encryption_master_key:
            queue.encryption_master_key.grant(self.role, "kms:Decrypt", "kms:GenerateDataKey")
        return iam.Grant.add_to_principal(
            grantee=self.role, actions=["sqs:SendMessage"], resource_arns=[queue.queue_arn]
        )


def _check_topic_filter(topic_filter: str) -> None:
    """Refuse what is no topic filter; in particular a quote, which would end it in the rule's SQL.

    Raises:
        ValueError: If it is none.
    """
    if Token.is_unresolved(topic_filter):
        raise ValueError("topic_filter must be known at synth: it becomes part of the rule's SQL.")
    levels = topic_filter.split("/")
    wildcards = [level for level in levels if level not in {"+", "#"} and ("+" in level or "#" in level)]
    problems = {
        "be 1 to 256 bytes long": not 1 <= len(topic_filter.encode()) <= _MAX_BYTES,
        "have at most 7 slashes": len(levels) - 1 > _MAX_SLASHES and not topic_filter.startswith("$"),
        "have no quote, backslash or control character": any(c in "'\\" or not c.isprintable() for c in topic_filter),
        "have + and # as whole levels only": bool(wildcards),
        "have # as its last level only": "#" in levels[:-1],
    }
    for rule, is_broken in problems.items():
        if is_broken:
            raise ValueError(f"topic_filter must {rule}, got {topic_filter!r}.")
