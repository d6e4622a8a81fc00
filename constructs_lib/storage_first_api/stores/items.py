"""What an item of a DynamoDB table is made of: attributes of literals and values of a request, and a key."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb

from constructs_lib.storage_first_api.values import (
    Joined,
    RequestValue,
    Source,
    Text,
    Type,
    body,
    request_id,
    values_of,
)

if TYPE_CHECKING:
    from constructs_lib.storage_first_api.reader import RequestReader
    from constructs_lib.storage_first_api.templates import Value

Attribute: TypeAlias = "Text | bool | int | float | Mapping[str, Attribute] | Sequence[Attribute]"

_SHORT = {Source.TENANT, Source.IDEMPOTENCY_KEY, Source.ARRIVAL, Source.ARRIVAL_DIGIT, Source.EXPIRY}
_NAME = re.compile(r"[^'\"\\\x00-\x1f]{1,255}")


def check_item(item: Mapping[str, Attribute], *, place: str = "item") -> None:
    """Check the names and values of an item's attributes.

    Raises:
        ValueError: If DynamoDB would refuse every item of this kind.
    """
    for name, value in item.items():
        here = f"{place}[{name!r}]"
        if not _NAME.fullmatch(name):
            raise ValueError(f"{place} must have names of 1 to 255 characters without quotes; got {name!r}")
        match value:
            case Mapping():
                check_item(value, place=here)
            case list() | tuple():
                check_item({str(index): inner for index, inner in enumerate(value)}, place=here)
            case float() if not math.isfinite(value):
                raise ValueError(f"{here} must be a number that DynamoDB knows; got {value!r}")
            case str() | bool() | int() | float() | RequestValue() | Joined():
                pass
            case _:
                raise ValueError(
                    f"{here} must be a literal, a value of the request such as body(...), or a map or list of them; "
                    f"got {value!r}"
                )


def key_of(table: dynamodb.ITable, given: Sequence[str] | None) -> dict[str, str | None]:
    """Find the attributes of a table's key, each with its type (`S`, `N` or `B`) where it is known.

    Raises:
        ValueError: If `given` is missing for an imported table, given for another, or no list of one or two names.
    """
    resource = table.node.default_child
    if isinstance(resource, (dynamodb.CfnTable, dynamodb.CfnGlobalTable)):
        if given is not None:
            raise ValueError(f"key must not be given, because {table.node.path} tells its own; got {given!r}")
        defined = Stack.of(table).resolve(resource.attribute_definitions)  # lazy: indexes can follow
        types = {each["attributeName"]: each["attributeType"] for each in defined}
        schema = cast("Sequence[dynamodb.CfnTable.KeySchemaProperty]", resource.key_schema)
        return {
            each.attribute_name: types[each.attribute_name] for each in sorted(schema, key=lambda one: one.key_type)
        }
    if given is None or isinstance(given, str) or not 1 <= len(given) <= 2:  # noqa: PLR2004 - a key has two parts at most
        raise ValueError(
            f'key must name the key of {table.node.path}, which is imported, such as key=["pk", "sk"]; got {given!r}'
        )
    return dict.fromkeys(given)


def check_key(item: Mapping[str, Attribute], key: Mapping[str, str | None]) -> None:
    """Check that `item` has the key of its table, and something besides.

    Raises:
        ValueError: If not, or a part of the key has another type or can be empty.
    """
    if not set(key) < set(item):
        raise ValueError(
            f"item must have the key of the table ({', '.join(key)}), and something besides; "
            f"got {', '.join(item) or 'nothing'}"
        )
    for name, type_ in key.items():
        value = item[name]
        kind = kind_of(value)
        if kind not in ({type_} if type_ else {"S", "N"}):
            raise ValueError(
                f"item[{name!r}] must be of the key's type {type_ or 'S or N'}; got {value!r} of type {kind}"
            )
        if value == "" or (isinstance(value, RequestValue) and value.default == ""):
            raise ValueError(f"item[{name!r}] must not be empty, because it is part of the key; got {value!r}")


def kind_of(value: Attribute) -> str:
    """Tell the type of an attribute as DynamoDB calls it."""
    match value:
        case bool() | RequestValue(type=Type.BOOL):
            return "BOOL"
        case int() | float() | RequestValue(type=Type.NUMBER):
            return "N"
        case str() | RequestValue() | Joined():
            return "S"
        case Mapping():
            return "M"
        case _:
            return "L"


def write_attribute(reader: RequestReader, value: Attribute) -> Mapping[str, Value]:
    """Write `value` as DynamoDB's JSON."""
    kind = kind_of(value)
    written: Value
    match value:
        case bool():
            written = value
        case int() | float():
            written = str(value)
        case RequestValue(type=Type.BOOL):
            written = reader.bare(value)
        case str() | RequestValue() | Joined():
            written = reader.text(value)
        case Mapping():
            written = {name: write_attribute(reader, inner) for name, inner in value.items()}
        case _:
            written = [write_attribute(reader, inner) for inner in value]
    return {kind: written}


def is_short(value: Attribute) -> bool:
    """Whether an attribute fits into the key of any index: requests give nothing to it that can be long.

    The whole body is none: no index has it in its key.
    """
    match value:
        case str() | RequestValue() | Joined():
            return all(part.source in _SHORT or part in {body(), request_id()} for part in values_of(value))
        case _:
            return True  # no key has another type, but for numbers


def takes_numbers(value: Attribute) -> bool:
    """Whether requests give numbers, which can be out of DynamoDB's range."""
    match value:
        case Mapping():
            return any(map(takes_numbers, value.values()))
        case list() | tuple():
            return any(map(takes_numbers, value))
        case _:
            return isinstance(value, RequestValue) and kind_of(value) == "N"


def is_of_the_moment(value: Attribute) -> bool:
    """Whether the same request sent again has another value here."""
    match value:
        case Mapping():
            return any(map(is_of_the_moment, value.values()))
        case str() | RequestValue() | Joined():
            return any(part.of_the_moment for part in values_of(value))
        case list() | tuple():
            return any(map(is_of_the_moment, value))
        case _:
            return False


def is_never_empty(value: Attribute) -> bool:
    """Whether an attribute always shows something: a request without it is refused."""
    match value:
        case RequestValue():
            return kind_of(value) in {"S", "N"} and value.default != ""
        case str():
            return bool(value)
        case Joined() | int() | float():
            return not isinstance(value, bool)
        case _:
            return False
