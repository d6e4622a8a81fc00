import pytest

from tests.local.front.rest import Fronts, Template, answering, says, service

DYNAMODB = "dynamodb:action/PutItem"


def answered(*responses) -> Template:
    return Template().method("POST /x/{id}", service(DYNAMODB, "{}", responses=responses))


@pytest.mark.parametrize(
    ("backend", "status"),
    [(200, 202), (400, 400), (404, 404), (500, 503), (503, 503), (301, 202)],
)
def test_the_status_selects_the_response_and_a_blank_pattern_takes_the_rest(fronts: Fronts, backend, status):
    responses = [answering("", "202"), answering("404", "404"), answering("4\\d{2}", "400"), answering("5..", "503")]
    front = fronts(answered(*responses), says({}, status=backend))

    answer = front("POST /x/1")

    assert answer.status_code == status


def test_a_pattern_has_to_match_as_a_whole(fronts: Fronts):
    front = fronts(answered(answering("40", "418"), answering("", "200")), says({}, status=400))

    assert front("POST /x/1").status_code == 200


def test_an_answer_that_no_response_matches_is_500(fronts: Fronts):
    front = fronts(answered(answering("200", "200")), says({}, status=400))

    answer = front("POST /x/1")

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})
    assert "no integration response matches '400'" in front.log[0]


def test_headers_are_mapped_from_wherever_the_response_says(fronts: Fronts):
    parameters = {
        "method.response.header.X-Static": "'text'",
        "method.response.header.X-Header": "integration.response.header.etag",
        "method.response.header.X-Body": "integration.response.body.item.id",
        "method.response.header.X-Absent": "integration.response.body.nothing",
        "method.response.header.X-Request": "context.requestId",
        "method.response.header.Content-Type": "'application/problem+json'",
    }
    front = fronts(answered(answering("", "200", ResponseParameters=parameters)), says({"item": {"id": 7}}, ETag="abc"))

    headers = front("POST /x/1").headers

    assert (headers["x-static"], headers["x-header"], headers["x-body"]) == ("text", "abc", "7")
    assert headers["x-request"] == headers["x-amzn-requestid"]
    assert headers.get_list("content-type") == ["application/problem+json"]
    assert "x-absent" not in headers


def test_a_response_template_sees_the_answer_and_still_the_requests_parameters(fronts: Fronts):
    template = """{"id": "$input.params('id')", "got": $input.json('$.a'), "raw": "$util.base64Encode($input.body)"}"""
    front = fronts(answered(answering("", "200", ResponseTemplates={"application/json": template})), says({"a": [1]}))

    answer = front("POST /x/7", json={"a": "request"})

    assert answer.json() == {"id": "7", "got": [1], "raw": "eyJhIjogWzFdfQ=="}


def test_a_template_may_override_status_and_headers(fronts: Fronts):
    template = """#set($context.responseOverride.status = 409)
        #set($context.responseOverride.header.location = "/jobs/1")
        #set($context.responseOverride.header.Content-Type = "application/problem+json"){}"""
    responses = answering(
        "",
        "200",
        ResponseTemplates={"application/json": template},
        ResponseParameters={"method.response.header.Location": "'/elsewhere'"},
    )
    front = fronts(answered(responses), says({}))

    answer = front("POST /x/1")

    assert answer.status_code == 409
    assert answer.headers.get_list("location") == ["/jobs/1"]
    assert answer.headers.get_list("content-type") == ["application/problem+json"]


def test_a_template_that_fails_is_500_and_tells_the_developer(fronts: Fronts):
    front = fronts(answered(answering("", "200", ResponseTemplates={"application/json": "#if("})), says({}))

    answer = front("POST /x/1")

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})
    assert "response template 200" in front.log[0]


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("text/html", "application/json"),
        ("application/xml", "application/xml"),
        ("text/html, application/xml;q=0.9", "application/xml"),
    ],
)
def test_the_accept_header_chooses_the_template(fronts: Fronts, accept, chosen):
    templates = {"application/xml": "<a/>", "application/json": "{}"}
    front = fronts(answered(answering("", "200", ResponseTemplates=templates)), says({}))

    answer = front("POST /x/1", headers={"Accept": accept} if accept else {})

    assert answer.headers["content-type"] == chosen
    assert answer.text == templates[chosen]


def test_without_a_template_the_answer_passes_through_without_the_backends_headers(fronts: Fronts):
    front = fronts(answered(answering("", "201")), says({"as": "is"}, X_Secret="1"))

    answer = front("POST /x/1")

    assert (answer.status_code, answer.json()) == (201, {"as": "is"})
    assert answer.headers["content-type"] == "application/json"
    assert "x-secret" not in answer.headers


def test_a_header_cannot_smuggle_another(fronts: Fronts):
    parameters = {"method.response.header.X-Body": "integration.response.body.a"}
    front = fronts(answered(answering("", "200", ResponseParameters=parameters)), says({"a": "1\r\nX-Evil: 2"}))

    headers = front("POST /x/1").headers

    assert headers["x-body"] == "1  X-Evil: 2"
    assert "x-evil" not in headers


def test_a_header_that_is_not_an_integrations_to_set_goes_out_under_another_name(fronts: Fronts):
    names = {"Date": "integration.response.header.Date", "ETag": "integration.response.header.ETag"}
    mapped = {f"method.response.header.{name}": source for name, source in names.items()}
    integration = service("s3:path/b/k", responses=[answering("", "200", ResponseParameters=mapped)])
    front = fronts(Template().method("PUT /x", integration), says({}, Date="then", ETag="1"))

    answer = front("PUT /x")

    assert (answer.headers["x-amzn-remapped-date"], answer.headers["etag"]) == ("then", "1")
    assert "date" not in answer.headers
