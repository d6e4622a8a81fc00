"""Any dialect of JSON Schema, turned into the draft 4 that API Gateway enforces.

API Gateway defines models in JSON Schema draft 4 and refuses one with a keyword that draft 4 does not have (such as
`const`, `$id` or `example`: "Unsupported keyword(s)"). A keyword of a newer draft is therefore rewritten into keywords
of draft 4 that mean the same, dropped if it only describes, or refused. Nothing that excludes a body is dropped.

AWS's important notes say that `exclusiveMinimum` and `discriminator` are not supported: the first is expressed by
`minimum` (integers) or `not`, the second becomes a required property. What the notes say of `additionalProperties`,
`anyOf`, `oneOf`, `minItems` and `maxItems` is about importing OpenAPI; models that are created are enforced with them.

Sources:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from constructs_lib.storage_first_api.models.keywords import (
    COUNTS,
    NOTHING,
    PYTHON_ONLY,
    REWRITTEN,
    TEXTS,
    TYPES,
    Draft4,
    counts,
    describes,
    ecma,
    list_of_names,
    numbers,
    of_type,
    refuse,
    strings,
    texts,
    values,
)
from constructs_lib.storage_first_api.models.nodes import Dialect, Json, Node

DRAFT_4 = "http://json-schema.org/draft-04/schema#"

_OF_ONE_TYPE = frozenset(
    {
        *("pattern", "format", "minimum", "maximum", "multipleOf", "items", "additionalItems", "uniqueItems"),
        *("properties", "patternProperties", "additionalProperties", "required", "dependencies"),
        *COUNTS,
        *TEXTS,
    }
)
"""Keywords that let a null pass."""


def translate(root: Node, dialect: Dialect) -> dict[str, Any]:
    """Turn the schema of a body into draft 4.

    Raises:
        ValueError: If it is not of an object, or asks for what API Gateway cannot enforce.
    """
    translator = _Translator(dialect)
    schema = translator.root(root)
    translator.refuse_endless_references()
    if not translator.is_object(schema):
        raise ValueError(
            f'body: a model must have "type": "object" at its root, because what is stored is an object; '
            f"got {schema.get('type')!r} at {root}"
        )
    definitions = translator.definitions
    return {
        "$schema": DRAFT_4,
        **schema,
        "type": "object",
        **({"definitions": definitions} if definitions else {}),
    }


class _Translator:
    """Translates one schema, and collects what it refers to.

    Attributes:
        definitions: Schemas that are referred to, by name.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.definitions: dict[str, Json] = {}
        self._dialect = dialect
        self._names: dict[Node, str] = {}
        self._same_instance: dict[str, set[str]] = {}

    def root(self, node: Node) -> dict[str, Json]:
        """Translate the root, which API Gateway wants to be no reference itself."""
        seen: set[Node] = set()
        while node.is_reference and not self._siblings(node) and node not in seen:
            seen.add(node)
            node = node.follow(node.value["$ref"])
        return self._schema(node, "#")

    def is_object(self, schema: Mapping[str, Json]) -> bool:
        """Tell whether everything that a schema accepts is an object."""
        if "$ref" in schema:
            return self.is_object(self.definitions[schema["$ref"].rpartition("/")[2]])
        choices = schema.get("anyOf") or schema.get("oneOf") or []
        return (
            schema.get("type") == "object"
            or any(map(self.is_object, schema.get("allOf", [])))
            or (bool(choices) and all(map(self.is_object, choices)))
        )

    def refuse_endless_references(self) -> None:
        """Refuse schemas that refer to each other without ever stepping into the body: they say nothing.

        Raises:
            ValueError: If there are such schemas.
        """
        try:
            TopologicalSorter(self._same_instance).prepare()
        except CycleError as error:
            names = " -> ".join(reversed(error.args[1]))
            raise ValueError(f"body: these schemas refer to each other without end: {names}") from None

    def _schema(self, node: Node, owner: str | None) -> dict[str, Json]:
        """Translate a schema; `owner` is the definition that describes the same instance."""
        if isinstance(node.value, bool):
            return {} if node.value else dict(NOTHING)
        self._refuse_unknown(node)
        out = Draft4()
        if node.is_reference:
            if self._siblings(node) and not self._dialect.siblings:
                refuse(node, self._siblings(node)[0], f"{self._dialect.name} ignores it beside $ref; use allOf")
            reference = {"$ref": self._define(node.follow(node.value["$ref"]), owner)}
            if not self._siblings(node):
                return reference
            out.apart(reference)
        for rewrite in (texts, counts, strings, numbers):
            rewrite(node, out)
        self._type(node, out)
        values(node, out)
        self._arrays(node, out)
        self._objects(node, out)
        self._dependencies(node, out, owner)
        self._combinations(node, out, owner)
        return out.build()

    def _define(self, target: Node, owner: str | None) -> str:
        """Translate what a reference leads to, once, and tell how to refer to it."""
        known = target in self._names
        if not known:
            self._names[target] = self._name(target)
        name = self._names[target]
        if owner is not None:
            self._same_instance.setdefault(owner, set()).add(name)
        if not known:
            self.definitions[name] = NOTHING  # until it is known; a schema may refer to itself
            self.definitions[name] = self._schema(target, name)
        return f"#/definitions/{name}"

    def _name(self, node: Node) -> str:
        stem = re.sub(r"\W+", "_", node.path[-1] if node.path else "Body", flags=re.ASCII) or "_"
        taken = set(self._names.values())
        return next(name for name in _numbered(stem) if name not in taken)

    def _siblings(self, node: Node) -> list[str]:
        """Name what excludes bodies beside a reference."""
        return [keyword for keyword in node.value if keyword != "$ref" and not describes(keyword)]

    def _refuse_unknown(self, node: Node) -> None:
        value = node.value
        if not (isinstance(value, Mapping) and isinstance(value.get("$ref", ""), str)):
            raise ValueError(  # noqa: TRY004 - bad input is a ValueError
                f"body: expected a schema at {node}, an object or a boolean; got {value!r}"
            )
        if PYTHON_ONLY in value:
            raise ValueError(
                f"body: API Gateway does not enforce {value[PYTHON_ONLY]} at {node}. Say it with constraints that "
                "JSON Schema has, or leave it to your own code with body=YourModel.model_json_schema()"
            )
        for keyword in value:
            if not (describes(keyword) or keyword in REWRITTEN):
                refuse(node, keyword)
        if "nullable" in value and not self._dialect.nullable:
            refuse(node, "nullable")
        if "discriminator" in value and not {"oneOf", "anyOf"} & value.keys():
            refuse(node, "discriminator")

    def _type(self, node: Node, out: Draft4) -> None:
        if self._dialect.nullable and node.value.get("nullable") and "type" not in node.value:
            refuse(node, "nullable", "It only means something beside type")
        if "type" not in node.value:
            return
        wanted = node.value["type"]
        types = [wanted] if isinstance(wanted, str) else list(wanted) if isinstance(wanted, Sequence) else []
        if not types or not all(name in TYPES for name in types):
            raise ValueError(f"body: type must be of {', '.join(TYPES)} at {node}; got {wanted!r}")
        if self._dialect.nullable and node.value.get("nullable"):
            types.append("null")
        types = list(dict.fromkeys(types))
        out.add(type=types[0] if len(types) == 1 else types)

    def _arrays(self, node: Node, out: Draft4) -> None:
        value = node.value
        if "uniqueItems" in value:
            out.add(uniqueItems=of_type(node, "uniqueItems", bool))
        first = "prefixItems" if "prefixItems" in value else "items" if isinstance(value.get("items"), list) else None
        if first:
            out.add(items=[self._schema(item, None) for item in node.children(first)])
            rest = "items" if first == "prefixItems" else "additionalItems"
            if rest in value:
                out.add(additionalItems=self._additional(node.child(rest)))
        elif "items" in value:
            out.add(items=self._schema(node.child("items"), None))
        if "contains" in value:
            self._contains(node, out)

    def _contains(self, node: Node, out: Draft4) -> None:
        least = node.value.get("minContains", 1)
        if least not in (0, 1):
            refuse(node, "minContains", "Only 0 and 1 can be expressed in JSON Schema draft 4")
        if least == 1:
            none = {"type": "array", "items": {"not": self._schema(node.child("contains"), None)}}
            out.apart({"not": none})

    def _additional(self, node: Node) -> Json:
        return node.value if isinstance(node.value, bool) else self._schema(node, None)

    def _objects(self, node: Node, out: Draft4) -> None:
        value = node.value
        properties = node.named("properties")
        unsent = {name for name, schema in properties.items() if self._dialect.read_only and _read_only(schema)}
        if properties:
            out.add(
                properties={
                    name: dict(NOTHING) if name in unsent else self._schema(schema, None)
                    for name, schema in properties.items()
                }
            )
        if "patternProperties" in value:
            patterns = node.named("patternProperties")
            for pattern, schema in patterns.items():
                ecma(schema, pattern)
            out.add(patternProperties={pattern: self._schema(schema, None) for pattern, schema in patterns.items()})
        if "additionalProperties" in value:
            out.add(additionalProperties=self._additional(node.child("additionalProperties")))
        required = [name for name in dict.fromkeys(list_of_names(node, "required")) if name not in unsent]
        if required:  # draft 4 has no empty list
            out.add(required=required)
        if "propertyNames" in value:
            out.apart(self._property_names(node))

    def _property_names(self, node: Node) -> dict[str, Json]:  # noqa: RET503 - `refuse` raises
        """Express what names may be by the properties that there may be."""
        names = self._schema(node.child("propertyNames"), None)
        while "$ref" in names:
            names = self.definitions[names["$ref"].rpartition("/")[2]]
        constraints = {key: value for key, value in names.items() if key not in {"type", *TEXTS}}
        match constraints if names.get("type", "string") == "string" else names:
            case {**nothing} if not nothing:
                return {}
            case {"enum": allowed, **nothing} if not nothing:
                known: dict[str, Json] = {name: {} for name in allowed if isinstance(name, str)}
                return {"properties": known, "additionalProperties": False}
            case {"pattern": pattern, **nothing} if not nothing:
                return {"patternProperties": {pattern: {}}, "additionalProperties": False}
            case {"minLength": 1, **nothing} if not nothing:
                return {"properties": {"": dict(NOTHING)}}
        refuse(node, "propertyNames", "Only one pattern, or an enum, can be expressed in JSON Schema draft 4")

    def _dependencies(self, node: Node, out: Draft4, owner: str | None) -> None:
        for keyword in ("dependencies", "dependentRequired", "dependentSchemas"):
            dependencies: dict[str, Json] = {}
            for name, needed in node.named(keyword).items():
                if isinstance(needed.value, list):
                    if needed.value:  # draft 4 has no empty list
                        dependencies[name] = list(dict.fromkeys(needed.value))
                else:
                    dependencies[name] = self._schema(needed, owner)
            if dependencies:
                out.add(dependencies=dependencies)

    def _combinations(self, node: Node, out: Draft4, owner: str | None) -> None:
        value = node.value
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword in value:
                schemas = [self._schema(choice, owner) for choice in node.children(keyword)]
                nullable = _nullable(schemas) if keyword == "anyOf" and out.bare else None
                if nullable is not None:
                    out.add(**nullable)
                elif schemas:
                    out.add(**{keyword: schemas})
        if "not" in value:
            out.add(**{"not": self._schema(node.child("not"), owner)})
        if "if" in value:
            self._condition(node, out, owner)
        if "discriminator" in value:  # without it, nobody can tell which schema is meant
            out.apart({"required": [of_type(node.child("discriminator"), "propertyName", str)]})

    def _condition(self, node: Node, out: Draft4, owner: str | None) -> None:
        condition = self._schema(node.child("if"), owner)
        if "then" in node.value:
            out.apart({"anyOf": [{"not": condition}, self._schema(node.child("then"), owner)]})
        if "else" in node.value:
            out.apart({"anyOf": [condition, self._schema(node.child("else"), owner)]})


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}_{number}"
        number += 1


def _read_only(node: Node) -> bool:
    schema = node.resolved().value
    return isinstance(schema, Mapping) and schema.get("readOnly") is True


def _nullable(schemas: Sequence[Mapping[str, Json]]) -> dict[str, Json] | None:
    """Say "this or null" by a list of types, where that means the same: callers get a clearer message."""
    match schemas:
        case [{"type": str() as kind, **rest}, {"type": "null", **more}] if kind != "null" and not more:
            return {**rest, "type": [kind, "null"]} if rest.keys() <= _OF_ONE_TYPE else None
    return None
