"""pydantic models as JSON Schemas that tell what pydantic's own leave out.

Some of what a model demands is in no JSON Schema that pydantic writes: validators, bounds of dates, the schemes of a
URL. A body that breaks it would pass API Gateway. Here each becomes a keyword that does the same, or one that says what
it is; the translation to draft 4 refuses the latter, and names its place.

Only imported where a body is a pydantic model, so that pydantic need not be installed.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from constructs_lib.storage_first_api.models.keywords import PYTHON_ONLY

_BOUNDS = ("gt", "ge", "lt", "le")
_LOST: Mapping[str, tuple[str, ...]] = {
    "date": ("now_op", *_BOUNDS),
    "datetime": ("now_op", *_BOUNDS),
    "time": _BOUNDS,
    "timedelta": _BOUNDS,
    "decimal": ("max_digits", "decimal_places"),
    "bytes": ("min_length", "max_length"),  # JSON Schema counts characters
}
"""Constraints that pydantic leaves out of a JSON Schema, by type."""

_NEVER_JSON = ("complex", "callable", "is-subclass", "call")
_DECIMAL = r"^[+-]?(?:\d+\.?\d*|\.\d+)$"
_NOT_BLANK = r"[^\s\u0085]"

_Generate = Callable[[Any], JsonSchemaValue]


def complete_schema(model: type[Any]) -> JsonSchemaValue:
    """Describe what a model class validates, by alias.

    Raises:
        ValueError: If it has a field that no JSON can be.
    """
    try:
        schema: JsonSchemaValue = model.model_json_schema(schema_generator=_CompleteJsonSchema)
    except PydanticUserError as error:
        raise ValueError(f"body: {model.__name__} has no JSON Schema: {error.message}") from error
    return schema


class _CompleteJsonSchema(GenerateJsonSchema):
    """Writes JSON Schemas in which a constraint is a keyword, if only `PYTHON_ONLY`."""

    # A default only describes; a choice that no JSON can be is none.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's own

    def build_schema_type_to_method(self) -> dict[Any, _Generate]:
        """Add to each type what pydantic leaves out."""
        methods = super().build_schema_type_to_method()
        return {kind: functools.partial(self._complete, method) for kind, method in methods.items()}

    def _complete(self, generate: _Generate, schema: Any) -> JsonSchemaValue:  # noqa: ANN401 - one of 50 types
        json_schema = generate(schema)
        match schema["type"]:
            case "url":
                schemes = "|".join(schema.get("allowed_schemes") or ["[A-Za-z][A-Za-z0-9+.-]*"])
                json_schema = {**json_schema, "pattern": f"^(?:{schemes}):"}
            case "decimal":
                json_schema = _decimal(json_schema, schema)
            case "dict" if "patternProperties" in json_schema:  # pydantic also refuses keys that do not match
                json_schema = {"additionalProperties": False, **json_schema}
            case "str" if self._stripped(schema) and json_schema.get("minLength") == 1:
                json_schema = {"pattern": _NOT_BLANK, **json_schema}
        lost = ", ".join(self._lost(schema, json_schema))
        return {**json_schema, PYTHON_ONLY: lost} if lost else json_schema

    def _lost(self, schema: Mapping[str, Any], json_schema: JsonSchemaValue) -> Iterator[str]:
        kind = schema["type"]
        yield from (name for name in _LOST.get(kind, ()) if schema.get(name) is not None)
        match kind:
            case "datetime" | "time" if schema.get("tz_constraint") not in (None, "aware"):
                yield "tz_constraint"
            case "dict" if not self._names_are_strings(schema):
                yield "the type of the keys"
            case "str" if self._stripped(schema) and json_schema.keys() & {"minLength", "pattern"}:
                if json_schema.get("pattern") != _NOT_BLANK or json_schema.get("minLength") != 1:
                    yield "strip_whitespace, after which the length and the pattern are looked at"
            case "model-field" if isinstance(schema.get("validation_alias"), list):
                yield f"validation_alias {schema['validation_alias']!r}"
            case "tagged-union" if callable(schema["discriminator"]):
                yield f"the discriminator {_name(schema['discriminator'])}"
            case "function-before" | "function-after" | "function-wrap" | "function-plain":
                yield from _code(schema["function"]["function"], json_schema)
        if kind in _NEVER_JSON:
            yield f"the type {kind}"

    def _stripped(self, schema: Mapping[str, Any]) -> bool:
        return bool(schema.get("strip_whitespace", self._config.str_strip_whitespace))

    def _names_are_strings(self, schema: Mapping[str, Any]) -> bool:
        names = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        return not names or "$ref" in names or names.get("type") == "string"


def _decimal(json_schema: JsonSchemaValue, schema: Mapping[str, Any]) -> JsonSchemaValue:
    """Take decimals as strings only where there are no bounds: a pattern cannot express them."""
    number, _ = json_schema["anyOf"]
    if any(schema.get(name) is not None for name in (*_BOUNDS, "multiple_of")):
        return dict(number)
    return {"anyOf": [number, {"type": "string", "pattern": _DECIMAL}]}


def _code(function: Callable[..., Any], json_schema: JsonSchemaValue) -> Iterator[str]:
    """Name a validator, unless it is pydantic's and the JSON Schema says what it checks."""
    while isinstance(function, functools.partial):
        function = function.func
    module = getattr(function, "__module__", None) or ""
    name = _name(function)
    said = "format" in json_schema or name.startswith("Secret") or module.startswith("pydantic._internal")
    if not (module.startswith("pydantic.") and said) or name.endswith("val_func"):  # `annotated_types.Predicate`
        yield f"the validator {name}"


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function)).replace("<locals>.", "")
