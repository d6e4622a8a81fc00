"""Generates the mapping templates of API Gateway: nobody writes Velocity by hand.

A template is built from plain Python values (dicts, lists, strings, numbers) whose leaves may be `Vtl`: Velocity that
renders to the inside of a JSON string. Whatever a client controls becomes `Vtl` through `client_text` alone, which
escapes it. Python strings are literals: they render exactly as they are, `$` and `#` included.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aws_cdk import Token

Value: TypeAlias = "str | int | float | bool | Vtl | Raw | If | Mapping[str, Value] | Sequence[Value] | None"

# `escapeJavaScript` writes `\\'` for an apostrophe, which JSON does not know: the `replaceAll` takes it back.
_ESCAPE = """$util.escapeJavaScript({reference}).replaceAll("\\\\'","'")"""
# Characters that mean something to Velocity: a hash does not before a digit, a backslash only before one of the others.
_LITERALS = {"$": "${dollar}", "#": "${hash}", "\\": "${backslash}"}
_SPECIAL = re.compile(r"\$|#(?![0-9])|\\(?=\\*[$#])")
# What the CDK starts the text of a token with. To ask the CDK itself takes a millisecond, some hundred times a synth.
_UNRESOLVED = "${Token["
_QUOTE = "${quote}"
_DEFINITIONS = {
    _LITERALS["$"]: '#set($dollar = "$")',
    _LITERALS["#"]: '#set($hash = "#")',
    _LITERALS["\\"]: '#set($backslash = "\\")',
    _QUOTE: """#set($quote = '"')""",
}


@dataclass(frozen=True)
class Vtl:
    """Velocity that renders to the inside of a JSON string, escaped already."""

    source: str


@dataclass(frozen=True)
class Raw:
    """Velocity that renders to a whole JSON value."""

    source: str


@dataclass(frozen=True)
class If:
    """A member of an object that is there only where a Velocity condition holds; the object's first always is."""

    condition: str
    value: Value


def client_text(reference: str) -> Vtl:
    """Refer to text that a client controls; the only way such text reaches a template.

    Args:
        reference: A Velocity reference, such as `$input.body`. It must be set when the template runs.
    """
    return Vtl(_ESCAPE.format(reference=reference))


def concat(*parts: str | Vtl) -> Vtl:
    """Join literals and Velocity into the inside of one JSON string."""
    return Vtl("".join(part.source if isinstance(part, Vtl) else _literal(part) for part in parts))


def when(condition: str, then: str | Vtl, otherwise: str | Vtl) -> Vtl:
    """Choose between two texts while the request is served."""
    return Vtl(f"#if({condition}){concat(then).source}#{{else}}{concat(otherwise).source}#end")


def fragment(value: Value) -> Raw:
    """Render `value` as a part of a template."""
    return Raw(_json(value))


def form_text(reference: str) -> str:
    """Refer to text that a client controls, in a form (`application/x-www-form-urlencoded`)."""
    return f"$util.urlEncode({reference})"


def string_literal(text: str) -> str:
    """Write a literal as a string of Velocity, for directives."""
    if _is_token(text):
        return f'"{text}"'
    safe = "".join(_LITERALS.get(character, character) for character in text)
    return '"' + safe.replace('"', _QUOTE) + '"'


def either(condition: str, then: Raw, otherwise: Raw) -> Raw:
    """Choose between two JSON values while the request is served."""
    return Raw(f"#if({condition}){then.source}#{{else}}{otherwise.source}#end")


def text_document(text: str, *, setup: str = "") -> str:
    """Render `text` as it is, after `setup`, with the definitions that literals need."""
    whole = f"{setup.strip()}\n{text}".strip()
    definitions = "".join(definition for name, definition in _DEFINITIONS.items() if name in whole)
    return f"{definitions}\n{whole}" if definitions else whole


def document(value: Value, *, setup: str = "") -> str:
    """Render `value` as a template whose output is JSON.

    Args:
        value: What the template renders.
        setup: Directives (`#set`, `#foreach`...) that run first; whatever they print is white space.
    """
    return text_document(_json(value), setup=setup)


def _json(value: Value) -> str:
    match value:
        case Vtl(source):
            return f'"{source}"'
        case Raw(source):
            return source
        case str():
            return f'"{_literal(value)}"'
        case Mapping():
            return "{" + "".join(_member(*member, first=not index) for index, member in enumerate(value.items())) + "}"
        case Sequence():
            return "[" + ",".join(map(_json, value)) + "]"
        case _:
            return json.dumps(value)


def _member(name: str, value: Value, *, first: bool) -> str:
    if isinstance(value, If):
        return f"#if({value.condition}){_member(name, value.value, first=first)}#end"
    return f"{'' if first else ','}{_json(name)}:{_json(value)}"


def _literal(text: str) -> str:
    """Write a literal so that Velocity renders it as it is and JSON can hold it."""
    if _is_token(text):
        return text
    inside = json.dumps(text)[1:-1]
    return _SPECIAL.sub(lambda special: _LITERALS[special[0]], inside)


def _is_token(text: str) -> bool:
    """Whether `text` is an attribute of a resource: its value, known at deploy, is a name or an ARN."""
    return _UNRESOLVED in text and Token.is_unresolved(text)
