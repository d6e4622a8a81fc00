import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk.assertions import Match, Template
from jsonschema import Draft4Validator

from constructs_lib.storage_first_api.models import DRAFT_4, body_model, examples_of

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def of(**properties):
    return {"type": "object", "properties": properties}


def model_of(schema):
    """The model of a property."""
    return body_model(of(a=schema))["properties"]["a"]


def test_a_model_of_draft_4_is_otherwise_untouched():
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 3}}}

    model = body_model(schema)

    assert model == {**schema, "$schema": DRAFT_4}


@pytest.mark.parametrize(
    ("schema", "keyword", "place"),
    [
        ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties", "#"),
        (of(a={"items": {"unevaluatedItems": {}}}), "unevaluatedItems", "#/properties/a/items"),
        (of(a={"items": [{}, {"maxContains": 1}]}), "maxContains", "#/properties/a/items/1"),
        ({"type": "object", "anyOf": [{}, {"contentMediaType": "a/b"}]}, "contentMediaType", "#/anyOf/1"),
        ({"type": "object", "not": {"contentSchema": {}}}, "contentSchema", "#/not"),
        (of(**{"a/b~": {"$dynamicRef": "#x"}}), "$dynamicRef", "#/properties/a~1b~0"),
        (of(a={"contains": {}, "minContains": 2}), "minContains", "#/properties/a"),
        (of(a={"contentEncoding": "quoted-printable"}), "contentEncoding", "#/properties/a"),
        (of(a={"type": "string", "format": "iban"}), "format", "#/properties/a"),
        (of(a={"type": "string", "format": "int32"}), "format", "#/properties/a"),
        (of(a={"type": "string", "nullable": True}), "nullable", "#/properties/a"),
        (of(a={"discriminator": {"propertyName": "kind"}}), "discriminator", "#/properties/a"),
        (of(a={"maxLenght": 3}), "maxLenght", "#/properties/a"),
        (of(a={"propertyNames": {"maxLength": 3}}), "propertyNames", "#/properties/a"),
        (of(a={"propertyNames": {"pattern": "a", "minLength": 2}}), "propertyNames", "#/properties/a"),
        (
            {"$schema": DRAFT_7, **of(a={"$ref": "#/definitions/A", "maxLength": 3}), "definitions": {"A": {}}},
            "maxLength",
            "#/properties/a",
        ),
        ({**of(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"unevaluatedItems": 1}}}, "unevaluatedItems", "#/$defs/A"),
    ],
)
def test_a_keyword_that_would_not_be_enforced_is_refused_with_its_place(schema, keyword, place):
    with pytest.raises(ValueError, match="does not enforce") as error:
        body_model(schema)

    assert repr(keyword) in str(error.value)
    assert f"at {place}." in str(error.value)


@pytest.mark.parametrize(
    "pattern", [r"\Aa", r"a\z", r"\p{L}", "(?i)a", "(?P<n>a)", "(?<n>a)", "(?<=a)b", "[[:alpha:]]", "a++", r"\u{1F600}"]
)
def test_a_pattern_that_ecma_262_reads_otherwise_is_refused(pattern):
    with pytest.raises(ValueError, match=r"'pattern' at #/properties/a\. It reads patterns as ECMA 262"):
        body_model(of(a={"pattern": pattern}))
    with pytest.raises(ValueError, match=r"'pattern' at #/patternProperties"):
        body_model({"type": "object", "patternProperties": {pattern: {}}})


@pytest.mark.parametrize("pattern", [r"^\\A$", "^(?:a|b)+?$", r"a\+\+", "(?=a)", "(?!a)", r"[\w.]+\.x", r"\u00e4"])
def test_a_pattern_of_ecma_262_stays(pattern):
    assert model_of({"pattern": pattern}) == {"pattern": pattern}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (of(a={"type": "strin"}), "type must be of object, array"),
        (of(a={"type": []}), "type must be of object, array"),
        (of(a={"maxLength": "3"}), "maxLength must be a number at #/properties/a"),
        (of(a={"minimum": True}), "minimum must be a number"),
        (of(a={"exclusiveMinimum": True}), "there is no minimum that it could exclude"),
        (of(a={"required": True}), "required must be a list"),
        (of(a={"required": [1]}), "required must be a list of strings"),
        (of(a={"uniqueItems": 1}), "uniqueItems must be a boolean"),
        (of(a=["string"]), "expected a schema at #/properties/a"),
        (of(a={"properties": ["b"]}), "properties must be an object at #/properties/a"),
        (of(a={"anyOf": {}}), "anyOf must be a list at #/properties/a"),
        (of(a={"oneOf": [{}], "discriminator": "kind"}), "propertyName must be a string at #/properties/a/discrimin"),
        (of(a={"$ref": 1}), "expected a schema at #/properties/a"),
        (of(a={"$ref": "#/$defs/B"}), r"'#/\$defs/B' at #/properties/a leads nowhere"),
        (of(a={"$ref": "#b"}), "'#b' at #/properties/a leads nowhere"),
        (of(a={"$ref": "b.json"}), "put what it refers to under"),
        ({"type": "object", "$schema": "http://json-schema.org/draft-03/schema#"}, "must be of draft-04"),
        ({"type": "object", "default": {1, 2}}, "nothing but JSON"),
        (of(a={"maximum": float("inf")}), "maximum must be a finite number"),
    ],
)
def test_what_is_no_schema_is_refused(schema, message):
    with pytest.raises(ValueError, match=message):
        body_model(schema)


def test_a_body_is_described_by_a_schema_a_pydantic_model_or_an_openapi_operation():
    with pytest.raises(ValueError, match=r"a pydantic model class, or what from_openapi returns; got <class 'int'>"):
        body_model(int)


def test_a_property_may_have_the_name_of_a_keyword():
    schema = of(const={"type": "string"}, unevaluatedItems={"type": "boolean"}, **{"$ref": {"type": "string"}})

    assert body_model(schema)["properties"] == schema["properties"]


def test_a_value_may_look_like_a_schema():
    assert model_of({"const": {"unevaluatedItems": 1, "$ref": "#/x"}}) == {
        "enum": [{"unevaluatedItems": 1, "$ref": "#/x"}]
    }


@pytest.mark.parametrize(
    "schema", [{"type": "array"}, {"type": ["object", "null"]}, {}, {"anyOf": [{"type": "object"}, {}]}]
)
def test_a_body_that_is_no_object_is_refused_because_an_object_is_stored(schema):
    with pytest.raises(ValueError, match=r'"type": "object" at its root, because what is stored is an object; got '):
        body_model(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}},
        {"allOf": [{"$ref": "#/$defs/A"}, {"required": ["a"]}], "$defs": {"A": {"type": "object"}}},
        {"oneOf": [{"$ref": "#/$defs/A"}, {"type": "object"}], "$defs": {"A": {"type": "object"}}},
    ],
)
def test_a_root_that_only_accepts_objects_says_so(schema):
    model = body_model(schema)

    assert model["type"] == "object"
    assert "$ref" not in model


def test_what_only_describes_is_left_out():
    described = {
        "type": "string",
        "default": "a",
        "examples": ["b"],
        "example": "c",
        "deprecated": True,
        "$comment": "d",
        "readOnly": True,
        "writeOnly": True,
        "$id": "e",
        "x-internal": True,
        "externalDocs": {},
        "xml": {},
    }

    assert model_of(described) == {"type": "string"}
    assert model_of({"title": "A", "description": "B"}) == {"title": "A", "description": "B"}


def test_bounds_do_without_the_exclusive_keywords_because_aws_lists_them_as_not_supported():
    assert model_of({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9.5}) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
    }
    draft_4 = {"type": "number", "minimum": 0, "exclusiveMinimum": True}
    assert model_of(draft_4) == {"type": "number", "minimum": 0, "allOf": [{"not": {"type": "number", "maximum": 0}}]}


def test_this_or_null_is_a_list_of_types():
    assert model_of({"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}) == {
        "type": ["string", "null"],
        "maxLength": 3,
    }


def test_a_schema_that_refers_to_itself_keeps_its_constraints_at_every_depth():
    schema = {
        "$ref": "#/$defs/Hole",
        "$defs": {
            "Hole": {
                "type": "object",
                "required": ["depth"],
                "properties": {
                    "depth": {"type": "number"},
                    "tunnels": {"type": "array", "items": {"$ref": "#/$defs/Hole"}},
                },
            }
        },
    }

    model = body_model(schema)

    assert "$ref" not in model
    assert model["properties"]["tunnels"]["items"] == {"$ref": "#/definitions/Hole"}
    validator = Draft4Validator(model)
    assert validator.is_valid({"depth": 1, "tunnels": [{"depth": 2, "tunnels": []}]})
    assert not validator.is_valid({"depth": 1, "tunnels": [{"depth": 2, "tunnels": [{}]}]})


def test_a_schema_may_refer_to_the_root():
    model = body_model({**of(next={"$ref": "#"}), "required": ["id"]})

    validator = Draft4Validator(model)
    assert validator.is_valid({"id": 1, "next": {"id": 2}})
    assert not validator.is_valid({"id": 1, "next": {"id": 2, "next": {}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}], "type": "object"},
        {"$ref": "#"},
        {"dependentSchemas": {"a": {"$ref": "#"}}, "type": "object"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        {
            **of(p={"$ref": "#/$defs/X"}),
            "$defs": {
                "X": {"allOf": [{"properties": {"p": {"$ref": "#/$defs/Y"}}}, {"$ref": "#/$defs/Y"}]},
                "Y": {"allOf": [{"$ref": "#/$defs/X"}]},
            },
        },
    ],
)
def test_schemas_that_refer_to_each_other_without_end_are_refused(schema):
    with pytest.raises(ValueError, match="refer to each other without end"):
        body_model(schema)


def test_references_lead_through_pointers_and_anchors():
    schema = {
        **of(a={"$ref": "#/$defs/a~1b%20c"}, b={"$ref": "#size"}, c={"$ref": "#old"}),
        "$defs": {"a/b c": {"enum": [1]}, "n": {"$anchor": "size", "enum": [2]}, "o": {"$id": "#old", "enum": [3]}},
    }

    validator = Draft4Validator(body_model(schema))

    assert validator.is_valid({"a": 1, "b": 2, "c": 3})
    for wrong in ({"a": 9}, {"b": 9}, {"c": 9}):
        assert not validator.is_valid(wrong)


def test_definitions_of_one_name_are_told_apart():
    schema = {
        **of(a={"$ref": "#/$defs/A"}, b={"$ref": "#/definitions/A"}),
        "$defs": {"A": {"enum": [1]}},
        "definitions": {"A": {"enum": [2]}},
    }

    validator = Draft4Validator(body_model(schema))

    assert validator.is_valid({"a": 1, "b": 2})
    assert not validator.is_valid({"a": 2})
    assert not validator.is_valid({"b": 1})


def test_a_reference_within_an_inner_id_is_refused_because_its_base_is_another():
    inner = {"$id": "https://a.example/inner", "properties": {"b": {"$ref": "#/$defs/A"}}}

    with pytest.raises(ValueError, match=r"relative to the \$id 'https://a\.example/inner' of an inner schema"):
        body_model({**of(a=inner), "$defs": {"A": {}}})


def test_a_property_called_id_is_none():
    schema = {**of(id={"$ref": "#/$defs/Id"}), "$defs": {"Id": {"type": "string"}}}

    assert body_model(schema)["definitions"] == {"Id": {"type": "string"}}


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        (
            "date",
            ["2024-02-29", "2000-02-29", "0001-12-31"],
            ["2023-02-29", "1900-02-29", "0000-01-01", "2024-04-31", "x"],
        ),
        ("time", ["23:59:59Z", "00:00:00.5+01:30"], ["24:00:00Z", "10:00:00", "10:60:00Z"]),
        ("duration", ["P1D", "PT1H30M", "P3W", "P1Y2M3DT4H5M6S"], ["P", "PT", "1D", "P1DT", "PT1S1H"]),
        ("uuid", ["6f1e8f6a-8f0e-4f44-9d0a-3b9c7f0f8a11"], ["6f1e8f6a8f0e4f449d0a3b9c7f0f8a11", "x"]),
        ("uuid4", ["6f1e8f6a-8f0e-4f44-9d0a-3b9c7f0f8a11"], ["6f1e8f6a-8f0e-1f44-9d0a-3b9c7f0f8a11"]),
        ("byte", ["", "QQ==", "QUI=", "QUJD"], ["Q", "QQ", "Q-==", "QQ==Q"]),
        ("base64url", ["", "QQ", "Q-8", "QQ=="], ["Q", "Q+=="]),
        ("int32", [-(2**31), 2**31 - 1], [-(2**31) - 1, 2**31]),
        ("uint8", [0, 255], [-1, 256]),
        ("int64", [-(2**63) + 808, 2**63 - 808], [-(2**63) - 1, 2**63]),
    ],
)
def test_a_format_that_draft_4_does_not_have_is_enforced_all_the_same(name, valid, invalid):
    model = body_model(of(a={"format": name}))

    validator = Draft4Validator(model)

    assert [value for value in valid if not validator.is_valid({"a": value})] == []
    assert [value for value in invalid if validator.is_valid({"a": value})] == []


def test_an_encoding_is_enforced_by_its_alphabet():
    validator = Draft4Validator(body_model(of(a={"type": "string", "contentEncoding": "base64"})))

    assert validator.is_valid({"a": "QUJD"})
    assert not validator.is_valid({"a": "QU-D"})


def test_a_format_that_draft_4_has_stays():
    assert model_of({"type": "string", "format": "date-time"}) == {"type": "string", "format": "date-time"}


def test_what_reaches_the_template_is_what_was_meant():
    stack = Stack(App(), "Stack")
    schema = of(
        anything={},
        nothing=False,
        none={"const": None},
        maybe={"enum": [None, "a"]},
        large={"enum": [2**53, 9_223_372_036_854_775_000]},
        long={"type": "integer", "format": "int64"},
        empty={"required": [], "enum": []},
    )
    model = body_model(schema)

    apigateway.CfnModel(stack, "Model", rest_api_id="api", schema=model)

    Template.from_stack(stack).has_resource_properties("AWS::ApiGateway::Model", {"Schema": Match.exact(model)})
    validator = Draft4Validator(model)
    assert validator.is_valid({"anything": 1, "none": None, "maybe": None})
    for wrong in ({"nothing": 1}, {"none": 1}, {"maybe": "b"}, {"empty": 1}):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"maximum": 2**53 + 1}, "9007199254740993 of maximum at #/properties/a would become 9007199254740992"),
        ({"enum": [{"b": [2**63 - 1]}]}, "would become 9223372036854776000"),
        ({"const": 10**400}, "would become inf"),
        ({"enum": [{"b": None}]}, "the CDK drops the null inside a value of enum at #/properties/a"),
    ],
)
def test_a_value_that_the_template_cannot_hold_is_refused(schema, message):
    with pytest.raises(ValueError, match=message):
        body_model(of(a=schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "examples": [{"a": 1}], "example": {"a": 2}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "examples": [{"a": 1}, {"a": 2}]}}},
    ],
)
def test_examples_are_kept_apart_from_the_model(schema):
    assert examples_of(schema) == [{"a": 1}, {"a": 2}]
    assert "example" not in str(body_model(schema))


def test_examples_beside_a_reference_come_first():
    schema = {"$ref": "#/$defs/A", "examples": [{"a": 1}], "$defs": {"A": {"type": "object", "examples": [{"a": 2}]}}}

    assert examples_of(schema) == [{"a": 1}]


def test_a_schema_that_is_nothing_but_itself_shows_no_examples():
    assert examples_of({"$ref": "#"}) == []
