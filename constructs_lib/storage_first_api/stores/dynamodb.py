"""Store requests as items of a DynamoDB table, the same request once."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from aws_cdk import Size
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import is_type, refused, says
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall, accepted
from constructs_lib.storage_first_api.problems import Problem, bad_request
from constructs_lib.storage_first_api.reader import RequestReader
from constructs_lib.storage_first_api.stores.items import (
    check_item,
    check_key,
    is_never_empty,
    is_of_the_moment,
    is_short,
    key_of,
    kind_of,
    takes_numbers,
    write_attribute,
)
from constructs_lib.storage_first_api.stores.reach import require_reachable
from constructs_lib.storage_first_api.templates import Vtl
from constructs_lib.storage_first_api.values import (
    Source,
    Text,
    arrival_time,
    body,
    idempotency_key,
    join,
    request_id,
    tenant,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.stores.items import Attribute
    from constructs_lib.storage_first_api.templates import Value

ITEM = "#set($item = $input.path('$.Attributes'))"  # of an answer to UpdateItem

_LARGEST_BODY_KIB = 350
_LONGEST_EXPRESSION = 4096
_BAD_NUMBER = Problem(
    status=HTTPStatus.BAD_REQUEST,
    detail="A number has more than 38 digits, or is too large or too small. Nothing was stored.",
)
_NUMBERS = [(says(words), _BAD_NUMBER) for words in ("significant digits", "Number overflow", "Number underflow")]
_LONG_KEY = bad_request("What makes the key of the item is too long.")
_EMPTY_KEY = bad_request("What makes a key of the item is empty.")
_REQUEST_ITEM: Mapping[str, Attribute] = {
    "pk": join(tenant(), "#", idempotency_key()),
    "id": idempotency_key(),
    "tenant": tenant(),
    "createdAt": arrival_time(),
    "requestId": request_id(),
    "input": body(),
}


class DynamoDbStore:
    """Stores each request of a route as one item, in one conditional write.

    A request whose key is taken is answered like the first where all that it wrote is the same, and changes nothing;
    with anything else it is refused with 422. Values that differ each time (`request_id()`, `arrival_time()`,
    `expires_after()`, `context()`) are not compared.
    """

    def __init__(
        self,
        table: dynamodb.ITable,
        *,
        item: Mapping[str, Attribute] | None = None,
        key: Sequence[str] | None = None,
        max_body: Size | None = None,
    ) -> None:
        """Store requests in `table`.

        Args:
            table: The table.
            item: The attributes of an item: literals, values of the request, and maps and lists of them. A `Number` is
                stored as a number, a `Bool` as a Boolean, all else as a string. By default `pk` (tenant and
                `Idempotency-Key`, or else the request's id), `id`, `tenant`, `createdAt`, `requestId`, `route` (the
                method and path as called) and `input`, the body exactly as it came. Where the route's access gives a
                tenant and the partition key does not begin with it, the key is `<tenant>#<key>`.
            key: The attributes that are the table's key; needed only where `table` is imported.
            max_body: The largest body that is stored; by default 300 KiB, which leaves room in DynamoDB's 400 KB item.

        Raises:
            ValueError: If DynamoDB would refuse every such `item`, or `max_body` is out of range.
        """
        self.max_body = max_body or Size.kibibytes(300)
        if not 1 <= self.max_body.to_bytes() / 1024 <= _LARGEST_BODY_KIB:
            raise ValueError(
                f"max_body must be 1 to {_LARGEST_BODY_KIB} KiB, because a DynamoDB item has at most 400 KB; "
                f"got {self.max_body.to_bytes() / 1024:g} KiB"
            )
        self.table = table
        # What a repetition must have in common with the first, and the attribute that says when an item has expired.
        self._compared: Sequence[str] | None = None
        self._expires: str | None = next(
            (name for name, value in (item or {}).items() if getattr(value, "source", None) is Source.EXPIRY), None
        )
        self._tells_routes_apart = item is None
        self.item = _REQUEST_ITEM if item is None else item
        self.key = key_of(table, key)
        check_item(self.item)
        check_key(self.item, self.key)

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.table.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell how it does."""
        return [
            self.table.metric_consumed_write_capacity_units(),
            self.table.metric_throttled_requests_for_operations(operations=[dynamodb.Operation.UPDATE_ITEM]),
        ]

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` store requests, and nothing else."""
        if self.table.encryption_key:
            self.table.encryption_key.grant_encrypt_decrypt(grantee)
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["dynamodb:UpdateItem"], resource_arns=[self.table.table_arn]
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the table.

        Raises:
            ValueError: If it is in another Region or account.
        """
        del route
        require_reachable("table", self.table, api)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        reader = RequestReader(route)
        reader.refuse_body_over(self.max_body)
        template = reader.document(
            self._update_item(reader, route),
            impossible=lambda reason: {
                "TableName": self.table.table_name,
                "Key": {name: {"N": "0"} if type_ == "N" else {"S": "-"} for name, type_ in self.key.items()},
                "ReturnValues": reason,
            },
        )
        cases = [
            (is_type("ConditionalCheckFailed"), problems.KEY_REUSED),
            *reader.refusals,
            (says("Item size"), problems.TOO_LARGE),
            *self._bad_values(),
        ]
        return ServiceCall(
            service="dynamodb",
            action="UpdateItem",
            template=template,
            headers=reader.headers,
            query_parameters=reader.query_parameters,
            documentation=reader.documentation,
            answers=[self._accepted(route), refused(cases)],
        )

    def _bad_values(self) -> Iterator[tuple[str, Problem]]:
        """List what DynamoDB may refuse of the values that requests give: of their keys, too, and those of indexes."""
        values = self.item.values()
        if not all(map(is_short, values)):
            yield says("size limit"), _LONG_KEY
        if not all(map(is_never_empty, values)):
            yield says("empty string value"), _EMPTY_KEY
        if takes_numbers(self.item):
            yield from _NUMBERS

    def _accepted(self, route: Route) -> Answer:
        """Answer with the item as it is now, which for a repetition is the first one's."""
        del route
        return accepted(self._shown_id(), setup=ITEM)

    def _shown_id(self) -> str:
        name = "id" if is_never_empty(self.item.get("id", "")) else [*self.key][-1]
        return f"$!item.get('{name}').get('{kind_of(self.item[name])}')"

    def _item(self, route: Route) -> Mapping[str, Attribute]:
        """Complete the item with what its route tells: the tenant, and the path where nothing else does."""
        partition_key, type_ = next(iter(self.key.items()))
        own = route.scoped(cast("Text", self.item[partition_key]))
        if route.access.tenant and type_ == "N":
            raise ValueError(
                f"table of {route.name} must have a partition key of type S, because the tenant is part of it; "
                f"{partition_key} is of type N"
            )
        called = {"route": route.called} if self._tells_routes_apart else {}
        return {**self.item, **called, partition_key: own}

    def _update_item(self, reader: RequestReader, route: Route) -> Mapping[str, Value]:
        item = self._item(route)
        values = {name: write_attribute(reader, value) for name, value in item.items()}
        stored = [name for name in item if name not in self.key]
        compared = self._compared or [name for name in stored if not is_of_the_moment(item[name])]
        number = {name: str(index) for index, name in enumerate([next(iter(self.key)), *stored])}
        assignments = [f"#{number[name]} = if_not_exists(#{number[name]}, :{number[name]})" for name in stored]
        update = f"SET {', '.join(assignments)}"
        if len(update) > _LONGEST_EXPRESSION:
            raise ValueError(
                f"item must have fewer attributes: DynamoDB takes an expression of {_LONGEST_EXPRESSION} characters, "
                f"and {len(item)} attributes make {len(update)}. Put some of them into a map"
            )

        same = [f"#{number[name]} = :{number[name]}" for name in compared]
        now: dict[str, Value] = {}
        if self._expires:
            place = number.setdefault(self._expires, "ttl")
            same.append(f"(attribute_not_exists(#{place}) OR #{place} > :now)")
            now[":now"] = {"N": Vtl(f"${{{reader.epoch[1:]}.substring(0,10)}}")}
        # With nothing to compare, a repetition changes nothing as it is.
        condition = {"ConditionExpression": f"attribute_not_exists(#0) OR ({' AND '.join(same)})"} if same else {}
        return {
            "TableName": self.table.table_name,
            "Key": {name: values[name] for name in self.key},
            "UpdateExpression": update,
            **condition,
            "ExpressionAttributeNames": {
                f"#{place}": name for name, place in number.items() if same or name not in self.key
            },
            "ExpressionAttributeValues": {**{f":{number[name]}": values[name] for name in stored}, **now},
            "ReturnValues": "ALL_NEW",
        }
