"""Body models: what API Gateway checks before it stores a body."""

from collections.abc import Iterator, Mapping
from typing import Any

JsonSchema = Mapping[str, Any]

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
ANY_OBJECT: JsonSchema = {"type": "object"}

# Keywords of draft 4 that API Gateway enforces, and those that only describe.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
_SCHEMAS_BY_NAME = {"properties", "patternProperties", "definitions"}
_SCHEMA_LISTS = {"allOf", "anyOf", "oneOf"}
_SCHEMAS = {"additionalProperties", "not", "items"}
_ENFORCED = {
    *("type", "enum", "required", "$ref", "dependencies", "minProperties", "maxProperties", "uniqueItems"),
    *("minLength", "maxLength", "pattern", "format", "minimum", "maximum", "multipleOf", "minItems", "maxItems"),
}
_DESCRIPTIVE = {"$schema", "id", "title", "description"}
_ALLOWED = _SCHEMAS_BY_NAME | _SCHEMA_LISTS | _SCHEMAS | _ENFORCED | _DESCRIPTIVE


def body_model(schema: JsonSchema) -> dict[str, Any]:
    """Make a JSON Schema what API Gateway takes: draft 4, an object at its root.

    Raises:
        ValueError: If `schema` is not of an object, or has a keyword that API Gateway does not enforce.
    """
    if schema.get("type") != "object":
        raise ValueError(
            f'body: a model must have "type": "object" at its root, because what is stored is an object; '
            f"got {schema.get('type')!r}"
        )
    for place, keyword in _unknown_keywords(schema, "#"):
        raise ValueError(
            f"body: API Gateway does not enforce the keyword {keyword!r} at {place}. "
            "Remove it, or express it in JSON Schema draft 4"
        )
    return {**schema, "$schema": DRAFT_4}


def _unknown_keywords(schema: object, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, Mapping):
        return  # `additionalProperties: false`
    for keyword, value in schema.items():
        here = f"{place}/{keyword}"
        if keyword not in _ALLOWED:
            yield place, keyword
        elif keyword in _SCHEMAS_BY_NAME:
            for name, inner in value.items():
                yield from _unknown_keywords(inner, f"{here}/{name}")
        elif keyword in _SCHEMA_LISTS or (keyword == "items" and isinstance(value, list)):
            for index, inner in enumerate(value):
                yield from _unknown_keywords(inner, f"{here}/{index}")
        elif keyword in _SCHEMAS:
            yield from _unknown_keywords(value, here)
