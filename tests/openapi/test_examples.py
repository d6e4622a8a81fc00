import pytest

from storage_first.openapi.examples import allows, example_member, example_of

LINE = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string", "pattern": "^[A-Z]-[0-9]$"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 40},
        {"type": "string", "maxLength": 1},
        {"type": "string", "pattern": "^[A-Z0-9-]{1,20}$"},
        {"type": "string", "format": "date-time"},
        {"type": "string", "format": "email"},
        {"type": "integer", "exclusiveMinimum": 1000},
        {"type": "number", "minimum": 10.5, "multipleOf": 0.5},
        {"type": "integer", "maximum": -7},
        {"type": "boolean"},
        {"type": ["null", "string"]},
        {"enum": ["small", "large"]},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}},
        {"allOf": [{"required": ["a"]}, {"properties": {"a": {"enum": [7]}}}], "type": "object"},
        {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        {"$ref": "#/components/schemas/Line"},
        {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
    ],
    ids=str,
)
def test_an_example_is_something_that_its_schema_allows(schema):
    example = example_of(schema, {"Line": LINE})

    assert allows(schema, example, {"Line": LINE})


def test_optional_members_are_shown_too():
    schema = {"type": "object", "properties": {"depth": {"type": "number"}}}

    assert example_of(schema, {}) == {"depth": 1}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^zebra[0-9]{7}$"},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"$ref": "#/components/schemas/Endless"},
    ],
    ids=str,
)
def test_no_example_is_better_than_a_wrong_one(schema):
    endless = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/Endless"}}}

    assert example_member(schema, {"Endless": endless}) == {}
