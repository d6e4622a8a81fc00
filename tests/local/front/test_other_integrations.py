"""HTTP, HTTP_PROXY and MOCK integrations."""

import pytest

from storage_first.local.front.http import Response
from tests.local.front.rest import MOCK, Fronts, Props, Script, Template, answering, mock, says, service


def http(type_: str, uri: str = "http://backend.test/v1/{rest}?fixed=1", **more) -> Props:
    parameters = {
        "integration.request.path.rest": "method.request.path.proxy",
        "integration.request.header.X-Added": "'yes'",
        "integration.request.querystring.added": "context.stage",
    }
    return {"Type": type_, "IntegrationHttpMethod": "ANY", "Uri": uri, "RequestParameters": parameters, **more}


def test_an_http_proxy_hands_the_request_on_and_the_answer_back(fronts: Fronts):
    backends = Script(Response(status=418, headers=[("X-Backend", "1")], body=b"short"))
    front = fronts.before(backends, Template().method("ANY /{proxy+}", http("HTTP_PROXY")))

    answer = front("PUT /a/b?q=1&q=2", content=b"body", headers={"X-Own": "2"})

    (call,) = backends.calls
    assert (call.method, str(call.url)) == ("PUT", "http://backend.test/v1/a/b?fixed=1&q=1&q=2&added=prod")
    assert (call.headers["x-own"], call.headers["x-added"], call.content) == ("2", "yes", b"body")
    assert call.headers["host"] == "backend.test"
    assert (answer.status_code, answer.headers["x-backend"], answer.text) == (418, "1", "short")


def test_the_deepest_json_breaks_no_mapping(fronts: Fronts):
    integration = service("s3:path/b/k", RequestParameters={"integration.request.header.X-A": "method.request.body.a"})
    front = fronts(Template().method("PUT /x", integration), says({}))

    assert front("PUT /x", content="[" * 100_000).status_code == 200


def test_an_http_integration_maps_both_ways(fronts: Fronts):
    integration = http(
        "HTTP",
        RequestTemplates={"application/json": '{"wrapped": $input.json("$")}'},
        IntegrationResponses=[answering("4..", "404", ResponseTemplates={"application/json": '{"none": true}'})],
    )
    backends = Script(says({}, status=410))
    front = fronts.before(backends, Template().method("POST /{proxy+}", integration))

    answer = front("POST /a?q=1", json={"a": 1}, headers={"X-Own": "2"})

    (call,) = backends.calls
    assert str(call.url) == "http://backend.test/v1/a?fixed=1&added=prod"
    assert backends.sent == {"wrapped": {"a": 1}}
    assert "x-own" not in call.headers
    assert (answer.status_code, answer.json()) == (404, {"none": True})


@pytest.mark.parametrize("request_template", ['{"statusCode": 204}', "{ statusCode: 204 }", "{'statusCode':'204'}"])
def test_a_mock_answers_with_the_status_it_is_told(fronts: Fronts, request_template: str):
    integration = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": request_template},
        "IntegrationResponses": [answering("204", "204"), answering("", "500")],
    }
    front = fronts(Template().method("OPTIONS /x", integration))

    answer = front("OPTIONS /x")

    assert (answer.status_code, answer.content) == (204, b"")


def test_a_mock_without_a_status_is_500(fronts: Fronts):
    front = fronts(Template().method("GET /x", {**MOCK, "RequestTemplates": {"application/json": "{}"}}))

    assert front("GET /x").status_code == 500


def test_a_method_without_an_integration_is_500(fronts: Fronts):
    template = Template().method("GET /x")
    method = next(resource for name, resource in template.resources.items() if name.startswith("Method"))
    del method["Properties"]["Integration"]
    front = fronts(template)

    assert front("GET /x").status_code == 500


def test_preflight_needs_nothing_but_its_mock(fronts: Fronts):
    headers = {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Access-Control-Allow-Methods": "'POST'",
    }
    integration = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": "{ statusCode: 204 }"},
        "IntegrationResponses": [answering("", "204", ResponseParameters=headers)],
    }
    front = fronts(Template().method("OPTIONS /x", integration))

    answer = front("OPTIONS /x", headers={"Origin": "http://a.test", "Access-Control-Request-Method": "POST"})

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST"


def test_an_unknown_integration_type_is_500(fronts: Fronts):
    front = fronts(Template().method("GET /x", {**mock("{}"), "Type": "SORCERY"}))

    assert front("GET /x").status_code == 500
