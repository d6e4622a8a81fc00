import json
import socket

import pytest
from jsonschema import Draft4Validator
from openapi_schema_validator import OAS30WriteValidator, OAS31Validator

from constructs_lib.storage_first_api.models import body_model, examples_of, from_openapi

ANSWERS = {"202": {"description": "Stored"}}


def document(schema=None, *, version="3.1.0", media_type="application/json", **parts):
    content = {media_type: {"schema": {"type": "object"} if schema is None else schema}}
    return {
        "openapi": version,
        "info": {"title": "Gopher Holes", "version": "1"},
        "paths": {
            "/gophers": {
                "post": {"operationId": "addGopher", "requestBody": {"content": content}, "responses": ANSWERS},
                "get": {"operationId": "listGophers", "responses": {"200": {"description": "All"}}},
            },
            "/holes/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "put": {"requestBody": {"content": content}, "responses": ANSWERS},
            },
        },
        **parts,
    }


def properties(**schemas):
    return {"type": "object", "properties": schemas}


VALUES = [None, True, -1, 0, 0.5, 1, 2, 2**31, "", "a", "ab", "abc", [], [1], ["a", 1], {}, {"b": 1}, {"b": "a"}]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"type": "string", "nullable": True, "enum": ["a", None]},
        {"type": "string", "nullable": True, "enum": ["a"]},
        {"type": "string", "nullable": False},
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        {"type": "integer", "maximum": 1, "exclusiveMaximum": True},
        {"type": "integer", "format": "int32"},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer"}}},
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer", "readOnly": True}}},
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer", "writeOnly": True}}},
        {"oneOf": [{"type": "string", "maxLength": 1}, {"type": "string", "minLength": 3}]},
        {"allOf": [{"type": "string"}, {"minLength": 2}]},
    ],
)
def test_what_the_model_accepts_openapi_3_0_accepts(schema):
    model = body_model(from_openapi(document(properties(a=schema), version="3.0.3"), "addGopher"))

    original = OAS30WriteValidator(properties(a=schema), format_checker=OAS30WriteValidator.FORMAT_CHECKER)
    translated = Draft4Validator(model)
    assert [value for value in VALUES if translated.is_valid({"a": value}) != original.is_valid({"a": value})] == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"exclusiveMinimum": 0},
        {"type": "integer", "exclusiveMaximum": 1.5},
        {"const": None},
        {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
        {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "integer"}},
        {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer", "readOnly": True}}},
    ],
)
def test_what_the_model_accepts_openapi_3_1_accepts(schema):
    model = body_model(from_openapi(document(properties(a=schema)), "addGopher"))

    original, translated = OAS31Validator(properties(a=schema)), Draft4Validator(model)
    assert [value for value in VALUES if translated.is_valid({"a": value}) != original.is_valid({"a": value})] == []


def test_a_body_without_its_discriminator_is_refused():
    kinds = {
        "oneOf": [{"$ref": "#/components/schemas/Gopher"}, {"$ref": "#/components/schemas/Mole"}],
        "discriminator": {"propertyName": "kind"},
    }
    schemas = {
        "Gopher": properties(kind={"enum": ["gopher"]}, name={"type": "string"}),
        "Mole": {**properties(kind={"enum": ["mole"]}), "required": ["depth"]},
    }
    body = from_openapi(document(kinds, components={"schemas": schemas}), "addGopher")

    validator = Draft4Validator(body_model(body))

    assert validator.is_valid({"kind": "gopher", "name": "Carl"})
    assert not validator.is_valid({"name": "Carl"})


def test_an_operation_is_named_by_its_id_or_by_its_method_and_path():
    schema = properties(name={"type": "string"})

    assert body_model(from_openapi(document(schema), "addGopher"))["properties"] == schema["properties"]
    assert body_model(from_openapi(document(schema), "PUT /holes/{id}"))["properties"] == schema["properties"]


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_document_may_be_of_several_files(tmp_path, suffix):
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "gopher.yaml").write_text(
        "Gopher:\n"
        "  type: object\n"
        "  required: [name, born]\n"
        "  properties:\n"
        "    name: {$ref: 'common.yaml#/Name'}\n"
        "    born: {enum: [2024-01-01]}\n"
        "    mother: {$ref: '#/Gopher'}\n"
    )
    (tmp_path / "schemas" / "common.yaml").write_text("Name: {type: string, maxLength: 3}\n")
    path = tmp_path / f"api.{suffix}"
    path.write_text(json.dumps(document({"$ref": "schemas/gopher.yaml#/Gopher"})))  # JSON is YAML

    validator = Draft4Validator(body_model(from_openapi(path, "addGopher")))

    gopher = {"name": "Gil", "born": "2024-01-01"}
    assert validator.is_valid({**gopher, "mother": gopher})
    assert not validator.is_valid({**gopher, "mother": {**gopher, "name": "Carla"}})
    assert not validator.is_valid({"name": "Gil", "born": "2024-01-02"})


def test_the_place_of_a_refused_keyword_names_the_file(tmp_path):
    (tmp_path / "gopher.json").write_text(json.dumps(properties(name={"unevaluatedItems": False})))
    path = tmp_path / "api.json"
    path.write_text(json.dumps(document({"$ref": "gopher.json"})))

    with pytest.raises(ValueError, match=r"'unevaluatedItems' at gopher\.json#/properties/name\."):
        body_model(from_openapi(path, "addGopher"))


def test_the_place_of_a_refused_keyword_is_within_the_document():
    body = from_openapi(document(properties(a={"unevaluatedItems": False})), "addGopher")

    place = "document#/paths/~1gophers/post/requestBody/content/application~1json/schema/properties/a"
    with pytest.raises(ValueError, match=f"'unevaluatedItems' at {place}"):
        body_model(body)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"$ref": "#/components/schemas/A", "maxProperties": 1}, r"'maxProperties' .* OpenAPI 3\.0 ignores it beside"),
        (properties(a={"nullable": True}), "'nullable' .* It only means something beside type"),
    ],
)
def test_what_openapi_3_0_ignores_is_refused(schema, message):
    whole = document(schema, version="3.0.3", components={"schemas": {"A": {"type": "object"}}})

    with pytest.raises(ValueError, match=message):
        body_model(from_openapi(whole, "addGopher"))


def test_request_bodies_and_paths_may_be_references():
    body = {"content": {"application/json; charset=utf-8": {"schema": properties(a={"type": "string"})}}}
    whole = document(components={"requestBodies": {"Add": body}})
    whole["paths"]["/gophers"]["post"]["requestBody"] = {"$ref": "#/components/requestBodies/Add"}

    assert body_model(from_openapi(whole, "addGopher"))["properties"] == {"a": {"type": "string"}}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("addGofer", r"no 'addGofer'; did you mean 'addGopher'\? It has addGopher, listGophers, PUT /holes/\{id\}$"),
        ("POST /gopher", r"no 'POST /gopher'; did you mean 'POST /gophers'\?"),
        ("zzz", r"no 'zzz'\. It has addGopher"),
        ("listGophers", r"'listGophers' takes no body at document#/paths/~1gophers/get"),
    ],
)
def test_an_operation_that_takes_no_body_or_is_none_is_refused(name, message):
    with pytest.raises(ValueError, match=f"^operation: .*{message}"):
        from_openapi(document(), name)


def test_an_operation_that_takes_no_json_is_refused():
    with pytest.raises(ValueError, match=r"'addGopher' takes no application/json at .*; it takes text/csv"):
        from_openapi(document(media_type="text/csv"), "addGopher")


def test_a_body_without_a_schema_is_refused():
    whole = document()
    whole["paths"]["/gophers"]["post"]["requestBody"]["content"]["application/json"] = {}

    with pytest.raises(ValueError, match="the body of 'addGopher' has no schema"):
        from_openapi(whole, "addGopher")


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_an_invalid_document_is_refused_with_the_place(version):
    whole = document(version=version)
    del whole["info"]["title"]

    with pytest.raises(ValueError, match=r"^document: document#/info is not valid: .*title"):
        from_openapi(whole, "addGopher")
    with pytest.raises(ValueError, match=r"^document: document# is not valid: .*info"):
        from_openapi({"openapi": version}, "addGopher")


@pytest.mark.parametrize("version", ["2.0", "3.2.0", None])
def test_another_version_is_refused(version):
    with pytest.raises(ValueError, match=rf"must be of OpenAPI 3\.0 or 3\.1; its version is {version!r}"):
        from_openapi(document(version=version), "addGopher")


def test_a_path_must_lead_to_a_file_that_can_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file 'missing\.yaml'"):
        from_openapi("missing.yaml", "addGopher")

    broken = tmp_path / "broken.yaml"
    broken.write_text("{")
    with pytest.raises(ValueError, match=r"broken\.yaml is neither JSON nor YAML"):
        from_openapi(broken, "addGopher")

    text = tmp_path / "text.yaml"
    text.write_text("text")
    with pytest.raises(ValueError, match="its version is None"):
        from_openapi(text, "addGopher")


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
@pytest.mark.parametrize("reference", ["http://gopher.example/a.json", "a.json"])
def test_what_is_no_file_beside_the_document_is_never_fetched(monkeypatch, version, reference):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *host, **_: asked.append(host) or [])
    schema_elsewhere = document({"$ref": reference}, version=version)
    answer_elsewhere = document(version=version)
    answer_elsewhere["paths"]["/gophers"]["get"]["responses"]["404"] = {"$ref": reference}
    path_elsewhere = document(version=version)
    path_elsewhere["paths"]["/moles"] = {"$ref": reference}

    for whole in (schema_elsewhere, answer_elsewhere, path_elsewhere):
        with pytest.raises(ValueError, match=r"reads nothing from the network"):
            body_model(from_openapi(whole, "addGopher"))

    assert asked == []


def test_examples_are_those_of_the_body_or_of_its_schema():
    schema = {"$ref": "#/components/schemas/Gopher"}
    schemas = {"Gopher": {"type": "object", "examples": [{"name": "Gil"}]}}
    whole = document(schema, components={"schemas": schemas, "examples": {"Carl": {"value": {"name": "Carl"}}}})

    assert examples_of(from_openapi(whole, "addGopher")) == [{"name": "Gil"}]

    content = whole["paths"]["/gophers"]["post"]["requestBody"]["content"]["application/json"]
    content["examples"] = {"carl": {"$ref": "#/components/examples/Carl"}}

    assert examples_of(from_openapi(whole, "addGopher")) == [{"name": "Carl"}]
