"""Body models: what API Gateway checks before it stores a body."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from constructs_lib.storage_first_api.models.draft4 import DRAFT_4, translate
from constructs_lib.storage_first_api.models.nodes import Dialect, Documents, Json, Node
from constructs_lib.storage_first_api.models.openapi import OpenApiBody, from_openapi

__all__ = [
    "ANY_OBJECT",
    "DRAFT_4",
    "Body",
    "JsonSchema",
    "OpenApiBody",
    "PydanticModel",
    "body_model",
    "examples_of",
    "from_openapi",
]

JsonSchema = Mapping[str, Any]
"""A JSON Schema of any draft; of 2020-12 if it has no `$schema`, though older keywords are understood."""

ANY_OBJECT: JsonSchema = {"type": "object"}

_LATEST = Dialect(name="JSON Schema 2020-12")
_SIBLINGS_SINCE = ("2019-09", "2020-12")
_DRAFTS = ("draft-04", "draft-06", "draft-07", *_SIBLINGS_SINCE)


class PydanticModel(Protocol):
    """A model class of pydantic 2."""

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own
        """Describe what the class validates."""


Body = JsonSchema | type[PydanticModel] | OpenApiBody
"""What a body may be described by: a JSON Schema, a pydantic model class, or what `from_openapi` returns."""


def body_model(body: Body) -> dict[str, Any]:
    """Turn the description of a body into what API Gateway takes: JSON Schema draft 4, an object at its root.

    What the model accepts, `body` accepts. The reverse holds but for strings: a format that draft 4 does not have is a
    pattern here, and patterns are of ECMA 262.

    Raises:
        ValueError: If `body` is not of an object, or asks for what API Gateway cannot enforce; the message has the
            place, as a JSON pointer.
    """
    node, dialect = _source(body)
    return translate(node, dialect)


def examples_of(body: Body) -> list[Json]:
    """Collect the bodies that a description shows; API Gateway takes no examples within a model."""
    if isinstance(body, OpenApiBody) and body.examples:
        return list(body.examples)
    node, _ = _source(body)
    return _examples(node) or _examples(node.resolved())


def _examples(schema: Node) -> list[Json]:
    if not isinstance(schema.value, Mapping):
        return []
    older = [schema.value["example"]] if "example" in schema.value else []
    return [*(schema.value.get("examples") or []), *older]


def _source(body: Body) -> tuple[Node, Dialect]:
    if isinstance(body, OpenApiBody):
        return body.schema, body.dialect
    if isinstance(body, Mapping):
        return Documents(label="", opened={"": _json(body)}).node(), _dialect(body)
    if isinstance(body, type) and hasattr(body, "model_json_schema"):
        from constructs_lib.storage_first_api.models.pydantic_bodies import complete_schema  # noqa: PLC0415 - optional

        return Documents(label=body.__name__, opened={"": complete_schema(body)}).node(), _LATEST
    raise ValueError(
        f"body must be a JSON Schema (a mapping), a pydantic model class, or what from_openapi returns; got {body!r}"
    )


def _json(schema: JsonSchema) -> Json:
    """Make tuples lists, as JSON has them."""
    try:
        return json.loads(json.dumps(schema))
    except (TypeError, ValueError) as error:
        raise ValueError(f"body must hold nothing but JSON: {error}") from error


def _dialect(schema: JsonSchema) -> Dialect:
    name = schema.get("$schema", _SIBLINGS_SINCE[-1])
    for draft in _DRAFTS:
        if draft in str(name):
            return Dialect(name=f"JSON Schema {draft}", siblings=draft in _SIBLINGS_SINCE)
    raise ValueError(f"body: $schema must be of {', '.join(_DRAFTS)}; got {name!r}")
