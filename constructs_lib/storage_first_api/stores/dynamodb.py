"""Store requests as items of a DynamoDB table, the same request once."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, cast

from aws_cdk import Size
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import is_type, refused, says
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall, accepted
from constructs_lib.storage_first_api.problems import Problem
from constructs_lib.storage_first_api.reader import RequestReader
from constructs_lib.storage_first_api.templates import Value, Vtl
from constructs_lib.storage_first_api.values import (
    Joined,
    RequestValue,
    Text,
    Type,
    arrival_time,
    body,
    idempotency_key,
    join,
    request_id,
    tenant,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route

Attribute: TypeAlias = "Text | bool | int | float | Mapping[str, Attribute] | Sequence[Attribute]"

ITEM = "#set($item = $input.path('$.Attributes'))"  # of an answer to UpdateItem

_LARGEST_BODY_KIB = 350
_BAD_NUMBER = Problem(
    status=HTTPStatus.BAD_REQUEST,
    detail="A number has more than 38 digits, or is too large or too small. Nothing was stored.",
)
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
                `Idempotency-Key`, or else the request's id), `id`, `tenant`, `createdAt`, `requestId` and `input`, the
                body exactly as it came. Where the route's access gives a tenant and the partition key does not hold
                it, the key is `<tenant>#<key>`.
            key: The attributes that are the table's key; needed only where `table` is imported.
            max_body: The largest body that is stored; by default 300 KiB, which leaves room in DynamoDB's 400 KB item.

        Raises:
            ValueError: If `item` lacks an attribute of the key or nothing but the key, or `max_body` is out of range.
        """
        self.max_body = max_body or Size.kibibytes(300)
        if not 1 <= self.max_body.to_kibibytes() <= _LARGEST_BODY_KIB:
            raise ValueError(
                f"max_body must be 1 to {_LARGEST_BODY_KIB} KiB, because a DynamoDB item has at most 400 KB; "
                f"got {self.max_body.to_kibibytes()} KiB"
            )
        self.table = table
        # What a repetition must have in common with the first, and the attribute that says when an item has expired.
        self._compared: Sequence[str] | None = None
        self._expires: str | None = None
        self.item = _REQUEST_ITEM if item is None else item
        self.key = list(key or _key_of(table))
        missing = [name for name in self.key if name not in self.item]
        if missing:
            raise ValueError(
                f"item must have the key of the table ({', '.join(self.key)}); got {', '.join(self.item) or 'nothing'}"
            )

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
        """Add nothing: what shows the items is up to the app."""

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        reader = RequestReader(route)
        reader.refuse_body_over(self.max_body)
        template = reader.document(
            self._update_item(reader, route),
            impossible=lambda reason: {
                "TableName": self.table.table_name,
                "Key": {name: {"S": "-"} for name in self.key},
                "ReturnValues": reason,
            },
        )
        cases = [
            (is_type("ConditionalCheckFailed"), problems.KEY_REUSED),
            *reader.refusals,
            (says("maximum allowed size"), problems.TOO_LARGE),
            (says("significant digits"), _BAD_NUMBER),
            (says("Number overflow"), _BAD_NUMBER),
            (says("Number underflow"), _BAD_NUMBER),
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

    def _accepted(self, route: Route) -> Answer:
        """Answer with the item as it is now, which for a repetition is the first one's."""
        del route
        return accepted(self._shown_id(), setup=ITEM)

    def _shown_id(self) -> str:
        name = "id" if "id" in self.item else self.key[-1]
        kind = "N" if _type_of(self.item[name]) is Type.NUMBER else "S"
        return f"$!item.get('{name}').get('{kind}')"

    def _update_item(self, reader: RequestReader, route: Route) -> Mapping[str, Value]:
        partition_key = self.key[0]
        item = {**self.item, partition_key: route.scoped(cast("Text", self.item[partition_key]))}
        values = {name: _attribute(reader, value) for name, value in item.items()}
        stored = [name for name in item if name not in self.key]
        compared = self._compared or [name for name in stored if not _of_the_moment(item[name])]
        number = {name: str(index) for index, name in enumerate([partition_key, *stored])}

        same = [f"#{number[name]} = :{number[name]}" for name in compared]
        now: dict[str, Value] = {}
        if self._expires:
            number[self._expires] = "ttl"
            same.append("(attribute_not_exists(#ttl) OR #ttl > :now)")
            now[":now"] = {"N": Vtl(f"${{{reader.epoch[1:]}.substring(0,10)}}")}
        unused = f"attribute_not_exists(#{number[partition_key]})"
        assignments = [f"#{number[name]} = if_not_exists(#{number[name]}, :{number[name]})" for name in stored]
        return {
            "TableName": self.table.table_name,
            "Key": {name: values[name] for name in self.key},
            "UpdateExpression": f"SET {', '.join(assignments)}",
            "ConditionExpression": f"{unused} OR ({' AND '.join(same)})" if same else unused,
            "ExpressionAttributeNames": {f"#{place}": name for name, place in number.items()},
            "ExpressionAttributeValues": {**{f":{number[name]}": values[name] for name in stored}, **now},
            "ReturnValues": "ALL_NEW",
        }


def _key_of(table: dynamodb.ITable) -> list[str]:
    resource = table.node.default_child
    if not isinstance(resource, (dynamodb.CfnTable, dynamodb.CfnGlobalTable)):
        raise ValueError(  # noqa: TRY004 - what is wrong is the missing argument
            f'key must name the key of {table.node.path}, which is imported, such as key=["pk", "sk"]'
        )
    properties = cast("Sequence[dynamodb.CfnTable.KeySchemaProperty]", resource.key_schema)
    return [attribute.attribute_name for attribute in sorted(properties, key=lambda each: each.key_type)]


def _attribute(reader: RequestReader, value: Attribute) -> Mapping[str, Value]:
    """Write `value` as DynamoDB's JSON."""
    written: Mapping[str, Value]
    match value:
        case bool():
            written = {"BOOL": value}
        case int() | float():
            written = {"N": str(value)}
        case RequestValue(type=Type.BOOL):
            written = {"BOOL": reader.bare(value)}
        case RequestValue(type=Type.NUMBER):
            written = {"N": reader.text(value)}
        case str() | RequestValue() | Joined():
            written = {"S": reader.text(value)}
        case Mapping():
            written = {"M": {name: _attribute(reader, inner) for name, inner in value.items()}}
        case _:
            written = {"L": [_attribute(reader, inner) for inner in value]}
    return written


def _of_the_moment(value: Attribute) -> bool:
    match value:
        case Mapping():
            return any(map(_of_the_moment, value.values()))
        case str() | RequestValue() | Joined():
            return any(part.of_the_moment for part in values_of(value))
        case list() | tuple():
            return any(map(_of_the_moment, value))
        case _:
            return False


def _type_of(value: Attribute) -> Type:
    number = isinstance(value, (int, float)) or (isinstance(value, RequestValue) and value.type is Type.NUMBER)
    return Type.NUMBER if number else Type.STRING
