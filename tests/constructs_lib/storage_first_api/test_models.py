import pytest

from constructs_lib.storage_first_api.models import DRAFT_4, body_model


def test_a_model_becomes_draft_4_and_is_otherwise_untouched():
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 3}}}

    model = body_model(schema)

    assert model == {**schema, "$schema": DRAFT_4}


@pytest.mark.parametrize(
    ("schema", "keyword", "place"),
    [
        ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties", "#"),
        ({"type": "object", "properties": {"a": {"const": 1}}}, "const", "#/properties/a"),
        ({"type": "object", "properties": {"a": {"items": {"if": {}}}}}, "if", "#/properties/a/items"),
        ({"type": "object", "properties": {"a": {"items": [{}, {"then": {}}]}}}, "then", "#/properties/a/items/1"),
        ({"type": "object", "anyOf": [{}, {"contains": {}}]}, "contains", "#/anyOf/1"),
        ({"type": "object", "not": {"propertyNames": {}}}, "propertyNames", "#/not"),
    ],
)
def test_a_keyword_that_would_not_be_enforced_is_refused_with_its_place(schema, keyword, place):
    with pytest.raises(ValueError, match="does not enforce") as error:
        body_model(schema)

    assert repr(keyword) in str(error.value)
    assert f"at {place}." in str(error.value)


def test_a_property_may_have_the_name_of_a_keyword():
    schema = {"type": "object", "properties": {"const": {"type": "string"}, "if": {"type": "boolean"}}}

    assert body_model(schema)["properties"] == schema["properties"]


def test_a_body_that_is_no_object_is_refused_because_an_object_is_stored():
    with pytest.raises(ValueError, match=r'"type": "object" at its root.*got .array.'):
        body_model({"type": "array"})
