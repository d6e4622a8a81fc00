"""Renders with airspeed-ext, an engine that this project did not write, behind API Gateway's variables.

airspeed-ext knows few of Java's methods, and those as Python has them (`matches` takes Python's patterns): what
strings, numbers and JSON do is Java's, as the renderer has it too; the language is airspeed-ext's own.
"""

import base64
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote_plus

import airspeed
from airspeed import operators

from storage_first.local import jsonpath
from storage_first.local.velocity import TemplateInput
from storage_first.local.velocity import _json_smart as json_smart
from storage_first.local.velocity._patterns import compile_pattern, expand
from storage_first.local.velocity._strings import to_characters, to_text, to_units


class FailedError(Exception):
    """The template cannot be rendered."""


def render(template: str, event: TemplateInput) -> tuple[str, int | None, Mapping[str, str]]:
    """Render a template: its text without the white space around it, the status and the headers that it overrides.

    Raises:
        FailedError: If it cannot be.
    """
    override: dict[str, Any] = {"header": {}}
    variables = {
        "input": _Input(event),
        "util": _Util,
        "context": {**_units(event.context), "responseOverride": override},
    }
    known = operators.__dict__["__additional_methods__"]
    before = dict(known)
    known |= {str: _STRING, dict: {**before.get(dict, {}), "containsKey": dict.__contains__}}
    try:
        text = _compiled(template).merge(variables)
    except Exception as error:
        raise FailedError from error
    finally:
        known.clear()
        known |= before
    headers = {name: to_text(str(value)) for name, value in override["header"].items()}
    return to_text(text).strip(), override.get("status"), headers


@cache
def _compiled(template: str) -> airspeed.Template:
    compiled = airspeed.Template(to_units(template))
    compiled.ensure_compiled()
    return compiled


class _Input:
    """`$input`."""

    def __init__(self, event: TemplateInput) -> None:
        self.body = to_units(event.body) or "{}"
        self._places = {"path": event.path, "querystring": event.querystring, "header": event.header}

    def params(self) -> Any:
        return {name: _units(place) for name, place in self._places.items()}

    def path(self, path: str) -> Any:
        return _java(self._find(path, None))

    def json(self, path: str) -> str:
        return json_smart.to_json(self._find(path, ""))

    def _find(self, path: str, missing: object) -> object:
        document = json_smart.parse(self.body)
        if document is None:
            raise ValueError("Jayway's JsonPath finds nothing in null")
        return jsonpath.compile_path(path).find(document, missing=missing)


class _Printed(float):
    """A double that prints itself as Java's does."""

    def __str__(self) -> str:
        return "Infinity" if math.isinf(self) else json_smart.to_json(float(self))


def _java(value: Any) -> Any:
    """Let values print themselves as in Java."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return _Printed(value)
        case dict():
            return {name: _java(member) for name, member in value.items()}
        case list():
            return [_java(item) for item in value]
        case _:
            return value


def _units(value: Any) -> Any:
    match value:
        case str():
            return to_units(value)
        case Mapping():
            return {name: _units(member) for name, member in value.items()}
        case _:
            return value


class _Util:
    """`$util`, but for what only our own templates do not use."""

    _SHORT: Mapping[str, str] = {
        **{unit: f"\\{unit}" for unit in "'\"\\/"},
        "\b": "\\b",
        "\n": "\\n",
        "\t": "\\t",
        "\f": "\\f",
        "\r": "\\r",
    }

    @classmethod
    def escapeJavaScript(cls, value: object) -> str:  # noqa: N802 - API Gateway's name
        text = "" if value is None else str(value)
        return "".join(
            cls._SHORT.get(unit) or (unit if " " <= unit <= "\x7f" else f"\\u{ord(unit):04X}") for unit in text
        )

    @staticmethod
    def urlEncode(text: str) -> str:  # noqa: N802
        return quote_plus(to_text(text), safe="*").replace("~", "%7E")

    @staticmethod
    def base64Encode(text: str) -> str:  # noqa: N802
        return base64.b64encode(to_text(text).encode()).decode()

    @staticmethod
    def parseJson(text: str) -> Any:  # noqa: N802
        return _java(json_smart.parse(text))


def _hash_code(text: str) -> int:
    code = 0
    for unit in text:
        code = (31 * code + ord(unit)) & 0xFFFFFFFF
    return code - (1 << 32) if code >> 31 else code


def _replace_all(text: str, pattern: str, replacement: str) -> str:
    return to_units(compile_pattern(pattern).sub(lambda found: expand(found, replacement), to_characters(text)))


def _matches(text: str, pattern: str) -> bool:
    return compile_pattern(pattern).fullmatch(to_characters(text)) is not None


_STRING: Mapping[str, Callable[..., Any]] = {
    "length": len,
    "hashCode": _hash_code,
    "matches": _matches,
    "replaceAll": _replace_all,
    "startsWith": str.startswith,
    "contains": str.__contains__,
    "substring": lambda text, start, end=None: text[start:end],
    "indexOf": str.find,
    "lastIndexOf": str.rfind,
    "replace": str.replace,
    "equalsIgnoreCase": lambda text, other: text.lower() == other.lower(),
}
