"""A model accepts nothing that the schema it comes from refuses; for that, both judge the same bodies."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, Draft202012Validator

from constructs_lib.storage_first_api.models import body_model

NAMES = st.sampled_from(["a", "b", "ab", ""])
SIZES = st.integers(0, 2)
SCALAR_VALUES = [None, True, False, -2, -1, 0, 0.5, 1, 1.5, 2, 3, "", "a", "b", "ab", "aab"]
SCALARS = st.sampled_from(SCALAR_VALUES)
LISTS = [[], [1], [1, 1], ["a", 2], [None, "b", {}], [[1], True, 3]]
OBJECTS = [{}, {"a": 1}, {"b": "a"}, {"a": "ab", "b": None}, {"ab": 2}, {"": 0, "a": {}}, {"a": [1], "b": 3, "ab": "b"}]
VALUES = [*SCALAR_VALUES, *LISTS, *OBJECTS]
BODIES = [*OBJECTS, *({"a": value} for value in VALUES), *({"b": value, "ab": 1} for value in VALUES)]
TYPES = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])


def keyword(name, values):
    return values.map(lambda value: {name: value})


def leaf(draft):
    bounds = st.sampled_from([-1, 0, 1.5, 2])
    keywords = [
        keyword("type", TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True)),
        keyword("enum", st.lists(SCALARS, min_size=1, max_size=3, unique_by=repr)),
        *(keyword(name, SIZES) for name in ("minLength", "maxLength", "minItems", "maxItems")),
        *(keyword(name, SIZES) for name in ("minProperties", "maxProperties")),
        *(keyword(name, bounds) for name in ("minimum", "maximum")),
        keyword("multipleOf", st.sampled_from([0.5, 2])),
        keyword("pattern", st.sampled_from(["^a", "b$"])),
        keyword("uniqueItems", st.booleans()),
        keyword("required", st.lists(NAMES, unique=True, min_size=1, max_size=2)),
    ]
    if draft is Draft4Validator:
        both = st.tuples(bounds, st.booleans())
        keywords += [
            both.map(lambda value: {"minimum": value[0], "exclusiveMinimum": value[1]}),
            both.map(lambda value: {"maximum": value[0], "exclusiveMaximum": value[1]}),
        ]
    else:
        keywords += [keyword(name, bounds) for name in ("exclusiveMinimum", "exclusiveMaximum")]
        keywords += [keyword("const", SCALARS)]
    return st.lists(st.one_of(keywords), max_size=3).map(together)


def branch(draft, inner):
    named = st.dictionaries(NAMES, inner, min_size=1, max_size=2)
    schemas = st.lists(inner, min_size=1, max_size=2)
    keywords = [
        keyword("properties", named),
        keyword("patternProperties", st.dictionaries(st.sampled_from(["^a", "b$"]), inner, min_size=1, max_size=2)),
        keyword("additionalProperties", st.booleans() | inner),
        keyword("items", inner),
        *(keyword(name, schemas) for name in ("allOf", "anyOf", "oneOf")),
        keyword("anyOf", inner.map(lambda schema: [schema, {"type": "null"}])),
        keyword("not", inner),
    ]
    needs = st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=2, unique=True), min_size=1, max_size=2)
    if draft is Draft202012Validator:
        keywords += [
            keyword("prefixItems", schemas),
            keyword("dependentRequired", needs),
            keyword("dependentSchemas", named),
            st.tuples(inner, st.sampled_from([{}, {"minContains": 0}, {"minContains": 1}])).map(
                lambda value: {"contains": value[0], **value[1]}
            ),
            keyword("$ref", st.just("#/$defs/Shared")),
        ]
    else:
        keywords += [
            keyword("dependencies", needs | named),
            st.tuples(schemas, st.booleans() | inner).map(
                lambda value: {"items": value[0], "additionalItems": value[1]}
            ),
        ]
    if draft is not Draft4Validator:
        names = st.sampled_from([{"pattern": "^a"}, {"enum": ["a", "b"]}, {"const": "a"}, {"minLength": 1}, {}])
        keywords += [keyword("propertyNames", names)]
    if draft in (Draft7Validator, Draft202012Validator):
        keywords += [keyword("if", inner), keyword("then", inner), keyword("else", inner)]
    return st.lists(st.one_of(keywords), min_size=1, max_size=4).map(together)


def together(keywords):
    schema = {name: value for part in keywords for name, value in part.items()}
    if not isinstance(schema.get("items"), list):
        schema.pop("additionalItems", None)  # it says nothing, and jsonschema stumbles over it
    return schema


def schemas(draft):
    leaves = leaf(draft) if draft is Draft4Validator else leaf(draft) | st.booleans()
    inner = st.recursive(leaves, lambda inner: branch(draft, inner) | leaf(draft), max_leaves=8)
    return st.tuples(branch(draft, inner), leaf(draft)).map(
        lambda parts: {
            **parts[0],
            "$schema": draft.META_SCHEMA["$schema" if draft is not Draft4Validator else "id"],
            "$defs": {"Shared": parts[1]},
            "type": "object",
        }
    )


NULL = {"type": "null"}
TRICKY = [
    {"anyOf": [NULL, NULL]},
    {"anyOf": [{"type": "string", "enum": ["a"]}, NULL]},
    {"anyOf": [{"type": "object", "not": {"required": ["a"]}}, NULL]},
    {"anyOf": [{"type": "integer", "minimum": 1}, NULL], "maximum": 2},
    {"anyOf": [{"type": "object", "properties": {"a": {}}}, NULL], "additionalProperties": False},
    {"anyOf": [{"type": "array", "items": {"type": "integer"}}, NULL], "items": {"minimum": 2}},
    {"enum": [None]},
    {"enum": [None, "a", 1]},
    {"type": ["string", "null"], "enum": ["a", None]},
    {"const": True, "enum": [1, True]},
    {"const": 1, "enum": [2]},
    {"contains": {"type": "integer"}},
    {"contains": {"type": "integer"}, "minContains": 0},
    {"if": {"type": "string"}, "then": {"minLength": 2}},
    {"if": {"type": "string"}, "else": {"type": "object"}},
    {"exclusiveMinimum": 0, "minimum": 1, "exclusiveMaximum": 3, "maximum": 2},
    {"exclusiveMinimum": 0.5, "type": "integer"},
    {"exclusiveMaximum": 1.5, "type": "integer"},
    {"exclusiveMaximum": 2, "type": "integer", "maximum": 3},
    {"prefixItems": [{"type": "string"}], "items": False},
    {"prefixItems": [True, False]},
    {"items": False},
    {"propertyNames": {"enum": ["a", 1]}, "properties": {"b": {}}},
    {"propertyNames": {"pattern": "^a"}, "additionalProperties": {"type": "integer"}},
    {"propertyNames": {"minLength": 1}},
    {"dependentRequired": {"a": ["b"], "b": []}},
    {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {"maxProperties": 1}}},
    {"$ref": "#/$defs/Shared", "maxProperties": 1},
    {"properties": {"a": {"$ref": "#/$defs/Shared", "description": "A"}}, "required": ["a", "a"]},
    {"pattern": "^a", "allOf": [{"pattern": "b$"}], "not": {"pattern": "aa"}},
]


@pytest.mark.parametrize("schema", TRICKY, ids=str)
def test_what_is_rewritten_means_the_same(schema):
    schema = {"type": "object", "properties": {"a": schema}, "$defs": {"Shared": {"required": ["b"]}}}

    model = body_model(schema)

    Draft4Validator.check_schema(model)
    translated, original = Draft4Validator(model), Draft202012Validator(schema)
    assert [body for body in BODIES if translated.is_valid(body) != original.is_valid(body)] == []


@pytest.mark.parametrize("draft", [Draft4Validator, Draft6Validator, Draft7Validator, Draft202012Validator])
def test_a_model_judges_bodies_as_its_schema_does(draft):
    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(schemas(draft))
    def check(schema):
        draft.check_schema(schema)
        original = draft(schema)

        model = body_model(schema)

        Draft4Validator.check_schema(model)
        translated = Draft4Validator(model)
        assert [body for body in BODIES if translated.is_valid(body) != original.is_valid(body)] == []

    check()
