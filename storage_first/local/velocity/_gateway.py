"""API Gateway's side of a mapping template: `$input`, `$util`, `$context`, `$stageVariables`, and its limits."""

import base64
import binascii
import contextlib
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from storage_first.local import jsonpath
from storage_first.local.velocity import _java as java
from storage_first.local.velocity import _json_smart as json_smart
from storage_first.local.velocity import _nodes as nodes
from storage_first.local.velocity._errors import JavaError, TemplateError
from storage_first.local.velocity._parser import parse
from storage_first.local.velocity._strings import to_text, to_units

# API Gateway's limit on a mapping template, in bytes.
MAX_TEMPLATE_BYTES = 300 * 1024


class Undefined(Enum):
    """What a reference without a value is."""

    VERBATIM = "verbatim"
    """Null, which prints as the reference itself: plain Velocity."""

    EMPTY = "empty"
    """An empty string, so that `#if($undefined)` is true: what API Gateway has been observed to do."""


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


def render(template: str, event: TemplateInput, *, undefined: Undefined = Undefined.EMPTY) -> Rendered:
    """Render a mapping template as API Gateway does.

    Args:
        template: The template as deployed.
        event: What it reads.
        undefined: What a reference without a value is.

    Raises:
        TemplateError: If the template is not well formed, fails, exceeds one of API Gateway's limits, or overrides
            the same thing twice.
    """
    try:
        compiled = _compile(template)
        response, request = _Overrides.response(), _Overrides.request()
        variables: dict[str, object] = {
            "input": _Input(event),
            "util": _UTIL,
            "context": _to_java(event.context) | {"responseOverride": response, "requestOverride": request},
            "stageVariables": _to_java(event.stage_variables),
        }
        scope = nodes.Scope(variables, compiled.macros, empty_nulls=undefined is Undefined.EMPTY)
        text = _run(compiled.block, scope)
    except RecursionError:
        raise TemplateError("the template, or what it prints, is nested too deeply") from None
    return Rendered(
        text=text,
        status=_status(response),
        headers=_texts(request, "header") | _texts(response, "header"),
        path=_texts(request, "path"),
        querystring=_texts(request, "querystring"),
    )


def _run(block: nodes.Block, scope: nodes.Scope) -> str:
    written: list[str] = []
    # What stops a template from the inside keeps what it has printed.
    with contextlib.suppress(nodes.Stop):
        block.render(scope, written.append)
    return to_text("".join(written))


@dataclass(frozen=True, slots=True)
class _Compiled:
    block: nodes.Block
    macros: Mapping[str, nodes.Macro]


@lru_cache(maxsize=256)
def _compile(template: str) -> _Compiled:
    size = len(template.encode("utf-8", "surrogatepass"))
    if size > MAX_TEMPLATE_BYTES:
        raise TemplateError(f"the template has {size} bytes, API Gateway allows {MAX_TEMPLATE_BYTES}")
    macros: dict[str, nodes.Macro] = {}
    return _Compiled(parse(to_units(template), macros), macros)


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

    @classmethod
    def response(cls) -> "_Overrides":
        return cls(header=cls())

    @classmethod
    def request(cls) -> "_Overrides":
        return cls(header=cls(), path=cls(), querystring=cls())

    def __setitem__(self, name: object, value: object) -> None:
        if name in self:
            raise JavaError(f"{name} is overridden a second time, which API Gateway answers with a 5xx")
        super().__setitem__(name, value)


def _status(response: _Overrides) -> int | None:
    status = response.get("status")
    text = java.to_string(status)
    if text is None:
        return None
    if not re.fullmatch(r"[1-5]\d\d", text, re.ASCII):
        raise TemplateError(f"$context.responseOverride.status is {text!r}, which is no status code")
    return int(text)


def _texts(overrides: _Overrides, place: str) -> dict[str, str]:
    named = overrides[place]
    items = named.items() if isinstance(named, dict) else ()
    return {str(name): to_text(java.to_string(value) or "") for name, value in items}


# --- $input -----------------------------------------------------------------------------------------------------


class _Input(java.Bean):
    """`$input`."""

    __slots__ = ("_document", "body", "params")

    def __init__(self, event: TemplateInput) -> None:
        self.body = to_units(event.body) or "{}"
        self.params: dict[object, object] = {
            "path": _to_java(event.path),
            "querystring": _to_java(event.querystring),
            "header": _to_java(event.header),
        }
        self._document: list[object] = []

    def java_methods(self) -> Mapping[str, Sequence[java.Overload]]:
        return _INPUT_METHODS

    def java_string(self) -> str | None:
        return "$input"

    def param(self, name: str | None) -> object:
        """Look a parameter up in the path, then the query string, then the headers."""
        for place in self.params.values():
            if isinstance(place, dict) and name in place:
                return place[name]
        return ""

    def path(self, path: str) -> object:
        """Find part of the body; null when there is nothing."""
        return self._find(path, None)

    def json(self, path: str) -> str:
        """Find part of the body and write it as JSON; an empty string's when there is nothing."""
        return json_smart.to_json(self._find(path, ""))

    def _find(self, path: str | None, missing: object) -> object:
        if path is None:
            raise JavaError("IllegalArgumentException: json path can not be null or empty")
        if not self._document:
            self._document.append(json_smart.parse(self.body))
        if self._document[0] is None:
            raise JavaError("IllegalArgumentException: json object can not be null")
        try:
            return jsonpath.compile_path(path).find(self._document[0], missing=missing)
        except jsonpath.InvalidPathError as error:
            raise JavaError(f"InvalidPathException: {error}") from None


_INPUT_METHODS: Mapping[str, Sequence[java.Overload]] = {
    "getBody": (java.Overload((), lambda given: given.body),),
    "params": (java.Overload((), lambda given: given.params), java.Overload((str,), _Input.param)),
    "path": (java.Overload((str,), _Input.path),),
    "json": (java.Overload((str,), _Input.json),),
}


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


def _escape_java_script(value: object) -> str | None:
    """Escape as `StringEscapeUtils.escapeJavaScript` of commons-lang 2 does: `'` and `/`, too."""
    text = java.to_string(value)
    return None if text is None else text.translate(_SCRIPT_ESCAPES)


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


def _refusing_null(call: Callable[[str], object]) -> Callable[[object, str | None], object]:
    def checked(_: object, text: str | None) -> object:
        if text is None:
            raise JavaError("NullPointerException")
        return call(text)

    return checked


class _Util(java.Bean):
    """`$util`."""

    __slots__ = ()

    def java_methods(self) -> Mapping[str, Sequence[java.Overload]]:
        return _UTIL_METHODS

    def java_string(self) -> str | None:
        return "$util"


_UTIL = _Util()
_UTIL_METHODS: Mapping[str, Sequence[java.Overload]] = {
    "escapeJavaScript": (java.Overload((object,), lambda _, value: _escape_java_script(value)),),
    "parseJson": (java.Overload((str,), _refusing_null(json_smart.parse)),),
    "urlEncode": (java.Overload((str,), _refusing_null(_url_encode)),),
    "urlDecode": (java.Overload((str,), _refusing_null(_url_decode)),),
    "base64Encode": (java.Overload((str,), _refusing_null(_base64_encode)),),
    "base64Decode": (java.Overload((str,), _refusing_null(_base64_decode)),),
}
