"""API Gateway's side of a mapping template: `$input`, `$util`, `$context`, `$stageVariables`, and its limits."""

import base64
import binascii
import contextlib
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from storage_first.local import jsonpath
from storage_first.local.velocity import _java as java
from storage_first.local.velocity import _json_smart as json_smart
from storage_first.local.velocity import _nodes as nodes
from storage_first.local.velocity._errors import JavaError, TemplateError
from storage_first.local.velocity._parser import parse
from storage_first.local.velocity._strings import to_text, to_units

# API Gateway's limit on a mapping template, in bytes.
MAX_TEMPLATE_BYTES = 300 * 1024


@dataclass(frozen=True, kw_only=True)
class TemplateInput:
    """What API Gateway hands to a template.

    Attributes:
        body: The payload. In the template an empty one is `{}`, as in API Gateway.
        path: `$input.params().path`.
        querystring: `$input.params().querystring`.
        header: `$input.params().header`, its names spelt as the client did.
        context: `$context`, nested.
        stage_variables: `$stageVariables`.
    """

    body: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    querystring: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, object] = field(default_factory=dict)
    stage_variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What a template made.

    Attributes:
        text: The payload.
        status: `$context.responseOverride.status`, if the template set it.
        headers: `$context.requestOverride.header` and `$context.responseOverride.header`.
        path: `$context.requestOverride.path`.
        querystring: `$context.requestOverride.querystring`.
    """

    text: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    querystring: Mapping[str, str] = field(default_factory=dict)


def render(template: str, event: TemplateInput) -> Rendered:
    """Render a mapping template as API Gateway does.

    Args:
        template: The template as deployed.
        event: What it reads.

    Raises:
        TemplateError: If the template is not well formed, fails, exceeds one of API Gateway's limits, or overrides
            the same thing twice.
    """
    response = _Overrides(header=_Overrides())
    request = _Overrides(header=_Overrides(), path=_Overrides(), querystring=_Overrides())
    written: list[str] = []
    try:
        variables: nodes.Variables = {
            "input": _Input(event),
            "util": _UTIL,
            "context": _to_java(event.context) | {"responseOverride": response, "requestOverride": request},
            "stageVariables": _to_java(event.stage_variables),
        }
        # What stops a template from the inside keeps what it has printed.
        with contextlib.suppress(nodes.Stop):
            _compile(template).render(variables, written.append)
    except JavaError as error:
        raise TemplateError(str(error)) from None
    except RecursionError:
        raise TemplateError("the template, or what it prints, is nested too deeply") from None
    return Rendered(
        text=to_text("".join(written)),
        status=_status(response),
        headers=_texts(request, "header") | _texts(response, "header"),
        path=_texts(request, "path"),
        querystring=_texts(request, "querystring"),
    )


@lru_cache(maxsize=256)
def _compile(template: str) -> nodes.Block:
    size = len(template.encode("utf-8", "surrogatepass"))
    if size > MAX_TEMPLATE_BYTES:
        raise TemplateError(f"the template has {size} bytes, API Gateway allows {MAX_TEMPLATE_BYTES}")
    return parse(to_units(template))


def _to_java(values: Mapping[str, object]) -> dict[object, object]:
    return {to_units(name): _to_java_value(value) for name, value in values.items()}


def _to_java_value(value: object) -> object:
    match value:
        case str():
            return to_units(value)
        case Mapping():
            return _to_java(value)
        case list() | tuple():
            return [_to_java_value(item) for item in value]
        case _:
            return value


# --- Overrides --------------------------------------------------------------------------------------------------


class _Overrides(dict[object, object]):
    """What a template overrides: API Gateway fails when it overrides the same thing twice."""

    def __setitem__(self, name: object, value: object) -> None:
        if name in self:
            raise JavaError(f"{name} is overridden a second time, which API Gateway answers with a 5xx")
        super().__setitem__(name, value)


def _status(response: _Overrides) -> int | None:
    status = response.get("status")
    if status is None:
        return None
    text = java.to_string(status)
    if not re.fullmatch(r"[1-5]\d\d", text, re.ASCII):
        raise TemplateError(f"$context.responseOverride.status is {text!r}, which is no status code")
    return int(text)


def _texts(overrides: _Overrides, place: str) -> dict[str, str]:
    named = overrides[place]
    items = named.items() if isinstance(named, dict) else ()
    return {str(name): to_text(java.to_string(value)) for name, value in items}


# --- $input -----------------------------------------------------------------------------------------------------


class _Input:
    """`$input`."""

    def __init__(self, event: TemplateInput) -> None:
        self.body = to_units(event.body) or "{}"
        self.params = {
            "path": _to_java(event.path),
            "querystring": _to_java(event.querystring),
            "header": _to_java(event.header),
        }

    def __str__(self) -> str:
        return "$input"

    def param(self, name: str) -> object:
        """Look a parameter up in the path, then the query string, then the headers."""
        return next((place[name] for place in self.params.values() if name in place), "")

    def path(self, path: str) -> object:
        """Find part of the body; null when there is nothing."""
        return self._find(path, None)

    def json(self, path: str) -> str:
        """Find part of the body and write it as JSON; an empty string's when there is nothing."""
        return json_smart.to_json(self._find(path, ""))

    @cached_property
    def _document(self) -> object:
        return json_smart.parse(self.body)

    def _find(self, path: str, missing: object) -> object:
        if self._document is None:
            raise JavaError("IllegalArgumentException: json object can not be null")
        try:
            return jsonpath.compile_path(path).find(self._document, missing=missing)
        except jsonpath.InvalidPathError as error:
            raise JavaError(f"InvalidPathException: {error}") from None


java.METHODS[_Input] = java.table(
    ("getBody", lambda given: given.body, ()),
    ("params", lambda given: given.params, ()),
    ("params", _Input.param, (str,)),
    ("path", _Input.path, (str,)),
    ("json", _Input.json, (str,)),
)


# --- $util ------------------------------------------------------------------------------------------------------

_SHORT_IN_SCRIPT = {
    "'": "\\'",
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
    "\b": "\\b",
    "\n": "\\n",
    "\t": "\\t",
    "\f": "\\f",
    "\r": "\\r",
}


class _ScriptEscapes(dict[int, str]):
    """What each UTF-16 unit becomes in a script, worked out when it is first met."""

    def __missing__(self, unit: int) -> str:
        character = chr(unit)
        plain = " " <= character <= "\x7f"
        self[unit] = escaped = _SHORT_IN_SCRIPT.get(character) or (character if plain else f"\\u{unit:04X}")
        return escaped


_SCRIPT_ESCAPES = _ScriptEscapes()
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


def _escape_java_script(value: object) -> str:
    """Escape as `StringEscapeUtils.escapeJavaScript` of commons-lang 2 does: `'` and `/`, too."""
    return "" if value is None else java.to_string(value).translate(_SCRIPT_ESCAPES)


def _url_encode(text: str) -> str:
    return urllib.parse.quote_plus(to_text(text), safe="*").replace("~", "%7E")


def _url_decode(text: str) -> str:
    if _BAD_PERCENT.search(text):
        raise JavaError("IllegalArgumentException: URLDecoder: Illegal hex characters in escape (%) pattern")
    return to_units(urllib.parse.unquote_plus(to_text(text)))


def _base64_encode(text: str) -> str:
    return base64.b64encode(to_text(text).encode()).decode("ascii")


def _base64_decode(text: str) -> str:
    # Java does without the padding.
    padded = text if text.endswith("=") else text + "=" * (-len(text) % 4)
    try:
        decoded = base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise JavaError(f"IllegalArgumentException: {error}") from None
    return to_units(decoded.decode("utf-8", "replace"))


class _Util:
    """`$util`."""

    def __str__(self) -> str:
        return "$util"


_UTIL = _Util()
java.METHODS[_Util] = java.table(
    ("escapeJavaScript", lambda _, value: _escape_java_script(value), (object,)),
    ("parseJson", lambda _, text: json_smart.parse(text), (str,)),
    ("urlEncode", lambda _, text: _url_encode(text), (str,)),
    ("urlDecode", lambda _, text: _url_decode(text), (str,)),
    ("base64Encode", lambda _, text: _base64_encode(text), (str,)),
    ("base64Decode", lambda _, text: _base64_decode(text), (str,)),
)
