import json

import pytest

from storage_first.local.front.bodies import BodyModel, InvalidModelError


@pytest.mark.parametrize(
    ("schema", "body", "complaint"),
    [
        (
            {"type": "object"},
            [],
            'instance type (array) does not match any allowed primitive type (allowed: ["object"])',
        ),
        (
            {"type": "number"},
            "x",
            'instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])',
        ),
        (
            {"type": "integer"},
            True,
            'instance type (boolean) does not match any allowed primitive type (allowed: ["integer"])',
        ),
        (
            {"type": ["string", "null"]},
            1.5,
            'instance type (number) does not match any allowed primitive type (allowed: ["null","string"])',
        ),
        ({"required": ["b", "a"]}, {}, 'object has missing required properties (["a","b"])'),
        (
            {"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False},
            {"a": 1, "x1": 1, "c": 1, "b": 1},
            'object instance has properties which are not allowed by the schema: ["b","c"]',
        ),
        ({"enum": ["a", 1]}, "b", 'instance value ("b") not found in enum (possible values: ["a",1])'),
        ({"minLength": 2}, "é", 'string "é" is too short (length: 1, required minimum: 2)'),
        ({"maxLength": 1}, "ab", 'string "ab" is too long (length: 2, maximum allowed: 1)'),
        ({"pattern": "^a$"}, "b", 'ECMA 262 regex "^a$" does not match input string "b"'),
        ({"minimum": 2}, 1, "numeric instance is lower than the required minimum (minimum: 2, found: 1)"),
        ({"maximum": 2}, 3, "numeric instance is greater than the required maximum (maximum: 2, found: 3)"),
        (
            {"minimum": 2, "exclusiveMinimum": True},
            2,
            "numeric instance is not strictly greater than the required minimum 2",
        ),
        (
            {"maximum": 2, "exclusiveMaximum": True},
            2,
            "numeric instance is not strictly lower than the required maximum 2",
        ),
        ({"multipleOf": 2}, 3, "remainder of division is not zero (3 / 2)"),
        ({"minItems": 1}, [], "array is too short: must have at least 1 elements but instance has 0 elements"),
        ({"maxItems": 1}, [1, 2], "array is too long: must have at most 1 elements but instance has 2 elements"),
        ({"uniqueItems": True}, [1, 1], "array must not contain duplicate elements"),
        ({"minProperties": 1}, {}, "object has too few properties (found 0 but schema requires at least 1)"),
        ({"maxProperties": 0}, {"a": 1}, "object has too many properties (found 1 but schema requires at most 0)"),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            1,
            "instance failed to match at least one required schema among 2",
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
            1,
            "instance failed to match exactly one schema (matched 0 out of 2)",
        ),
        (
            {"oneOf": [{"minimum": 0}, {"minimum": 1}, {"maximum": 0}]},
            1,
            "instance failed to match exactly one schema (matched 2 out of 3)",
        ),
        ({"not": {"type": "string"}}, "x", "instance matched a schema which it should not have"),
        ({"format": "ipv4"}, "x", 'string "x" is not a valid IPv4 address'),
        ({"format": "email"}, "x", 'string "x" is not a valid email address'),
    ],
)
def test_what_is_wrong_is_said_in_api_gateways_words(schema, body, complaint):
    model = BodyModel(schema)

    said = model.complaint(json.dumps(body))

    assert said == f"[{complaint}]"


def test_nothing_is_said_of_what_is_inside_something_wrong():
    model = BodyModel({"required": ["a"], "properties": {"b": {"type": "string"}}})

    said = model.complaint('{"b": 1}')

    assert said == '[object has missing required properties (["a"])]'


def test_several_complaints_are_listed():
    model = BodyModel({"properties": {"a": {"maxLength": 1}, "b": {"minimum": 1}}})

    said = model.complaint('{"a": "xx", "b": 0}')

    assert said == (
        '[string "xx" is too long (length: 2, maximum allowed: 1), '
        "numeric instance is lower than the required minimum (minimum: 1, found: 0)]"
    )


@pytest.mark.parametrize("good", ["2026-11-21T20:12:29Z", "2026-11-21T20:12:29.123Z", "2026-11-21T20:12:29+01:00"])
def test_times_are_those_of_rfc_3339(good):
    model = BodyModel({"format": "date-time"})

    complaints = [model.complaint(json.dumps(time)) for time in (good, "yesterday")]

    assert complaints[0] is None
    assert "is invalid against requested date format(s)" in complaints[1]


def test_definitions_inside_a_model_are_found():
    model = BodyModel(
        {"definitions": {"name": {"type": "string"}}, "properties": {"a": {"$ref": "#/definitions/name"}}}
    )

    assert model.complaint('{"a": "x"}') is None
    assert model.complaint('{"a": 1}') is not None


@pytest.mark.parametrize("schema", [{"type": "strange"}, {"$ref": "#/definitions/absent"}])
def test_a_model_that_aws_refuses_is_refused(schema):
    with pytest.raises(InvalidModelError):
        BodyModel(schema)
