"""Store requests as messages of an SQS queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api.stores.messages import Order, send
from constructs_lib.storage_first_api.stores.reach import require_reachable
from constructs_lib.stored_queue import StoredQueue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_sqs as sqs

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.integrations import ServiceCall
    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.values import Text

# A message has at most 1 MiB, its attributes included.
_MAX_BODY = Size.kibibytes(1020)


class SqsStore:
    """Stores each request of a route as one message: the body exactly as it came, with the attribute `requestId`.

    The answer's id is the message's. A repetition of a request in a FIFO queue is the same message for five minutes,
    as long as both key and body are the same; standard queues know no repetitions.
    """

    def __init__(
        self, queue: sqs.IQueue | StoredQueue, *, group_id: Text | None = None, deduplication_id: Text | None = None
    ) -> None:
        """Store requests in `queue`.

        Args:
            queue: The queue, standard or FIFO, or a `StoredQueue`.
            group_id: Messages of one group keep their order; needed for a FIFO queue. In a standard queue, groups share
                the consumers fairly. Where the route's access gives a tenant, a group is the tenant's own.
            deduplication_id: By what a FIFO queue tells a repetition; by default the caller's `Idempotency-Key`.

        Raises:
            ValueError: If `queue` is FIFO and has no group, or is standard and has a `deduplication_id`.
        """
        self.queue = queue.queue if isinstance(queue, StoredQueue) else queue
        self._order = Order(
            self.queue.node.path, fifo=self.queue.fifo, group_id=group_id, deduplication_id=deduplication_id
        )

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.queue.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell how it does."""
        return [
            self.queue.metric_approximate_age_of_oldest_message(),
            self.queue.metric_approximate_number_of_messages_visible(),
        ]

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` send messages, and nothing else."""
        if self.queue.encryption_master_key:
            self.queue.encryption_master_key.grant(grantee, "kms:Decrypt", "kms:GenerateDataKey")
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["sqs:SendMessage"], resource_arns=[self.queue.queue_arn]
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the queue.

        Raises:
            ValueError: If it is in another Region.
        """
        del route
        require_reachable("queue", self.queue, api, other_accounts=True)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        return send(
            route,
            self._order,
            service="sqs",
            action="SendMessage",
            path=f"{self.queue.env.account}/{self.queue.queue_name}",
            fields={},
            body_field="MessageBody",
            attributes="MessageAttribute",
            max_body=_MAX_BODY,
            id_path="$.SendMessageResponse.SendMessageResult.MessageId",
        )
