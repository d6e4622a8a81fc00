import json

import pytest
import yaml
from aws_cdk import App, Stack
from aws_cdk import aws_dynamodb as dynamodb
from openapi_spec_validator import validate

from constructs_lib import Cors, StorageFirstApi
from constructs_lib.stores import DynamoDbStore
from storage_first.openapi import choose, describe, read_apis, written
from storage_first.openapi.examples import allows
from storage_first.sample.stack import GopherHolesStack
from tests.openapi.conftest import PROBLEM, answers

ORDER = {
    "title": "Order",
    "type": "object",
    "required": ["sku"],
    "properties": {"sku": {"type": "string"}, "price": {"type": "number", "minimum": 0}},
}


def body_of(rest, schema=ORDER):
    """Give the API a validated body model, and say how a method uses it."""
    rest.add("Model", "Order", "Order", ContentType="application/json", Schema=schema)
    rest.add("RequestValidator", "", "Validator", ValidateRequestBody=True, ValidateRequestParameters=True)
    models = {"application/json": {"Ref": "Order"}, "$default": {"Ref": "Order"}}
    return {"RequestModels": models, "RequestValidatorId": {"Ref": "Validator"}}


@pytest.fixture(scope="module", params=["sample", "orders"])
def real(request, tmp_path_factory):
    """The document of an API that the library's constructs synthesized."""
    directory = tmp_path_factory.mktemp("assembly")
    app = App(outdir=str(directory))
    {"sample": GopherHolesStack, "orders": OrdersStack}[request.param](app, "Stack")
    app.synth()
    return describe(choose(read_apis(directory)))


class OrdersStack(Stack):
    def __init__(self, scope, id):
        super().__init__(scope, id)
        key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
        table = dynamodb.TableV2(self, "Table", partition_key=key)
        api = StorageFirstApi(self, "Api", cors=Cors(origins=["https://shop.example"]))
        api.post("/orders", DynamoDbStore(table), body=ORDER, require_idempotency_key=True)
        api.post("/reports", DynamoDbStore(table))


def test_the_document_of_a_real_api_is_openapi_3_1(real):
    assert real["openapi"].startswith("3.1.")
    validate(real)


def test_every_example_of_a_real_api_is_what_its_schema_allows(real):
    examples = list(all_examples(real))

    assert len(examples) > 10
    assert [example for example in examples if not allows(*example, real["components"]["schemas"])] == []


def all_examples(part):
    if isinstance(part, list):
        for inner in part:
            yield from all_examples(inner)
    elif isinstance(part, dict):
        if "schema" in part:
            shown = [part["example"]] if "example" in part else []
            shown += [example["value"] for example in part.get("examples", {}).values()]
            yield from ((part["schema"], example) for example in shown)
        for inner in part.values():
            yield from all_examples(inner)


def test_every_route_of_a_real_api_tells_the_contract_s_answers(real):
    posts = [
        operations["post"]
        for path, operations in real["paths"].items()
        if "post" in operations and not path.endswith("/retry")
    ]

    assert len(posts) >= 2
    for post in posts:
        assert {"202", "400", "413", "429", "500", "503"} <= set(post["responses"])
        assert ("415" in post["responses"]) == ("application/json" in post["requestBody"]["content"])
    assert sum("422" in post["responses"] for post in posts) >= 2
    for response in real["components"]["responses"].values():
        (media_type,) = response["content"]
        assert media_type == PROBLEM
        assert response["content"][PROBLEM]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert response["headers"]["Access-Control-Allow-Origin"]["required"]
    for status in ("TooManyRequests", "ServiceUnavailable"):
        assert real["components"]["responses"][status]["headers"]["Retry-After"]["required"]


def test_a_refusal_says_what_its_template_says(real):
    reused = real["components"]["responses"]["UnprocessableContent"]

    assert "Send a new request under a new key." in reused["description"]  # the only way to a 422
    assert reused["content"][PROBLEM]["example"]["detail"] == reused["description"]


def test_a_document_is_the_caller_s_to_change(tmp_path):
    app = App(outdir=str(tmp_path))
    OrdersStack(app, "Stack")
    app.synth()
    (api,) = read_apis(tmp_path)
    document = describe(api)
    before = json.loads(json.dumps(document))

    document["components"]["schemas"]["Accepted"]["properties"]["status"] = {"const": "Done"}

    assert describe(api) == before


def test_preflight_methods_are_left_out(real):
    assert not any("options" in operations for operations in real["paths"].values())


def test_a_required_key_is_required_and_has_its_pattern(tmp_path):
    app = App(outdir=str(tmp_path))
    OrdersStack(app, "Stack")
    app.synth()

    (key,) = describe(choose(read_apis(tmp_path)))["paths"]["/orders"]["post"]["parameters"]

    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)
    assert key["schema"] == {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}


def test_a_body_is_its_model_with_an_example(rest, described):
    rest.method("POST", "/orders", **body_of(rest))

    document = described()

    body = document["paths"]["/orders"]["post"]["requestBody"]
    assert body == {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Order"},
                "example": {"sku": "Gus", "price": 1},
            }
        },
    }
    assert document["components"]["schemas"]["Order"] == ORDER
    validate(document)


def test_a_body_whose_model_takes_an_empty_object_may_be_absent(rest, described):
    rest.method("POST", "/orders", **body_of(rest, {"type": "object"}))

    assert described()["paths"]["/orders"]["post"]["requestBody"]["required"] is False


def test_a_model_that_is_not_enforced_makes_no_400(rest, described):
    properties = body_of(rest)
    del properties["RequestValidatorId"]
    rest.method("POST", "/orders", **properties)

    assert "400" not in described()["paths"]["/orders"]["post"]["responses"]


def test_path_query_and_header_parameters_are_listed_with_what_the_construct_noted_of_them(rest, described):
    declared = {"path.id": True, "querystring.limit": False, "header.X-Tenant": True}
    rest.method(
        "GET",
        "/orders/{id}",
        RequestParameters={f"method.request.{name}": required for name, required in declared.items()},
        metadata={"parameters": {"querystring.limit": {"type": "number", "description": "How many"}}},
    )

    parameters = described()["paths"]["/orders/{id}"]["get"]["parameters"]

    assert [(one["in"], one["name"], one["required"], one["schema"]) for one in parameters] == [
        ("path", "id", True, {"type": "string", "minLength": 1}),
        ("query", "limit", False, {"type": "number"}),
        ("header", "X-Tenant", True, {"type": "string", "minLength": 1}),
    ]
    assert parameters[1]["description"] == "How many"


def test_a_key_that_the_template_does_not_look_at_may_be_anything(rest, described):
    parameters = {"method.request.header.Idempotency-Key": False}
    rest.method("POST", "/orders", RequestParameters=parameters)

    (key,) = described()["paths"]["/orders"]["post"]["parameters"]

    assert key["schema"] == {"type": "string"}


def test_several_reasons_for_a_status_are_a_list_with_an_example_of_each(rest, described):
    template = """#if($a)#set($detail = "No key.")#{else}#set($detail = "No body.")#end
    #set($context.responseOverride.header.Content-Type = "application/problem+json")"""
    integration = {"Type": "AWS", "IntegrationResponses": [answers(400, template)]}
    rest.method("POST", "/orders", Integration=integration)

    refused = described()["components"]["responses"]["BadRequest"]

    assert refused["description"] == "- No key.\n- No body."
    examples = refused["content"][PROBLEM]["examples"]
    assert [example["value"]["detail"] for example in examples.values()] == ["No key.", "No body."]


def test_a_refusal_of_one_operation_is_named_after_it(rest, described):
    for path in ("/a", "/b", "/c"):
        body = json.dumps({"detail": "Gone." if path == "/b" else "No."})
        integration = {"Type": "AWS", "IntegrationResponses": [answers(404, body, Content_Type=f"'{PROBLEM}'")]}
        rest.method("GET", path, Integration=integration)

    document = described()

    referred = [operations["get"]["responses"]["404"]["$ref"] for operations in document["paths"].values()]
    assert [reference.rpartition("/")[2] for reference in referred] == ["NotFound", "GetBNotFound", "NotFound"]
    assert document["components"]["responses"]["GetBNotFound"]["description"] == "Gone."


def test_statuses_and_headers_that_a_template_overrides_are_told(rest, described):
    template = """#if($input.path('$.Count') == 0)#set($context.responseOverride.status = 404)
    #set($context.responseOverride.header.Content-Type = "application/problem+json")#set($detail = "No such order.")
    #{else}#set($context.responseOverride.header.Retry-After = "1")#end{}"""
    integration = {"Type": "AWS", "IntegrationResponses": [answers(200, template, Cache_Control="'no-store'")]}
    rest.method("GET", "/orders/{id}", Integration=integration)

    document = described()

    responses = document["paths"]["/orders/{id}"]["get"]["responses"]
    assert responses["200"]["headers"]["Cache-Control"] == {
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    }
    assert responses["200"]["headers"]["Retry-After"]["required"] is True
    assert responses["404"] == {"$ref": "#/components/responses/NotFound"}
    not_found = document["components"]["responses"]["NotFound"]
    assert not_found["description"] == "No such order."
    assert "Retry-After" not in not_found["headers"]


def test_a_header_whose_value_is_made_at_the_deployment_has_none_in_the_document(rest, described):
    policy = {"Fn::Join": ["", ["'connect-src wss://", {"Ref": "Other"}, ".execute-api.example'"]]}
    rest.resources["Other"] = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {}}
    responses = [answers(200, "{}", Content_Security_Policy=policy)]
    rest.method("GET", "/orders", Integration={"Type": "AWS", "IntegrationResponses": responses})

    headers = described()["paths"]["/orders"]["get"]["responses"]["200"]["headers"]

    assert headers["Content-Security-Policy"] == {"required": True, "schema": {"type": "string"}}


def test_a_header_that_only_some_answers_of_a_status_have_is_optional(rest, described):
    template = '#if($open)#set($context.responseOverride.header.Retry-After = "1")#end{}'
    rest.method("GET", "/orders", Integration={"Type": "AWS", "IntegrationResponses": [answers(200, template)]})

    headers = described()["paths"]["/orders"]["get"]["responses"]["200"]["headers"]

    assert "required" not in headers["Retry-After"]


def test_a_202_leads_to_the_operation_that_shows_its_job(rest, described):
    location = "#set($context.responseOverride.header.Location = $href){}"
    stored = {"Type": "AWS", "IntegrationResponses": [answers(202, location, Content_Type="'application/json'")]}
    rest.method("POST", "/orders", Integration=stored)
    rest.method("GET", "/jobs/{jobId}", metadata={"answers": {"200": "Job"}})

    document = described()

    accepted = document["paths"]["/orders"]["post"]["responses"]["202"]
    shown = document["paths"]["/jobs/{jobId}"]["get"]
    assert accepted["links"]["job"] == {
        "operationId": shown["operationId"],
        "parameters": {"jobId": "$response.body#/id"},
    }
    assert accepted["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Accepted"}
    assert shown["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Job"}
    assert document["components"]["schemas"]["Job"]["properties"]["status"]["enum"][0] == "Pending"
    validate(document)


def test_an_answer_without_a_link_promises_none(rest, described):
    stored = {"Type": "AWS", "IntegrationResponses": [answers(202, '{"id":"$id","status":"Stored","links":[]}')]}
    rest.method("POST", "/orders", Integration=stored)

    accepted = described()["paths"]["/orders"]["post"]["responses"]["202"]

    assert "Location" not in accepted.get("headers", {})
    assert accepted["content"]["application/json"]["example"]["status"] == "Stored"
    assert accepted["content"]["application/json"]["example"]["links"] == []


def test_a_schema_that_a_construct_notes_is_the_answer_s(rest, described):
    schema = {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}}}
    rest.method("GET", "/orders", metadata={"answers": {"200": schema}, "summary": "Count the orders"})

    operation = described()["paths"]["/orders"]["get"]

    assert operation["summary"] == "Count the orders"
    assert operation["responses"]["200"]["content"]["application/json"] == {"schema": schema, "example": {"total": 1}}


def test_a_method_of_the_users_own_is_listed_with_what_api_gateway_answers(rest, described):
    rest.method("ANY", "/own/{proxy+}", Integration={"Type": "AWS_PROXY"})

    operations = described()["paths"]["/own/{proxy}"]

    assert list(operations) == ["get", "put", "post", "delete", "patch"]
    assert {"429", "500", "default"} <= set(operations["get"]["responses"])
    assert len({operation["operationId"] for operation in operations.values()}) == 5


def test_a_declared_method_comes_before_any(rest, described):
    rest.method("ANY", "/own", Integration={"Type": "AWS_PROXY"})
    rest.method("GET", "/own", metadata={"summary": "Mine"})

    assert described()["paths"]["/own"]["get"]["summary"] == "Mine"


@pytest.mark.parametrize(
    ("properties", "scheme", "statuses"),
    [
        ({"ApiKeyRequired": True}, {"type": "apiKey", "in": "header", "name": "x-api-key"}, {"403", "429"}),
        ({"AuthorizationType": "AWS_IAM"}, {"type": "apiKey", "in": "header", "name": "Authorization"}, {"403"}),
        (
            {"AuthorizationType": "COGNITO_USER_POOLS", "AuthorizerId": {"Ref": "Cognito"}},
            {"type": "apiKey", "in": "header", "name": "Authorization"},
            {"401", "403"},
        ),
        (
            {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Custom"}},
            {"type": "apiKey", "in": "query", "name": "key"},
            {"401", "403"},
        ),
    ],
    ids=["api key", "IAM", "Cognito", "Lambda authorizer"],
)
def test_who_may_call_is_told(rest, described, properties, scheme, statuses):
    source = "method.request.header.Authorization"
    rest.add("Authorizer", "", "Cognito", Type="COGNITO_USER_POOLS", IdentitySource=source)
    rest.add("Authorizer", "", "Custom", Type="REQUEST", IdentitySource="method.request.querystring.key")
    rest.method("GET", "/orders", **properties)

    document = described()

    ((name, told),) = document["components"]["securitySchemes"].items()
    operation = document["paths"]["/orders"]["get"]
    assert operation["security"] == [{name: []}]
    assert {key: value for key, value in told.items() if key != "description"} == scheme
    assert statuses <= set(operation["responses"])
    validate(document)


def test_scopes_are_told(rest, described):
    rest.add("Authorizer", "", "Cognito", Type="COGNITO_USER_POOLS")
    rest.method(
        "GET",
        "/orders",
        AuthorizationType="COGNITO_USER_POOLS",
        AuthorizerId={"Ref": "Cognito"},
        AuthorizationScopes=["orders/read"],
    )

    assert described()["paths"]["/orders"]["get"]["security"] == [{"Token": ["orders/read"]}]


def test_what_the_api_does_not_reword_is_told_in_api_gateway_s_words(rest, described):
    rest.method("GET", "/orders", ApiKeyRequired=True)

    forbidden = described()["components"]["responses"]["Forbidden"]

    assert forbidden["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Message"}, "example": {"message": "Forbidden"}}
    }


@pytest.mark.parametrize(
    ("name", "title"),
    [("Orders API", "Orders API"), ("RestApi", "Orders/Api"), ("Orders-Api-2FCFC46D", "Orders/Api")],
)
def test_the_title_is_the_api_s_name_or_the_construct_s_path_where_nobody_named_it(assembly, rest, name, title):
    rest.resources["Api"]["Properties"]["Name"] = name
    rest.resources["Api"]["Metadata"] = {"aws:cdk:path": "Orders/Api/RestApi/Resource"}
    assembly.add("Orders", rest.resources)

    assert assembly.describe()["info"]["title"] == title


@pytest.mark.parametrize(("place", "refused"), [("path.id", False), ("header.X-Tenant", True)])
def test_only_a_parameter_that_can_be_missing_makes_a_400(rest, described, place, refused):
    rest.add("RequestValidator", "", "Validator", ValidateRequestParameters=True)
    parameters = {f"method.request.{place}": True}
    rest.method("GET", "/orders/{id}", RequestParameters=parameters, RequestValidatorId={"Ref": "Validator"})

    responses = described()["paths"]["/orders/{id}"]["get"]["responses"]

    assert ("400" in responses) is refused


def test_the_server_is_the_given_one_else_the_domain_else_api_gateway_s(assembly, rest):
    assembly.add("Orders", rest.resources)
    own = assembly.describe()["servers"]
    domain = {"DomainName": "api.shop.example"}
    rest.resources["Domain"] = {"Type": "AWS::ApiGateway::DomainName", "Properties": domain}
    rest.add("BasePathMapping", "", "Mapping", DomainName={"Ref": "Domain"}, BasePath="orders")
    assembly.add("Orders", rest.resources)

    assert own[0]["url"] == "https://{apiId}.execute-api.{region}.amazonaws.com/prod"
    assert assembly.describe()["servers"] == [{"url": "https://api.shop.example/orders"}]
    assert assembly.describe(server="http://127.0.0.1:4700/prod/")["servers"] == [{"url": "http://127.0.0.1:4700/prod"}]


def test_the_order_of_the_template_does_not_matter(assembly, rest):
    for path in ("/b", "/a", "/c/{id}"):
        rest.method("GET", path)
    assembly.add("Orders", rest.resources)
    document = assembly.describe()
    assembly.add("Orders", dict(reversed(rest.resources.items())))

    assert written(assembly.describe(), "json") == written(document, "json")


def test_yaml_and_json_say_the_same(real):
    assert yaml.safe_load(written(real, "yaml")) == json.loads(written(real, "json"))
    assert "&id" not in written(real, "yaml")


def test_sixty_routes_share_what_they_have_in_common(rest, described):
    for number in range(60):
        rest.method("GET", f"/orders{number}")

    document = described()

    assert set(document["components"]["responses"]) == {"TooManyRequests", "InternalServerError"}
