"""JSON as Java's json-smart reads and writes it, which is what API Gateway's `$input` and `$util` do."""

import json
import math
import re
from decimal import Decimal, InvalidOperation

from storage_first.local.velocity._errors import JavaError
from storage_first.local.velocity._numbers import double_to_string
from storage_first.local.velocity._strings import to_units

# json-smart reads a number with a fraction or an exponent as a double up to this length, as BigDecimal beyond.
_LONGEST_DOUBLE = 18
# Control characters and, which JSON does not ask for, everything from U+2000 to U+20FF.
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_ESCAPED_FOR_WEB = re.compile(r'["\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def parse(text: str) -> object:
    """Read a JSON document into `dict` (LinkedHashMap), `list` (JSONArray), strings and numbers.

    Only what the standard calls JSON is accepted: API Gateway refuses the rest before it renders a template.

    Raises:
        JavaError: If `text` is not JSON.
    """
    try:
        document: object = _DECODER.decode(text)
        # An escaped pair has been joined to one character, unlike every other.
        return _split(document) if "\\ud" in text.lower() else document
    except RecursionError:
        raise JavaError("InvalidJsonException: nested too deeply") from None
    except ValueError as error:
        raise JavaError(f"InvalidJsonException: {error}") from None


def to_json(value: object, *, for_web: bool = False) -> str:
    """Write `value` compactly; `for_web`, which is how a JSONArray prints itself, also escapes slashes."""
    quote = _quote_for_web if for_web else _quote

    def write(item: object) -> str:
        match item:
            case None | bool():
                return json.dumps(item)
            case int() | float() | Decimal():
                return _number(item)
            case dict():
                return "{" + ",".join(f"{quote(_key(name))}:{write(part)}" for name, part in item.items()) + "}"
            case list():
                return "[" + ",".join(map(write, item)) + "]"
            case _:
                return quote(str(item))

    return write(value)


def _number(value: float | Decimal) -> str:
    if not isinstance(value, float):
        return str(value)
    return "null" if math.isinf(value) else double_to_string(value)


def _key(name: object) -> str:
    return name if isinstance(name, str) else to_json(name)


def _quote(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _quote_for_web(text: str) -> str:
    return f'"{_ESCAPED_FOR_WEB.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04X}"


def _read_float(text: str) -> float | Decimal:
    if len(text) <= _LONGEST_DOUBLE:
        return float(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]} is out of range") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _split(value: object) -> object:
    match value:
        case str():
            return to_units(value)
        case dict():
            return {to_units(name): _split(item) for name, item in value.items()}
        case list():
            return [_split(item) for item in value]
        case _:
            return value


_DECODER = json.JSONDecoder(parse_float=_read_float, parse_constant=_refuse_constant)
