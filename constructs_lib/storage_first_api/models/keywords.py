"""What each keyword of a schema becomes in draft 4, as far as it concerns one value and no inner schema."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn

from constructs_lib.storage_first_api.models import formats
from constructs_lib.storage_first_api.models.nodes import Json, Node

NOTHING: Mapping[str, Json] = {"not": {}}
TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")

COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
TEXTS = ("title", "description")
_DESCRIPTIVE = frozenset(
    {
        *("$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment"),
        *("$defs", "definitions", "default", "example", "examples", "deprecated", "readOnly", "writeOnly"),
        *("xml", "externalDocs"),
        *TEXTS,
    }
)
REWRITTEN = frozenset(
    {
        *("$ref", "type", "nullable", "enum", "const", "pattern", "format", "contentEncoding", "discriminator"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems"),
        *("items", "prefixItems", "additionalItems", "contains", "minContains"),
        *("properties", "patternProperties", "additionalProperties", "propertyNames", "required"),
        *("dependencies", "dependentRequired", "dependentSchemas"),
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
        *COUNTS,
    }
)
_REMEDIES: Mapping[str, str] = {
    "$dynamicRef": "Write a $ref",
    "$recursiveRef": "Write a $ref",
    "unevaluatedProperties": "List the properties in one schema, with additionalProperties",
    "unevaluatedItems": "List the items in one schema, with maxItems",
    "contentMediaType": "Write what is inside the string as a part of the body, or leave it to what reads the body",
    "contentSchema": "Write what is inside the string as a part of the body, or leave it to what reads the body",
    "maxContains": "Leave it to what reads the body",
    "discriminator": "Name the schemas to choose from in a oneOf beside it",
    "nullable": 'List "null" in type',
}
_REMEDY = "Remove it, or express it in JSON Schema draft 4"
PYTHON_ONLY = "$python"
"""What a pydantic model puts where a constraint is no JSON Schema: a description of it."""


class Draft4:
    """A schema of draft 4 in the making; what cannot stand beside the rest goes into `allOf`."""

    def __init__(self) -> None:
        self._keywords: dict[str, Json] = {}
        self._more: list[Json] = []

    def add(self, **keywords: Json) -> None:
        """Add keywords, apart from the rest if one of them is there already."""
        if self._keywords.keys() & keywords.keys():
            self._more.append(keywords)
        else:
            self._keywords |= keywords

    @property
    def bare(self) -> bool:
        """Whether it excludes nothing so far, so that keywords which depend on each other may be added."""
        return not self._more and self._keywords.keys() <= set(TEXTS)

    def apart(self, schema: Mapping[str, Json]) -> None:
        """Add a schema that must hold too."""
        self._more.append(dict(schema))

    def build(self) -> dict[str, Json]:
        """Put the schema together."""
        all_of = [*self._keywords.pop("allOf", []), *self._more]
        if not self._keywords and len(all_of) == 1:
            return dict(all_of[0])
        return {**self._keywords, **({"allOf": all_of} if all_of else {})}


def describes(keyword: str) -> bool:
    """Tell whether a keyword excludes no body."""
    return keyword in _DESCRIPTIVE or keyword.startswith("x-")


def refuse(node: Node, keyword: str, remedy: str = "") -> NoReturn:
    """Refuse a keyword.

    Raises:
        ValueError: Always; names the keyword, its place and the fix.
    """
    raise ValueError(
        f"body: API Gateway does not enforce the keyword {keyword!r} at {node}. "
        f"{remedy or _REMEDIES.get(keyword, _REMEDY)}"
    )


def of_type(node: Node, keyword: str, wanted: type) -> Json:
    """Look up a keyword.

    Raises:
        ValueError: If its value is not of type `wanted`.
    """
    value = node.value.get(keyword) if isinstance(node.value, Mapping) else None
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"body: {keyword} must be a {_WORDS[wanted]} at {node}; got {value!r}")


_WORDS: Mapping[type, str] = {bool: "boolean", int: "number", str: "string", list: "list"}


def list_of_names(node: Node, keyword: str) -> list[str]:
    """Look up a list of strings; an absent one is empty."""
    names = of_type(node, keyword, list) if keyword in node.value else []
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"body: {keyword} must be a list of strings at {node}; got {names!r}")
    return list(names)


def texts(node: Node, out: Draft4) -> None:
    """Keep what describes."""
    for keyword in TEXTS:
        if keyword in node.value:
            out.add(**{keyword: of_type(node, keyword, str)})


def counts(node: Node, out: Draft4) -> None:
    """Keep the least and greatest sizes."""
    for keyword in COUNTS:
        value = node.value.get(keyword)
        if isinstance(value, float) and value.is_integer():  # as newer drafts allow
            out.add(**{keyword: int(value)})
        elif keyword in node.value:
            out.add(**{keyword: of_type(node, keyword, int)})


def strings(node: Node, out: Draft4) -> None:
    """Rewrite patterns, encodings and formats."""
    value = node.value
    if "pattern" in value:
        ecma(node, of_type(node, "pattern", str))
        out.add(pattern=value["pattern"])
    encoding = value.get("contentEncoding")
    if encoding in formats.PATTERNS:
        out.add(pattern=formats.PATTERNS[encoding])
    elif encoding is not None:
        refuse(node, "contentEncoding", "Describe its alphabet by a pattern")
    if "format" in value:
        _format(node, out)


def ecma(node: Node, pattern: str) -> None:
    """Refuse a pattern that API Gateway would read otherwise than its author."""
    unknown = formats.not_ecma(pattern)
    if unknown:
        refuse(node, "pattern", f"It reads patterns as ECMA 262 (edition 5.1), which has no {unknown!r}: {pattern!r}")


def _format(node: Node, out: Draft4) -> None:
    name = of_type(node, "format", str)
    numeric = node.value.get("type", "number") in ("number", "integer", ["number", "null"], ["integer", "null"])
    if name in formats.ENFORCED:
        out.add(format=name)
    elif name in formats.PATTERNS:
        out.add(pattern=formats.PATTERNS[name])
    elif name in formats.INTEGERS and numeric:
        minimum, maximum = formats.INTEGERS[name]
        out.apart({"minimum": minimum, "maximum": maximum})
    elif name not in formats.UNCONSTRAINED:
        refuse(node, "format", f"Its validator does not know {name!r}; describe it by a pattern")


def numbers(node: Node, out: Draft4) -> None:
    """Rewrite bounds."""
    if "multipleOf" in node.value:
        out.add(multipleOf=_number(node, "multipleOf"))
    _bound(node, out, side="minimum", exclusive="exclusiveMinimum")
    _bound(node, out, side="maximum", exclusive="exclusiveMaximum")


def _bound(node: Node, out: Draft4, *, side: str, exclusive: str) -> None:
    """Express one bound without the `exclusive` keywords, which API Gateway does not support."""
    bound = _number(node, side) if side in node.value else None
    excluded = _excluded(node, exclusive)
    if excluded is True:  # as draft 4 has it
        if bound is None:
            raise ValueError(f"body: {exclusive} is true at {node}, but there is no {side} that it could exclude")
        excluded, bound = bound, None
    if bound is not None:
        out.add(**{side: bound})
    if excluded is False:
        return
    if node.value.get("type") == "integer":
        nearest = math.floor(excluded) + 1 if side == "minimum" else math.ceil(excluded) - 1
        _survives(node, exclusive, nearest)
        out.add(**{side: nearest})
    else:
        other = "maximum" if side == "minimum" else "minimum"
        out.add(**{side: excluded})  # says nothing more, but says it in words that callers understand
        out.apart({"not": {"type": "number", other: excluded}})


def _excluded(node: Node, exclusive: str) -> float:
    """Look up a bound that is excluded itself; True is the inclusive one, False none."""
    value = node.value.get(exclusive, False)
    return value if isinstance(value, bool) else _number(node, exclusive)


def _number(node: Node, keyword: str) -> int | float:
    value: int | float = of_type(node, keyword, float if isinstance(node.value[keyword], float) else int)
    _survives(node, keyword, value)
    return value


def _survives(node: Node, keyword: str, value: Json) -> None:
    """Refuse numbers that a template cannot hold: the CDK writes it in JavaScript, whose numbers are doubles."""
    match value:
        case None:
            raise ValueError(f"body: the CDK drops the null inside a value of {keyword} at {node}. Remove that value")
        case float() if not math.isfinite(value):
            raise ValueError(f"body: {keyword} must be a finite number at {node}; got {value!r}")
        case int() if not isinstance(value, bool) and _in_javascript(value) != value:
            raise ValueError(
                f"body: {value} of {keyword} at {node} would become {_in_javascript(value)} in the template, because "
                "the CDK writes numbers as doubles. Use one that ends in more zeros, or a string"
            )
        case Mapping():
            for part in value.values():
                _survives(node, keyword, part)
        case list():
            for part in value:
                _survives(node, keyword, part)


def _in_javascript(value: int) -> int | float:
    """Tell which number stands in JSON after JavaScript read and wrote one."""
    try:
        return int(Decimal(repr(float(value))))
    except OverflowError:
        return math.inf


def values(node: Node, out: Draft4) -> None:
    """Rewrite the lists of allowed values."""
    for keyword in ("enum", "const"):
        if keyword in node.value:
            values = [node.value[keyword]] if keyword == "const" else of_type(node, keyword, list)
            _survives(node, keyword, [value for value in values if value is not None])
            _value(values, out)


def _value(values: list[Json], out: Draft4) -> None:
    """Allow some values; null is a type instead, because the CDK drops each null of a template."""
    distinct = list({json.dumps(value, sort_keys=True): value for value in values if value is not None}.values())
    allowed: list[Json] = [{"enum": distinct}] if distinct else []  # draft 4 has no empty list
    if None in values:
        allowed.append({"type": "null"})
    match allowed:
        case [{"enum": _}]:
            out.add(enum=distinct)
        case [one]:
            out.apart(one)
        case []:
            out.apart(NOTHING)
        case _:
            out.apart({"anyOf": allowed})
