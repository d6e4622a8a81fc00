"""Store requests as events of an EventBridge bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import refused, says
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall, accepted
from constructs_lib.storage_first_api.problems import bad_request, choose
from constructs_lib.storage_first_api.reader import RequestReader
from constructs_lib.storage_first_api.stores.reach import require_reachable
from constructs_lib.storage_first_api.values import Text, body, join, request_id, tenant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_events as events

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.templates import Value

# An entry has at most 1 MB, with its source, detail type and resources.
_MAX_BODY = Size.kibibytes(972)
# What an entry that failed inside a 200 says: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
_FAILED = "$!input.path('$.Entries[0].ErrorCode')"
_NOT_AN_EVENT = bad_request("The body cannot be the detail of an event.")


class EventBridgeStore:
    """Stores each request of a route as one event, whose detail is the body exactly as it came.

    The event's resources name the request (`request/<id>`) and, where the route's access gives one, the tenant
    (`tenant/<tenant>`). The answer's id is the event's. A bus keeps an event only until its targets have it: archive
    the bus, or give each rule's target a dead-letter queue.
    """

    def __init__(self, bus: events.IEventBus, *, source: Text, detail_type: Text) -> None:
        """Store requests in `bus`.

        Args:
            bus: The bus.
            source: The source of the events, up to 256 characters; `aws.` is AWS's own.
            detail_type: Their detail type, up to 128 characters.

        Raises:
            ValueError: If `source` is a literal that begins with `aws.`, or one of both is empty or too long.
        """
        for name, value, limit in (("source", source, 256), ("detail_type", detail_type, 128)):
            if isinstance(value, str) and not 1 <= len(value) <= limit:
                raise ValueError(f"{name} must have 1 to {limit} characters; got {len(value)}")
        if isinstance(source, str) and source.startswith("aws."):
            raise ValueError(f'source must not begin with "aws.", which only AWS may send; got {source!r}')
        self.bus = bus
        self._source = source
        self._detail_type = detail_type

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.bus.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell nothing: CloudWatch has no metrics of it without a charge."""
        return ()

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put events, and nothing else."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["events:PutEvents"], resource_arns=[self.bus.event_bus_arn]
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the bus.

        Raises:
            ValueError: If it is in another Region or account.
        """
        del route
        require_reachable("bus", self.bus, api)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        reader = RequestReader(route)
        reader.refuse_body_over(_MAX_BODY)
        self._require(reader, self._source, "(?s)(?!aws[.]).{1,256}", "source")
        self._require(reader, self._detail_type, "(?s).{1,128}", "detail type")
        resources: list[Text] = [join("request/", request_id())]
        if route.access.tenant:
            resources.append(join("tenant/", tenant()))
        entry: Mapping[str, Value] = {
            "EventBusName": self.bus.event_bus_name,
            "Source": reader.text(self._source),
            "DetailType": reader.text(self._detail_type),
            "Detail": reader.text(body()),
            "Resources": [reader.text(resource) for resource in resources],
        }
        template = reader.document(
            {"Entries": [entry]},
            # The id of an endpoint has a dot in its middle.
            impossible=lambda reason: {
                "EndpointId": reason,
                "Entries": [
                    {"EventBusName": self.bus.event_bus_name, "Source": "-", "DetailType": "-", "Detail": "{}"}
                ],
            },
        )
        cases = [*reader.refusals, (says("size"), problems.TOO_LARGE)]
        return ServiceCall(
            service="events",
            action="PutEvents",
            template=template,
            # API Gateway knows the header of other services by their action, not of this one.
            parameters={
                "header.X-Amz-Target": "'AWSEvents.PutEvents'",
                "header.Content-Type": "'application/x-amz-json-1.1'",
            },
            headers=reader.headers,
            query_parameters=reader.query_parameters,
            documentation=reader.documentation,
            answers=[self._accepted(), refused(cases)],
        )

    def _require(self, reader: RequestReader, text: Text, pattern: str, name: str) -> None:
        if not isinstance(text, str):
            reader.require(text, pattern, bad_request(f"The {name} of the event is empty, too long, or AWS's own."))

    def _accepted(self) -> Answer:
        unconfirmed = choose(
            [
                ('$failed.contains("Throttl")', problems.THROTTLED),
                ('$failed == "MalformedDetail"', _NOT_AN_EVENT),
                (
                    '$failed == "" || $failed == "InternalFailure" || $failed == "InternalException"',
                    problems.UNAVAILABLE,
                ),
            ],
            otherwise=problems.MISCONFIGURED,
        )
        return accepted(
            "$!input.path('$.Entries[0].EventId')", setup=f'#set($failed = "{_FAILED}")', unconfirmed=unconfirmed
        )
