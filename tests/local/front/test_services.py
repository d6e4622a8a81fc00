import pytest

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.http import Response
from tests.local.front.rest import Fronts, Props, Script, Template, answering, says, service

LAMBDA = "lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations"


def one(uri: str, **integration) -> Template:
    return Template().method("POST /x", service(uri, '{"a": 1}', **integration))


@pytest.mark.parametrize(
    ("uri", "target", "content_type"),
    [
        ("dynamodb:action/UpdateItem", "DynamoDB_20120810.UpdateItem", "application/x-amz-json-1.0"),
        ("kinesis:action/PutRecord", "Kinesis_20131202.PutRecord", "application/x-amz-json-1.1"),
        ("states:action/StartExecution", "AWSStepFunctions.StartExecution", "application/x-amz-json-1.0"),
    ],
)
def test_an_action_of_a_json_service_is_called_in_its_protocol(fronts: Fronts, uri, target, content_type):
    backends = Script(says({}))
    front = fronts.before(backends, one(uri))

    front("POST /x", json={})

    (call,) = backends.calls
    assert call.url.path == "/"
    assert call.headers["x-amz-target"] == target
    assert call.headers["content-type"] == content_type
    assert f"/us-east-1/{uri.partition(':')[0]}/aws4_request" in call.headers["authorization"]
    assert call.content == b'{"a": 1}'


def test_eventbridges_target_is_left_to_the_integration(fronts: Fronts):
    parameters = {"integration.request.header.X-Amz-Target": "'AWSEvents.PutEvents'"}
    backends = Script(says({}), says({}))
    template = one("events:action/PutEvents", RequestParameters=parameters)
    front = fronts.before(backends, template.method("POST /y", service("events:action/PutEvents", "{}")))

    front("POST /x")
    front("POST /y")

    assert [call.headers.get("x-amz-target") for call in backends.calls] == ["AWSEvents.PutEvents", None]


def test_an_action_of_a_query_service_is_a_query_parameter(fronts: Fronts):
    backends = Script(says({}))
    parameters = {"integration.request.querystring.Message": "method.request.querystring.m"}
    front = fronts.before(backends, one("sns:action/Publish", RequestParameters=parameters))

    front("POST /x?m=a+b")

    assert backends.calls[0].url.raw_path == b"/?Message=a%20b&Action=Publish"


def test_headers_of_the_integration_come_before_those_of_the_protocol(fronts: Fronts):
    parameters = {
        "integration.request.header.content-type": "'application/x-www-form-urlencoded'",
        "integration.request.header.X-Amz-Target": "'Other.Thing'",
    }
    backends = Script(says({}))
    front = fronts.before(backends, one("dynamodb:action/PutItem", RequestParameters=parameters))

    front("POST /x", json={})

    headers = backends.calls[0].headers
    assert headers.get_list("content-type") == ["application/x-www-form-urlencoded"]
    assert headers.get_list("x-amz-target") == ["Other.Thing"]


def test_a_path_is_called_as_it_is(fronts: Fronts):
    backends = Script(says({}))
    parameters = {"integration.request.path.key": "method.request.querystring.key"}
    integration = service("s3:path/bucket/in/{key}", "{}", RequestParameters=parameters, IntegrationHttpMethod="PUT")
    front = fronts.before(backends, Template().method("POST /x", integration))

    front("POST /x?key=a%20b%2Fc%3F")

    (call,) = backends.calls
    assert (call.method, call.url.raw_path) == ("PUT", b"/bucket/in/a%20b/c%3F")


def test_a_bucket_may_be_a_subdomain(fronts: Fronts):
    backends = Script(says({}))
    front = fronts.before(backends, one("holes.s3:path/key"))

    front("POST /x")

    assert backends.calls[0].url.path == "/holes/key"


def test_xml_of_query_services_arrives_as_the_json_that_aws_gives_api_gateway(fronts: Fronts):
    xml = b"""<SendMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><SendMessageResult>
        <MessageId>m-1</MessageId></SendMessageResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>
        </SendMessageResponse>"""
    answer = {"application/json": "$input.path('$.SendMessageResponse.SendMessageResult.MessageId')"}
    responses = [answering("", "202", ResponseTemplates=answer)]
    front = fronts(one("sqs:path/000000000000/queue", responses=responses), Response(status=200, body=xml))

    accepted = front("POST /x")

    assert (accepted.status_code, accepted.text) == (202, "m-1")


def test_an_error_of_a_query_service_is_json_without_a_root(fronts: Fronts):
    xml = b"<ErrorResponse><Error><Code>NoQueue</Code></Error><RequestId>r-1</RequestId></ErrorResponse>"
    front = fronts(one("sqs:path/000000000000/queue"), Response(status=400, body=xml))

    answer = front("POST /x")

    assert answer.json() == {"Error": {"Code": "NoQueue"}, "RequestId": "r-1"}


@pytest.mark.parametrize(
    ("operation", "filled"),
    [
        ("Publish", {"MessageId": "m-1", "SequenceNumber": None}),
        (
            "SendMessage",
            {
                "MD5OfMessageAttributes": None,
                "MD5OfMessageBody": None,
                "MD5OfMessageSystemAttributes": None,
                "MessageId": "m-1",
                "SequenceNumber": None,
            },
        ),
    ],
)
def test_a_result_as_json_has_what_it_has_no_value_for(fronts: Fronts, operation: str, filled: Props):
    result = f"<{operation}Result><MessageId>m-1</MessageId></{operation}Result>"
    xml = f"<{operation}Response>{result}</{operation}Response>".encode()
    front = fronts(one("sqs:path/000000000000/queue"), Response(status=200, body=xml))

    answer = front("POST /x")

    assert answer.json() == {f"{operation}Response": {f"{operation}Result": filled}}


@pytest.mark.parametrize("uri", ["sqs:path/000000000000/queue", "dynamodb:action/PutItem", LAMBDA])
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("body", [b"", b"<a", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"__type": 1}'])
def test_an_answer_that_is_no_services_still_makes_a_response(fronts: Fronts, uri: str, status: int, body: bytes):
    template = {"application/json": "type: $input.path('$.__type')"}
    responses = [answering("", "418", ResponseTemplates=template)]
    front = fronts(one(uri, responses=responses), Response(status=status, body=body))

    answer = front("POST /x")

    assert answer.status_code in {418, 500}
    assert answer.status_code == 500 or answer.text.startswith("type: ")


def test_xml_stays_xml_for_an_integration_that_asks_for_it(fronts: Fronts):
    parameters = {"integration.request.header.Accept": "'application/xml'"}
    front = fronts(
        one("sqs:path/000000000000/queue", RequestParameters=parameters), Response(status=200, body=b"<A>1</A>")
    )

    assert front("POST /x").text == "<A>1</A>"


@pytest.mark.parametrize(
    ("plain", "qualified"),
    [
        ("ConditionalCheckFailedException", "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"),
        ("ValidationException", "com.amazon.coral.validate#ValidationException"),
        ("already#qualified", "already#qualified"),
    ],
)
def test_the_type_of_a_dynamodb_error_is_qualified_as_on_aws(fronts: Fronts, plain: str, qualified: str):
    error = says({"__type": plain, "message": "no"}, status=400)
    front = fronts(one("dynamodb:action/PutItem", responses=[answering("4..", "409")]), error)

    answer = front("POST /x", json={})

    assert answer.status_code == 409
    assert answer.json() == {"__type": qualified, "message": "no"}


def test_a_call_that_takes_too_long_is_504_and_one_that_fails_too(fronts: Fronts):
    errors = [GatewayError("INTEGRATION_TIMEOUT"), GatewayError("INTEGRATION_FAILURE")]
    front = fronts(one("dynamodb:action/PutItem"), *errors)

    answers = [front("POST /x", json={}) for _ in errors]

    assert [answer.status_code for answer in answers] == [504, 504]
    assert answers[0].json() == {"message": "Endpoint request timed out"}
    assert answers[1].json() == {"message": "Network error communicating with endpoint"}


def test_an_integration_has_its_own_timeout(fronts: Fronts):
    backends = Script(says({}), says({}))
    template = one("dynamodb:action/PutItem", TimeoutInMillis=1500)
    template.method("POST /y", service("dynamodb:action/PutItem", "{}"))
    front = fronts.before(backends, template)

    front("POST /x")
    front("POST /y")

    assert [call.extensions["seconds"] for call in backends.calls] == [1.5, 29]


def test_an_address_that_is_no_services_is_500_and_told_to_the_developer(fronts: Fronts):
    front = fronts(Template().method("POST /x", {**service("x", "{}"), "Uri": "http://example.test"}))

    assert front("POST /x").status_code == 500
    assert "http://example.test" in front.log[0]


def test_a_functions_error_is_selected_by_its_message(fronts: Fronts):
    responses = [answering("", "200"), answering("not found:.*", "404"), answering("busy", "503")]
    failed = {"X_Amz_Function_Error": "Unhandled"}
    front = fronts(
        one(LAMBDA, responses=responses),
        says({"errorMessage": "not found: 7", "errorType": "KeyError"}, **failed),
        says({"errorMessage": "quite busy", "errorType": "E"}, **failed),
        says({"id": 7}),
    )

    statuses = [front("POST /x").status_code for _ in range(3)]

    assert statuses == [404, 200, 200]


def test_a_function_that_lambda_does_not_run_is_500(fronts: Fronts):
    front = fronts(one(LAMBDA), says({"Message": "no such function"}, status=404))

    answer = front("POST /x")

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})
    assert "no such function" in front.log[0]
