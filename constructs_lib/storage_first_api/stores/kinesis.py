"""Store requests as records of a Kinesis stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import refused, says
from constructs_lib.storage_first_api.integrations import ServiceCall, accepted
from constructs_lib.storage_first_api.problems import bad_request
from constructs_lib.storage_first_api.reader import RequestReader
from constructs_lib.storage_first_api.stores.reach import require_reachable
from constructs_lib.storage_first_api.values import Text, body, request_id
from constructs_lib.stored_stream import StoredStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_kinesis as kinesis

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route

_LONGEST_KEY = 256
_BAD_KEY = bad_request("The partition key of the record must have 1 to 256 characters.")


class KinesisStore:
    """Stores each request of a route as one record, whose data is the body exactly as it came.

    The answer's id is the record's sequence number. A stream knows no repetitions.
    """

    def __init__(self, stream: kinesis.IStream | StoredStream, *, partition_key: Text | None = None) -> None:
        """Store requests in `stream`.

        Args:
            stream: The stream, or a `StoredStream`.
            partition_key: Records of one key keep their order; by default each request has its own, which spreads them
                over all shards. Where the route's access gives a tenant, a key is the tenant's own.

        Raises:
            ValueError: If `partition_key` is a literal that Kinesis does not take.
        """
        self.stream = stream.stream if isinstance(stream, StoredStream) else stream
        self._partition_key = request_id() if partition_key is None else partition_key
        if isinstance(self._partition_key, str) and not 1 <= len(self._partition_key) <= _LONGEST_KEY:
            raise ValueError(f"partition_key must have 1 to {_LONGEST_KEY} characters; got {len(self._partition_key)}")

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.stream.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell how it does."""
        return [self.stream.metric_incoming_records(), self.stream.metric_write_provisioned_throughput_exceeded()]

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put records, and nothing else."""
        if self.stream.encryption_key:
            self.stream.encryption_key.grant(grantee, "kms:GenerateDataKey")
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["kinesis:PutRecord"], resource_arns=[self.stream.stream_arn]
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the stream.

        Raises:
            ValueError: If it is in another Region or account.
        """
        del route
        require_reachable("stream", self.stream, api)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        reader = RequestReader(route)
        key = route.scoped(self._partition_key)
        reader.require(key, f"(?s).{{1,{_LONGEST_KEY}}}", _BAD_KEY)
        stream = self.stream.stream_name
        template = reader.document(
            {"StreamName": stream, "Data": reader.base64(body()), "PartitionKey": reader.text(key)},
            # A hash key is a number of up to 39 digits.
            impossible=lambda reason: {
                "StreamName": stream,
                "Data": "",
                "PartitionKey": "-",
                "ExplicitHashKey": reason,
            },
        )
        cases = [*reader.refusals, (says("at 'data'"), problems.TOO_LARGE)]
        return ServiceCall(
            service="kinesis",
            action="PutRecord",
            template=template,
            parameters={"header.Content-Type": "'application/x-amz-json-1.1'"},
            headers=reader.headers,
            query_parameters=reader.query_parameters,
            documentation=reader.documentation,
            answers=[accepted("$!input.path('$.SequenceNumber')"), refused(cases)],
        )
