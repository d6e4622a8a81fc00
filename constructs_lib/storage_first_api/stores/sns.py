"""Store requests as messages of an SNS topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api.stores.messages import Order, send
from constructs_lib.storage_first_api.stores.reach import require_reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sns as sns

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.integrations import ServiceCall
    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.values import Text

# A message has at most 256 KiB, its attributes included.
_MAX_BODY = Size.kibibytes(252)


class SnsStore:
    """Publishes each request of a route as one message: the body exactly as it came, with the attribute `requestId`.

    SNS keeps a message only until its subscribers have it: subscribe a queue to a topic whose requests must outlive an
    outage of what works on them. The answer's id is the message's.
    """

    def __init__(
        self, topic: sns.ITopic, *, group_id: Text | None = None, deduplication_id: Text | None = None
    ) -> None:
        """Publish requests to `topic`.

        Args:
            topic: The topic, standard or FIFO.
            group_id: Messages of one group keep their order; needed for a FIFO topic. Where the route's access gives a
                tenant, a group is the tenant's own.
            deduplication_id: By what a FIFO topic tells a repetition; by default the caller's `Idempotency-Key`.

        Raises:
            ValueError: If `topic` is FIFO and has no group, or is standard and has a `deduplication_id`.
        """
        self.topic = topic
        self._order = Order(topic.node.path, fifo=topic.fifo, group_id=group_id, deduplication_id=deduplication_id)

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.topic.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell how it does."""
        return [self.topic.metric_number_of_messages_published(), self.topic.metric_number_of_notifications_failed()]

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` publish messages, and nothing else."""
        if self.topic.master_key:
            self.topic.master_key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["sns:Publish"], resource_arns=[self.topic.topic_arn]
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the topic.

        Raises:
            ValueError: If it is in another Region.
        """
        del route
        require_reachable("topic", self.topic, api, other_accounts=True)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that publishes a request to `route`."""
        return send(
            route,
            self._order,
            service="sns",
            action="Publish",
            path="/",
            fields={"TopicArn": self.topic.topic_arn},
            body_field="Message",
            attributes="MessageAttributes.entry",
            max_body=_MAX_BODY,
            id_path="$.PublishResponse.PublishResult.MessageId",
        )
