"""Parameter mappings and simple texts: where a header, a parameter or a piece of text takes its value from."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonpath

from storage_first.local.front.values import Json

if TYPE_CHECKING:
    from storage_first.local.front.exchange import Exchange

Value = str | list[str] | None
Source = Callable[["Exchange"], Value]
Text = Callable[["Exchange"], str]

_VARIABLE = re.compile(
    r"\$context(?P<context>(?:\.[\w-]+)+)"
    r"|\$stageVariables\.(?P<stage>\w+)"
    r"|\$?method\.request\.(?P<location>header|querystring|path)\.(?P<name>[\w-]+)"
)


class UnknownSourceError(ValueError):
    """A mapping names a source that API Gateway does not have, or that the front does not know."""


def parse_source(expression: str) -> Source:
    """Prepare a parameter mapping's right-hand side.

    Args:
        expression: For example `'text'`, `method.request.header.X`, `context.requestId` or
            `integration.response.body.error.code`.

    Raises:
        UnknownSourceError: If the expression is none of API Gateway's.
    """
    if len(expression) > 1 and expression[0] == expression[-1] == "'":
        text = expression[1:-1]
        return lambda _: text
    for prefix, parse in _PARSERS:
        if expression.startswith(prefix):
            return parse(expression.removeprefix(prefix))
    if expression == "method.request.body":
        return lambda exchange: exchange.request.text
    if expression == "integration.response.body":
        return lambda exchange: exchange.reply.text if exchange.reply else None
    raise UnknownSourceError(f"mapping expression {expression!r} is not one of API Gateway's")


def parse_text(template: str, *, missing: str) -> Text:
    """Prepare a text with variables, as gateway responses and access logs have: substitution, not Velocity.

    Args:
        template: The text.
        missing: What stands for a variable without a value.
    """
    parts: list[Text] = []
    end = 0
    for match in _VARIABLE.finditer(template):
        parts += [_constant(template[end : match.start()]), _variable(match, missing)]
        end = match.end()
    parts.append(_constant(template[end:]))
    return lambda exchange: "".join(part(exchange) for part in parts)


def as_text(value: Json) -> str | None:
    """Write a value as API Gateway puts it into a header or a text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1:
        return as_text(value[0])
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def single(value: Value) -> str | None:
    """Take the value that counts where only one can be: the last."""
    return (value[-1] if value else None) if isinstance(value, list) else value


def look_up(tree: Mapping[str, Any], path: str) -> Json:
    """Find a nested value by its dotted path; None where there is none."""
    value: Json = tree
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _constant(text: str) -> Text:
    return lambda _: text


def _variable(match: re.Match[str], missing: str) -> Text:
    if match["context"]:
        source = _context(match["context"].removeprefix("."))
    elif match["stage"]:
        source = _stage_variable(match["stage"])
    else:
        source = parse_source(f"method.request.{match['location']}.{match['name']}")

    def text(exchange: "Exchange") -> str:
        value = single(source(exchange))
        return missing if value is None else value

    return text


def _context(path: str) -> Source:
    return lambda exchange: as_text(look_up(exchange.context, path))


def _stage_variable(name: str) -> Source:
    return lambda exchange: exchange.stage.variables.get(name)


def _json_path(path: str, body: "Callable[[Exchange], str | None]") -> Source:
    try:
        query = jsonpath.compile(path if path.startswith("$") else f"$.{path}")
    except jsonpath.JSONPathError as error:
        raise UnknownSourceError(f"mapping expression has no valid JSONPath {path!r}: {error}") from error

    def find(exchange: "Exchange") -> Value:
        try:
            document = json.loads(body(exchange) or "")
        except (ValueError, RecursionError):
            return None
        found = query.findall(document)
        return as_text(found[0]) if found else None

    return find


class _Parser(NamedTuple):
    prefix: str
    parse: Callable[[str], Source]


_PARSERS = (
    _Parser("method.request.header.", lambda name: lambda exchange: exchange.request.header(name)),
    _Parser("method.request.path.", lambda name: lambda exchange: exchange.path_parameters.get(name)),
    _Parser("method.request.querystring.", lambda name: lambda exchange: exchange.request.query_map.get(name)),
    _Parser("method.request.multivaluequerystring.", lambda name: lambda exchange: exchange.request.query.get(name)),
    _Parser("method.request.multivalueheader.", lambda name: lambda exchange: _header_values(exchange.request, name)),
    _Parser("method.request.body.", lambda path: _json_path(path, lambda exchange: exchange.request.text)),
    _Parser("integration.response.header.", lambda name: lambda exchange: single(_header_values(exchange.reply, name))),
    _Parser(
        "integration.response.multivalueheader.", lambda name: lambda exchange: _header_values(exchange.reply, name)
    ),
    _Parser(
        "integration.response.body.",
        lambda path: _json_path(path, lambda exchange: exchange.reply.text if exchange.reply else None),
    ),
    _Parser("context.", _context),
    _Parser("stageVariables.", _stage_variable),
)


def _header_values(message: Json, name: str) -> Value:
    wanted = name.lower()
    return [value for key, value in message.headers if key.lower() == wanted] or None if message else None
