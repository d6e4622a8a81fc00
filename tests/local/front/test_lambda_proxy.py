import base64

import pytest

from storage_first.local.front.http import Response
from tests.local.front.rest import Fronts, Script, Template, says

URI = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:000000000000:function:${stageVariables.name}/invocations"
)
PROXY = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": URI}


def proxy(**api) -> Template:
    stage = {"Variables": {"name": "hello"}}
    return Template(stage=stage, **api).method("ANY /pets/{id}", PROXY).method("GET /", PROXY)


def test_the_event_is_the_request(fronts: Fronts):
    backends = Script(says({"statusCode": 200}))
    front = fronts.before(backends, proxy())

    front("POST /pets/a%20b?x=1&x=2", content='{"é": 1}', headers=[("X-Many", "1"), ("X-Many", "2")])

    event = backends.sent
    assert backends.calls[0].url.path.endswith(":function:hello/invocations")
    assert (event["httpMethod"], event["path"], event["resource"]) == ("POST", "/pets/a%20b", "/pets/{id}")
    assert event["pathParameters"] == {"id": "a%20b"}
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["headers"]["x-many"] == "2"
    assert event["multiValueHeaders"]["x-many"] == ["1", "2"]
    assert event["stageVariables"] == {"name": "hello"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"é": 1}', False)


def test_the_events_context_says_who_calls_what(fronts: Fronts):
    backends = Script(says({"statusCode": 200}))
    front = fronts.before(backends, proxy())

    answer = front("POST /pets/7")

    context = backends.sent["requestContext"]
    assert (context["stage"], context["path"], context["resourcePath"]) == ("prod", "/prod/pets/7", "/pets/{id}")
    assert (context["apiId"], context["accountId"]) == ("a1b2c3", "000000000000")
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert context["identity"]["sourceIp"] == "192.0.2.7"
    assert context["identity"]["caller"] is None


def test_what_a_request_has_not_is_null_in_the_event(fronts: Fronts):
    backends = Script(says({"statusCode": 200}))
    front = fronts.before(backends, proxy())

    front("GET /")

    nulls = {name for name, value in backends.sent.items() if value is None}
    assert nulls == {"body", "pathParameters", "queryStringParameters", "multiValueQueryStringParameters"}


def test_the_functions_answer_is_the_response(fronts: Fronts):
    answer = {
        "statusCode": "201",
        "headers": {"X-One": "1", "X-Many": "ignored", "X-Number": 3},
        "multiValueHeaders": {"X-Many": ["a", "b"]},
        "body": "created",
    }
    front = fronts(proxy(), says(answer))

    response = front("POST /pets/7")

    assert (response.status_code, response.text) == (201, "created")
    assert (response.headers["x-one"], response.headers["x-number"]) == ("1", "3")
    assert response.headers.get_list("x-many") == ["a", "b"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "reply",
    [
        says("just text"),
        says({"statusCode": 200, "body": {"no": "string"}}),
        says({"statusCode": "many"}),
        says({"message": "x"}),
        says({"headers": "x"}),
        says({"multiValueHeaders": {"x": "y"}}),
        Response(status=200, body=b"not json"),
        says({"errorMessage": "boom", "errorType": "E"}, X_Amz_Function_Error="Unhandled"),
    ],
)
def test_a_function_that_fails_or_answers_no_response_is_502(fronts: Fronts, reply: Response):
    front = fronts(proxy(), reply)

    answer = front("POST /pets/7")

    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})
    assert front.log


def test_binary_types_go_in_and_out_as_base64(fronts: Fronts):
    encoded = base64.b64encode(b"\x89PNG").decode()
    answer = says({"statusCode": 200, "isBase64Encoded": True, "body": encoded})
    backends = Script(answer, answer)
    front = fronts.before(backends, proxy(BinaryMediaTypes=["image/*"]))

    answers = [
        front("POST /pets/7", content=b"\x89PNG", headers={"Content-Type": "image/png", "Accept": accept}).content
        for accept in ("image/png", "text/plain")
    ]

    assert backends.calls[0].content.count(encoded.encode()) == 1
    assert answers == [b"\x89PNG", encoded.encode()]


def test_a_body_that_claims_to_be_base64_and_is_not_is_500(fronts: Fronts):
    front = fronts(proxy(BinaryMediaTypes=["*/*"]), says({"isBase64Encoded": True, "body": "é"}))

    assert front("POST /pets/7").status_code == 500
