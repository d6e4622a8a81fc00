import json

import pytest

from storage_first.local.front.http import Response
from tests.local.front.rest import Fronts, Script, Template, mock, says

CONTEXT = '["$context.path", "$context.domainName", "$context.stage", "$context.resourcePath"]'
API = {"RestApiId": {"Ref": "Api"}, "DomainName": "API.example.com"}


def mapped(**mapping: object) -> Template:
    template = Template().method("GET /pets/{id}", mock(CONTEXT))
    return template.add("Mapping", "BasePathMapping", **{**API, **mapping})


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({"Stage": "prod"}, "/pets/7"),
        ({"Stage": "prod", "BasePath": "(none)"}, "/pets/7"),
        ({"Stage": "prod", "BasePath": "v1"}, "/v1/pets/7"),
        ({"BasePath": "v1"}, "/v1/prod/pets/7"),
        ({}, "/prod/pets/7"),
    ],
)
def test_a_custom_domain_leads_to_its_stage_and_the_path_stays_as_sent(fronts: Fronts, mapping, path: str):
    front = fronts(mapped(**mapping))

    answer = front(f"GET http://127.0.0.1:8080{path}", headers={"Host": "api.example.com:8080"})

    assert answer.json() == [path, "api.example.com", "prod", "/pets/{id}"]


@pytest.mark.parametrize("path", ["/pets/7", "/prod/pets/7", "/v10/pets/7"])
def test_a_path_that_no_mapping_covers_is_forbidden(fronts: Fronts, path: str):
    front = fronts(mapped(Stage="prod", BasePath="v1"))

    answer = front(f"GET http://127.0.0.1:8080{path}", headers={"Host": "api.example.com"})

    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_the_longest_base_path_wins(fronts: Fronts):
    template = mapped(Stage="prod").part("Test", "Stage", StageName="test")
    deep = {"ApiId": {"Ref": "Api"}, "DomainName": "api.example.com", "ApiMappingKey": "v1/test", "Stage": "test"}
    template.resources["Deep"] = {"Type": "AWS::ApiGatewayV2::ApiMapping", "Properties": deep}
    front = fronts(template)

    answers = [
        front(f"GET http://127.0.0.1:8080{base}/pets/7", headers={"Host": "api.example.com"}).json()[2]
        for base in ("", "/v1/test")
    ]

    assert answers == ["prod", "test"]


def test_any_other_host_names_the_stage(fronts: Fronts):
    front = fronts(mapped(Stage="prod", BasePath="v1"))

    assert front("GET /pets/7").json() == ["/prod/pets/7", "127.0.0.1:8080", "prod", "/pets/{id}"]


def test_a_function_sees_the_base_path_and_an_authorizer_does_not(fronts: Fronts):
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations"
    proxy = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri}
    template = Template().part("Auth", "Authorizer", Type="TOKEN", AuthorizerUri=uri)
    template.method("GET /pets", proxy, AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Auth"})
    template.add("Mapping", "BasePathMapping", **API, Stage="prod", BasePath="v1")
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    allowed = says({"principalId": "ada", "policyDocument": {"Statement": [statement]}})
    backends = Script(allowed, Response(status=200, body=b"{}"))
    front = fronts.before(backends, template)

    front("GET http://127.0.0.1:8080/v1/pets", headers={"Host": "api.example.com", "Authorization": "a"})

    asked, event = (json.loads(call.content) for call in backends.calls)
    assert asked["methodArn"].endswith("/prod/GET/pets")
    assert (event["path"], event["requestContext"]["path"]) == ("/v1/pets", "/v1/pets")
    assert event["requestContext"]["customDomain"] == {"basePathMatched": "v1"}
