"""Where a stored value comes from: a place in the request, the caller's identity, or the moment of arrival.

These are the only way by which what a client sends reaches a mapping template; whoever writes one escapes it.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from aws_cdk import Duration


class Type(Enum):
    """What a value must be; a request whose value is something else is refused with 400."""

    STRING = auto()
    NUMBER = auto()
    BOOL = auto()
    JSON = auto()


String, Number, Bool, Json = Type.STRING, Type.NUMBER, Type.BOOL, Type.JSON


class Source(Enum):
    """Where in a request API Gateway finds a value."""

    BODY = "body"
    PATH = "path parameter"
    QUERY = "query parameter"
    HEADER = "header"
    CLAIM = "claim"
    CONTEXT = "context variable"
    IDEMPOTENCY_KEY = "Idempotency-Key"
    TENANT = "tenant"
    ARRIVAL = "time of arrival"
    ARRIVAL_DIGIT = "digit of arrival"
    EXPIRY = "time of expiry"


_OF_THE_MOMENT = {Source.CONTEXT, Source.ARRIVAL, Source.ARRIVAL_DIGIT, Source.EXPIRY}

_NAME = re.compile(r"[A-Za-z0-9_.~-]+")
_HEADER = re.compile(r"[A-Za-z0-9_-]+")  # of a field name's characters, those that API Gateway maps
_CLAIM = re.compile(r"[A-Za-z0-9_:.-]+")
_CONTEXT = re.compile(r"(?!responseOverride|requestOverride)[A-Za-z]\w*(\.[A-Za-z]\w*)*")
_BODY_PATH = re.compile(r"\$(\.[A-Za-z_][\w-]*|\[[0-9]+\])*")
_NAMED_MEMBER = re.compile(r"\.[A-Za-z_][\w-]*$")


@dataclass(frozen=True, kw_only=True)
class RequestValue:
    """One value of a request; made by `body`, `path`, `query`, `header`, `claim`, `context` and their like.

    Attributes:
        source: Where it is found.
        name: Its name there.
        type: What it must be.
        default: What stands for it when it is absent or empty; without a default such a request is refused with 400.
    """

    source: Source
    name: str = ""
    type: Type = Type.STRING
    default: str | None = None

    @property
    def of_the_moment(self) -> bool:
        """Whether the same request sent again has another value here."""
        return self.source in _OF_THE_MOMENT

    def __str__(self) -> str:
        """Refuse to become text, as in an f-string: the value is known only when a request comes.

        Raises:
            ValueError: Always; the message says how to join values.
        """
        raise ValueError(f'{self!r} is no text yet. To put it beside other text, use join("order#", path("id"))')

    @property
    def label(self) -> str:
        """How a refusal names it."""
        return f"{self.source.value} {self.name}".strip()


@dataclass(frozen=True)
class Joined:
    """Literals and values of a request, one after the other."""

    parts: tuple[str | RequestValue, ...]

    def __str__(self) -> str:
        """Refuse to become text, as in an f-string.

        Raises:
            ValueError: Always; the message says how to join values.
        """
        raise ValueError(f'{self!r} is no text yet. To put it beside other text, use join("order#", path("id"))')


Default: TypeAlias = str | float | bool | dict[str, Any] | list[Any]
Text: TypeAlias = str | RequestValue | Joined


def body(path: str = "$", *, type: Type = String, default: Default | None = None) -> RequestValue:
    """Take a value of the JSON body; `body()` is the whole body, byte for byte.

    Numbers are taken as they were written, whatever their length. `Json` takes an object or a list as JSON text; a body
    that has fractions of 16 digits or more anywhere, even in a text, is refused, since API Gateway could not give them
    back exactly.

    Args:
        path: A JSONPath of names and indexes, such as `$.customer.id` or `$.lines[0].sku`.
        type: What the value must be.
        default: What to store when it is absent, null or empty.

    Raises:
        ValueError: If `path` is not of that form, or does not suit `type` or `default`.
    """
    if not _BODY_PATH.fullmatch(path):
        raise ValueError(
            f'body(path) must be "$", or names and indexes such as "$.customer.id" or "$.lines[0].sku"; got {path!r}'
        )
    if isinstance(default, str) and type is Json:
        _require_json(default)
    if path == "$" and (type is not String or default is not None):
        raise ValueError("body() is the whole body as text: it takes neither a type nor a default")
    if type is Number and not _NAMED_MEMBER.search(path):
        raise ValueError(f'body(path, type=Number) must end with a name, such as "$.amount"; got {path!r}')
    return RequestValue(source=Source.BODY, name=path, type=type, default=_default(default, type))


def path(name: str, *, type: Type = String) -> RequestValue:
    """Take a path parameter, such as `page` of `/clicks/{page}`, decoded.

    Raises:
        ValueError: If no path parameter can have this name, or `type` is `Json`.
    """
    return _text_value(Source.PATH, "path", name, type, None)


def query(name: str, *, type: Type = String, default: Default | None = None) -> RequestValue:
    """Take a parameter of the query string, decoded; of several with one name the last.

    Raises:
        ValueError: If API Gateway maps no parameter of this name, or `type` is `Json`.
    """
    return _text_value(Source.QUERY, "query", name, type, default)


def header(name: str, *, type: Type = String, default: Default | None = None) -> RequestValue:
    """Take a header, whose name is compared without case; a value that is not ASCII is refused with 400.

    Raises:
        ValueError: If API Gateway maps no header of this name, or `type` is `Json`.
    """
    return _text_value(Source.HEADER, "header", name, type, default)


def claim(name: str) -> RequestValue:
    """Take a claim of the caller's token, such as `sub` or `custom:tenant`; the route's access must be Cognito's.

    Raises:
        ValueError: If no claim has such a name.
    """
    if not _CLAIM.fullmatch(name):
        raise ValueError(f"claim(name) must be letters, digits and any of : . _ -; got {name!r}")
    return RequestValue(source=Source.CLAIM, name=name)


def context(name: str) -> RequestValue:
    """Take a variable of API Gateway's `$context`, such as `identity.sourceIp` or `authorizer.tenant`.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html

    Raises:
        ValueError: If `name` is no such variable.
    """
    if not _CONTEXT.fullmatch(name):
        raise ValueError(f'context(name) must be names and dots, such as "identity.sourceIp"; got {name!r}')
    return RequestValue(source=Source.CONTEXT, name=name)


def request_id() -> RequestValue:
    """Take the request's id: API Gateway's extended one, which a client cannot set."""
    return context("extendedRequestId")


def idempotency_key() -> RequestValue:
    """Take the caller's `Idempotency-Key` (1 to 64 of `A-Z`, `a-z`, `0-9`, `_` and `-`), or else the request's id.

    This id of the request suits URLs and names; a client can set it, so write it under a condition only.
    """
    return RequestValue(source=Source.IDEMPOTENCY_KEY)


def tenant() -> RequestValue:
    """Take the tenant that the route's access gives; `default` where it gives none."""
    return RequestValue(source=Source.TENANT)


def arrival_time() -> RequestValue:
    """Take the time of arrival: ISO 8601 in UTC with milliseconds, such as `2026-11-21T20:12:29.123Z`."""
    return RequestValue(source=Source.ARRIVAL)


def arrival_digit() -> RequestValue:
    """Take the last digit of the arrival's milliseconds, which spreads items over ten partitions of an index."""
    return RequestValue(source=Source.ARRIVAL_DIGIT)


def expires_after(duration: Duration) -> RequestValue:
    """Take the time at which DynamoDB's TTL may delete an item: epoch seconds.

    Raises:
        ValueError: If `duration` is shorter than a second.
    """
    if not hasattr(duration, "to_seconds"):
        raise ValueError(f"expires_after(duration) must be a Duration, such as Duration.days(7); got {duration!r}")
    seconds = int(duration.to_seconds(integral=False))
    if seconds < 1:
        raise ValueError(f"expires_after(duration) must be at least one second; got {duration.to_string()}")
    return RequestValue(source=Source.EXPIRY, name=str(seconds), type=Number)


def join(*parts: Text) -> Joined:
    """Put literals and values of the request one after the other, such as `join("order#", path("id"))`."""
    flat: list[str | RequestValue] = []
    for part in parts:
        flat.extend(parts_of(part))
    return Joined(tuple(flat))


def parts_of(text: Text) -> tuple[str | RequestValue, ...]:
    """List the literals and values that `text` is joined of."""
    return text.parts if isinstance(text, Joined) else (text,)


def values_of(text: Text) -> tuple[RequestValue, ...]:
    """List the request's values in `text`."""
    return tuple(part for part in parts_of(text) if isinstance(part, RequestValue))


def _text_value(source: Source, function: str, name: str, type: Type, default: Default | None) -> RequestValue:
    pattern = _HEADER if source is Source.HEADER else _NAME
    if not pattern.fullmatch(name):
        raise ValueError(f"{function}(name) has a character that API Gateway does not map; got {name!r}")
    if type is Json:
        raise ValueError(f"{function}({name!r}, type=Json): only the body holds JSON; take it as a String")
    return RequestValue(source=source, name=name, type=type, default=_default(default, type))


def _require_json(default: str) -> None:
    try:
        json.loads(default)
    except ValueError:
        raise ValueError(f"default must be JSON, such as '[]', because the type is Json; got {default!r}") from None


def _default(default: Default | None, type: Type) -> str | None:
    if not isinstance(type, Type):
        raise ValueError(f"type must be String, Number, Bool or Json of constructs_lib.stores; got {type!r}")  # noqa: TRY004
    match type, default:
        case _, None:
            return None
        case Type.JSON, dict() | list():
            return json.dumps(default)
        case ((Type.STRING | Type.JSON), str()):
            return default
        case Type.BOOL, bool():
            return str(default).lower()
        case Type.NUMBER, int() | float() if not isinstance(default, bool) and math.isfinite(default):
            return str(default)
        case _:
            raise ValueError(f"default must be a value of the type {type.name.capitalize()}; got {default!r}")
