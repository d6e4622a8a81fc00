import pytest

from tests.local.front.rest import Fronts, Template


def custom(*responses, **stage) -> Template:
    template = Template(stage=stage).method("GET /x")
    for number, response in enumerate(responses):
        template.part(f"Response{number}", "GatewayResponse", **response)
    return template


CORS = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}


def test_the_default_for_4xx_customizes_what_has_none_of_its_own(fronts: Fronts):
    front = fronts(custom({"ResponseType": "DEFAULT_4XX", "ResponseParameters": CORS}))

    answer = front("GET /unknown")

    assert answer.status_code == 403
    assert answer.json() == {"message": "Missing Authentication Token"}
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_types_own_response_comes_first(fronts: Fronts):
    own = {
        "ResponseType": "MISSING_AUTHENTICATION_TOKEN",
        "StatusCode": "404",
        "ResponseTemplates": {"application/json": '{"title": "Not Found"}'},
    }
    front = fronts(custom({"ResponseType": "DEFAULT_4XX", "ResponseParameters": CORS}, own))

    answer = front("GET /unknown")

    assert (answer.status_code, answer.json()) == (404, {"title": "Not Found"})
    assert "access-control-allow-origin" not in answer.headers


def test_the_default_for_5xx_is_another_one(fronts: Fronts):
    template = custom({"ResponseType": "DEFAULT_5XX", "StatusCode": "503"})
    template.method("GET /broken", {"Type": "MOCK"})
    front = fronts(template)

    answers = [front(f"GET /{path}").status_code for path in ("broken", "unknown")]

    assert answers == [503, 403]


def test_templates_have_variables_but_no_velocity(fronts: Fronts):
    body = (
        '{"message": $context.error.messageString, "plain": "$context.error.message", "type": '
        '"$context.error.responseType", "id": "$context.requestId", "stage": "$stageVariables.name", '
        '"header": "method.request.header.X-Own", "none": "$context.nothing", "vtl": "#if(true)1#end"}'
    )
    response = {"ResponseType": "DEFAULT_4XX", "ResponseTemplates": {"application/json": body}}
    front = fronts(custom(response, Variables={"name": "trial"}))

    answer = front("GET /unknown", headers={"x-own": "mine", "x-amzn-RequestId": "r-1"})

    assert answer.json() == {
        "message": "Missing Authentication Token",
        "plain": "Missing Authentication Token",
        "type": "MISSING_AUTHENTICATION_TOKEN",
        "id": "r-1",
        "stage": "trial",
        "header": "mine",
        "none": "",
        "vtl": "#if(true)1#end",
    }


def test_headers_take_their_values_from_context_and_request(fronts: Fronts):
    parameters = {
        "gatewayresponse.header.X-Type": "context.error.responseType",
        "gatewayresponse.header.X-Query": "method.request.querystring.q",
        "gatewayresponse.header.X-Absent": "method.request.querystring.absent",
        "gatewayresponse.header.Retry-After": "'5'",
    }
    front = fronts(custom({"ResponseType": "DEFAULT_4XX", "ResponseParameters": parameters}))

    headers = front("GET /unknown?q=1").headers

    assert headers["x-type"] == "MISSING_AUTHENTICATION_TOKEN"
    assert (headers["x-query"], headers["retry-after"]) == ("1", "5")
    assert "x-absent" not in headers


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(None, "application/problem+json"), ("application/xml", "application/xml"), ("*/*", "application/problem+json")],
)
def test_the_content_type_is_that_of_the_template(fronts: Fronts, accept, content_type):
    templates = {"application/problem+json": "{}", "application/xml": "<a/>"}
    front = fronts(custom({"ResponseType": "DEFAULT_4XX", "ResponseTemplates": templates}))

    answer = front("GET /unknown", headers={"Accept": accept} if accept else {})

    assert answer.headers["content-type"] == content_type


def test_every_answer_carries_its_ids(fronts: Fronts):
    front = fronts(custom())

    for path in ("x", "unknown"):
        headers = front(f"GET /{path}").headers
        assert headers["x-amzn-requestid"]
        assert headers["x-amz-apigw-id"]
