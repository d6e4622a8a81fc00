import pytest

from storage_first.openapi.models import Models


def converted(schema, others=None):
    models = Models({"it": schema, **(others or {})})
    reference = models.reference("it", "It")
    return reference, models.components


@pytest.mark.parametrize(
    ("draft_4", "draft_2020"),
    [
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
        ({"exclusiveMaximum": True, "maximum": 9}, {"exclusiveMaximum": 9}),
        ({"maximum": 9, "exclusiveMaximum": False}, {"maximum": 9}),
        (
            {"items": [{"type": "string"}], "additionalItems": False},
            {"prefixItems": [{"type": "string"}], "items": False},
        ),
        ({"items": {"minimum": 0, "exclusiveMinimum": True}}, {"items": {"exclusiveMinimum": 0}}),
        ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
        ({"dependencies": {"a": {"required": ["b"]}}}, {"dependentSchemas": {"a": {"required": ["b"]}}}),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "id": "x", "type": "object"}, {"type": "object"}),
        ({"properties": {"id": {"type": "string"}}}, {"properties": {"id": {"type": "string"}}}),
        ({"properties": {"definitions": {"minimum": 1}}}, {"properties": {"definitions": {"minimum": 1}}}),
        ({"enum": [{"$ref": "not a schema"}]}, {"enum": [{"$ref": "not a schema"}]}),
        ({"additionalProperties": False}, {"additionalProperties": False}),
    ],
)
def test_draft_4_becomes_what_openapi_speaks(draft_4, draft_2020):
    _, components = converted(draft_4)

    assert components == {"It": draft_2020}


def test_definitions_become_components():
    reference, components = converted(
        {
            "title": "Order",
            "properties": {"lines": {"items": {"$ref": "#/definitions/Line"}}},
            "definitions": {"Line": {"properties": {"next": {"$ref": "#/definitions/Line"}}}},
        }
    )

    assert reference == {"$ref": "#/components/schemas/Order"}
    assert components == {
        "Order": {"title": "Order", "properties": {"lines": {"items": {"$ref": "#/components/schemas/Line"}}}},
        "Line": {"properties": {"next": {"$ref": "#/components/schemas/Line"}}},
    }


def test_a_reference_into_the_model_itself_stays_one():
    _, components = converted({"properties": {"child": {"$ref": "#"}, "same": {"$ref": "#/properties/child"}}})

    assert components["It"]["properties"] == {
        "child": {"$ref": "#/components/schemas/It"},
        "same": {"$ref": "#/components/schemas/It/properties/child"},
    }


def test_what_stands_beside_a_reference_does_not_count_as_in_draft_4():
    _, components = converted({"properties": {"a": {"$ref": "#", "minLength": 3}}})

    assert components["It"]["properties"]["a"] == {"$ref": "#/components/schemas/It"}


def test_a_reference_to_another_model_leads_to_its_component():
    other = {"$ref": "https://apigateway.amazonaws.com/restapis/abc/models/Address"}

    _, components = converted({"properties": {"to": other}}, {"Address": {"title": "Address", "type": "object"}})

    assert components["It"]["properties"]["to"] == {"$ref": "#/components/schemas/Address"}
    assert components["Address"] == {"title": "Address", "type": "object"}


def test_two_definitions_of_one_name_stay_apart():
    models = Models({"a": {"definitions": {"Line": {"minimum": 1}}}, "b": {"definitions": {"Line": {"minimum": 2}}}})

    models.reference("a", "A")
    models.reference("b", "B")

    assert (models.components["Line"], models.components["Line2"]) == ({"minimum": 1}, {"minimum": 2})


def test_a_model_does_not_take_the_name_of_one_of_the_contract_s_schemas():
    models = Models({"it": {"title": "Job", "type": "object"}}, taken={"Job"})

    assert models.reference("it", "It") == {"$ref": "#/components/schemas/Job2"}
