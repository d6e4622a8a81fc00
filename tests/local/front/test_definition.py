import pytest

from storage_first.local.front import ApiKey, DeployedStack, addresses_of_other_apis, define_apis, with_local_addresses
from tests.local.front.rest import Fronts, Script, Template, mock, says

LAMBDA = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations"
)


def test_an_api_may_be_spread_over_stacks(fronts: Fronts):
    first = Template()
    second = Template().method("GET /far", mock('"far"'))
    del second.resources["Api"], second.resources["Stage"]
    api_id = {"Fn::ImportValue": "ApiId"}
    for resource in second.resources.values():
        resource["Properties"]["RestApiId"] = api_id
    second.resources["Resource_far"]["Properties"]["ParentId"] = {"Fn::ImportValue": "RootId"}
    far = DeployedStack(
        name="Far",
        template={"Resources": second.resources},
        physical_ids={"Resource_far": "far-id"},
        exports={"ApiId": "a1b2c3", "RootId": "a1b2c3-root"},
    )

    (api,) = define_apis([first.stack(), far])

    assert [resource.path for resource in api.resources] == ["/far"]
    assert not api.problems


def test_what_is_conditional_is_served_only_where_it_was_deployed(fronts: Fronts):
    template = Template().method("GET /yes").method("GET /no")
    methods = [name for name in template.resources if name.startswith("Method")]
    template.resources[methods[1]]["Condition"] = "Never"
    stack = template.stack()
    conditions = {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}}

    (api,) = define_apis(
        [DeployedStack(name="A", template={**stack.template, **conditions}, physical_ids=stack.physical_ids)]
    )

    assert [resource.path for resource in api.resources] == ["/yes"]


def test_a_deployment_may_make_the_stage(fronts: Fronts):
    template = Template().method("GET /", mock('"$stageVariables.a"'))
    del template.resources["Stage"]
    template.part("Deployment", "Deployment", StageName="prod", StageDescription={"Variables": {"a": "b"}})
    front = fronts(template)

    assert front("GET /").json() == "b"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (Template().part("M", "Model", Name="M", Schema={"type": "strange"}), "AWS refuses it"),
        (Template(BodyS3Location={"Bucket": "b", "Key": "k"}), "OpenAPI document is an asset"),
        (Template().method("GET /x", {**mock("{}"), "ConnectionType": "VPC_LINK"}), "VPC link is ignored"),
        (
            Template().method("GET /x", {**mock("{}"), "RequestParameters": {"integration.request.header.A": "x.y"}}),
            "'x.y' is not one of API Gateway's",
        ),
        (Template().method("GET /x", mock("{}", SelectionPattern="(")), "cannot be read"),
        (
            Template()
            .part("V", "RequestValidator", ValidateRequestBody=True)
            .method("GET /x", RequestValidatorId={"Ref": "V"}, RequestModels={"application/json": "Absent"}),
            "its model Absent is not there",
        ),
    ],
)
def test_what_is_not_served_as_on_aws_is_said(template: Template, problem: str):
    (api,) = define_apis([template.stack()])

    assert len(api.problems) == 1
    assert problem in api.problems[0]


OPENAPI = {
    "openapi": "3.0.1",
    "info": {"title": "Pets"},
    "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": True, "validateRequestParameters": True}},
    "x-amazon-apigateway-request-validator": "all",
    "x-amazon-apigateway-gateway-responses": {
        "DEFAULT_4XX": {"responseParameters": {"gatewayresponse.header.X": "'1'"}}
    },
    "x-amazon-apigateway-binary-media-types": ["image/png"],
    "components": {
        "schemas": {
            "Name": {"type": "string"},
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"$ref": "#/components/schemas/Name"}},
            },
        },
        "securitySchemes": {
            "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            "iam": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "awsSigv4",
            },
            "token": {
                "type": "apiKey",
                "name": "X-Token",
                "in": "header",
                "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": LAMBDA},
            },
        },
    },
    "paths": {
        "/": {"get": {"x-amazon-apigateway-integration": {"type": "mock", "requestTemplates": {}, "responses": {}}}},
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True}],
            "post": {
                "parameters": [{"name": "page", "in": "query", "required": True}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
                "x-amazon-apigateway-integration": {
                    "type": "aws",
                    "httpMethod": "POST",
                    "uri": "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem",
                    "requestTemplates": {"application/json": '{"id": "$input.params(\'id\')"}'},
                    "responses": {
                        "default": {"statusCode": "202", "responseParameters": {"method.response.header.A": "'b'"}},
                        "4\\d{2}": {"statusCode": "400", "responseTemplates": {"application/json": '{"bad": true}'}},
                    },
                },
            },
        },
        "/any": {
            "x-amazon-apigateway-any-method": {
                "security": [{"iam": []}],
                "x-amazon-apigateway-integration": {"type": "mock"},
            }
        },
        "/key": {"get": {"security": [{"key": []}], "x-amazon-apigateway-integration": {"type": "mock"}}},
        "/token": {"get": {"security": [{"token": []}], "x-amazon-apigateway-integration": {"type": "mock"}}},
    },
}


def test_an_openapi_document_is_served(fronts: Fronts):
    backends = Script(says({}), says({}, status=400))
    front = fronts.before(backends, Template(Name=None, Body=OPENAPI))

    answers = [front("POST /pets/7?page=1", json=pet) for pet in ({"name": "a"}, {"name": "a"}, {"name": 1}, {})]

    assert [answer.status_code for answer in answers] == [202, 400, 400, 400]
    assert answers[0].headers["a"] == "b"
    assert answers[1].json() == {"bad": True}
    assert answers[3].json() == {"message": "Invalid request body"}
    assert answers[3].headers["x"] == "1"
    assert backends.calls[0].content == b'{"id": "7"}'


def test_an_openapi_document_says_what_requests_need(fronts: Fronts):
    front = fronts(Template(Body=OPENAPI), keys=[ApiKey("k", "v")])

    answers = [front(route) for route in ("POST /pets/7", "PATCH /any", "GET /key", "GET /token", "PUT /token")]

    assert [answer.status_code for answer in answers] == [400, 403, 403, 401, 403]
    assert answers[0].json() == {"message": "Missing required request parameters: [page]"}
    assert answers[1].json() == {"message": "Missing Authentication Token"}
    assert answers[2].json() == {"message": "Forbidden"}


def test_swagger_bodies_are_validated(fronts: Fronts):
    document = {
        "swagger": "2.0",
        "definitions": {"Pet": {"type": "object", "required": ["name"]}},
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
        "x-amazon-apigateway-request-validator": "body",
        "paths": {
            "/pets": {
                "post": {
                    "parameters": [{"in": "body", "name": "Pet", "schema": {"$ref": "#/definitions/Pet"}}],
                    "x-amazon-apigateway-integration": {
                        "type": "mock",
                        "requestTemplates": {"application/json": '{"statusCode": 200}'},
                        "responses": {"default": {"statusCode": "200"}},
                    },
                }
            }
        },
    }
    front = fronts(Template(Body=document))

    answers = [front("POST /pets", json=pet).status_code for pet in ({"name": "a"}, {})]

    assert answers == [200, 400]


@pytest.fixture
def others():
    """A stack with an HTTP API and a WebSocket API."""
    resources = {
        "Http": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "web", "ProtocolType": "HTTP"}},
        "Default": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Http"}, "StageName": "$default"},
        },
        "Socket": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "push", "ProtocolType": "WEBSOCKET"}},
        "Live": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Socket"}, "StageName": "live"}},
    }
    ids = {"Http": "h1", "Socket": "s1"}
    return DeployedStack(name="Others", template={"Resources": resources}, physical_ids=ids)


def test_other_apis_are_where_the_emulator_serves_them(others):
    found = addresses_of_other_apis([others], "http://127.0.0.1:4566")

    assert [(api.name, api.protocol, api.url) for api in found] == [
        ("web", "HTTP", "http://127.0.0.1:4566/_aws/execute-api/h1/"),
        ("push", "WEBSOCKET", "ws://127.0.0.1:4566/_aws/execute-api/s1/live/"),
    ]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("wss://s1.execute-api.us-east-1.amazonaws.com/live", "ws://127.0.0.1:4566/_aws/execute-api/s1/live"),
        ("https://h1.execute-api.us-east-1.amazonaws.com/", "http://127.0.0.1:4566/_aws/execute-api/h1/"),
        ("wss://s2.execute-api.us-east-1.amazonaws.com/live", "wss://s2.execute-api.us-east-1.amazonaws.com/live"),
    ],
    ids=["websocket", "http", "somebody else's"],
)
def test_what_an_api_tells_of_the_address_of_another_leads_to_this_machine(others, written, told):
    id, _, rest = written.partition("://")[2].partition(".execute-api.us-east-1")
    scheme = written.partition("://")[0]
    address = {"Fn::Join": ["", ['"', f"{scheme}://", id, ".execute-api.", {"Ref": "AWS::Region"}, rest, '"']]}
    template = Template().method("GET /address", mock(address))
    stack, _ = with_local_addresses([template.stack(), others], "http://127.0.0.1:4566")

    (api,) = define_apis([stack])

    (resource,) = api.resources
    (answer,) = resource.methods["GET"].integration.responses
    assert answer.templates == {"application/json": f'"{told}"'}
