"""Makes an example of what a schema allows: small, plain, and left out where none is found."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

from jsonschema import Draft202012Validator

Components = Mapping[str, Mapping[str, Any]]
_T = TypeVar("_T")

_DEEPEST: Final = 8
# Ordinary texts: the first that a schema allows is its example.
_TEXTS: Final = (
    *("Gus", "gus", "GUS", "A-1", "a-1", "G7", "1", "42", "0042", "a", "A", "ABC-123", "gus-2026", "en-GB"),
    *("2026-11-21", "20:12:29Z", "2026-11-21T20:12:29Z", "gus@burrow.example", "https://burrow.example/gus", "/gus"),
    *("ce42c8c7-6a96-4fb4-8c20-dfe12ba5b52f", "192.0.2.1", "2001:db8::1", "burrow.example", "+441632960000"),
)


def example_of(schema: Any, components: Components) -> Any:  # noqa: ANN401 - any JSON
    """Make an example of a schema.

    Args:
        schema: A schema of draft 2020-12.
        components: The schemas that it may refer to, as `#/components/schemas/NAME`.

    Raises:
        LookupError: If no example was found that the schema allows.
    """
    example = _Maker(components).make(schema, 0)
    if not allows(schema, example, components):
        raise LookupError
    return example


def example_member(schema: Any, components: Components) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Write an example as a member, if one is found."""
    try:
        return {"example": example_of(schema, components)} if schema else {}
    except (LookupError, RecursionError):  # a schema may refer to itself without end
        return {}


def allows(schema: Any, value: Any, components: Components) -> bool:  # noqa: ANN401 - any JSON
    """Whether a schema allows a value."""
    document = {"allOf": [schema], "components": {"schemas": components}}  # where its references lead
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(value)


class _Maker:
    def __init__(self, components: Components) -> None:
        self._components = components

    def make(self, schema: Any, depth: int) -> Any:  # noqa: ANN401 - any JSON
        if depth > _DEEPEST:
            return {}
        merged = self._merged(schema)
        stated = [merged[keyword] for keyword in ("const", "default") if keyword in merged]
        for value in (*stated, *merged.get("examples", ()), *merged.get("enum", ())):
            return value
        kinds = merged.get("type", "object" if "properties" in merged else "string")
        makers: Mapping[str, Callable[[Mapping[str, Any], int], Any]] = {
            "object": self._object,
            "array": self._array,
            "integer": self._number,
            "number": self._number,
            "boolean": lambda *_: True,
            "null": lambda *_: None,
            "string": self._text,
        }
        return makers[kinds if isinstance(kinds, str) else kinds[0]](merged, depth)

    def _merged(self, schema: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a schema may be a boolean
        """A schema with what it refers to, all of `allOf`, and the first of `oneOf` and `anyOf`."""
        if not isinstance(schema, Mapping):
            return {}
        referred = [self._referred(schema["$ref"])] if "$ref" in schema else []
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "$ref"}
        for part in (*referred, *schema.get("allOf", ()), *schema.get("oneOf", ())[:1], *schema.get("anyOf", ())[:1]):
            other = self._merged(part)
            merged = {
                **other,
                **merged,
                "properties": {**other.get("properties", {}), **merged.get("properties", {})},
                "required": [*merged.get("required", ()), *other.get("required", ())],
            }
        return {key: value for key, value in merged.items() if value or key not in {"properties", "required"}}

    def _object(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        required = schema.get("required", ())
        properties = schema.get("properties", {})
        shown = dict.fromkeys(chain(required, properties if depth < _DEEPEST // 2 else ()))
        return {name: self.make(properties.get(name, True), depth + 1) for name in shown}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = [self.make(item, depth + 1) for item in schema.get("prefixItems", ())]
        missing = max(schema.get("minItems", 1), 1) - len(first)
        return first + [self.make(schema["items"], depth + 1)] * missing if "items" in schema else first

    def _number(self, schema: Mapping[str, Any], _: int) -> float:
        limits: list[float] = [schema[limit] for limit in ("minimum", "maximum") if limit in schema]
        step = schema.get("multipleOf", 1)
        above: float = (schema.get("exclusiveMinimum", schema.get("minimum", 0)) // step + 1) * step
        return self._first((1, 42, *limits, above), schema, 0)

    def _text(self, schema: Mapping[str, Any], _: int) -> str:
        stretched = "Gus".ljust(schema.get("minLength", 0), "s")[: schema.get("maxLength")]
        return self._first((*_TEXTS, stretched), {**schema, "type": "string"}, "")

    def _first(self, candidates: Sequence[_T], schema: Mapping[str, Any], otherwise: _T) -> _T:
        return next((one for one in candidates if allows(schema, one, self._components)), otherwise)

    def _referred(self, reference: str) -> Any:  # noqa: ANN401 - a schema
        target: Any = {"components": {"schemas": self._components}}
        for part in reference.removeprefix("#/").split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name, {}) if isinstance(target, Mapping) else {}
        return target
