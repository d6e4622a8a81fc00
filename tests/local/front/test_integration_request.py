import pytest

from tests.local.front.rest import Fronts, Script, Template, answering, says, service

DYNAMODB = "dynamodb:action/PutItem"
XML = {"Content-Type": "application/xml"}


def calling(template: str | None, **integration) -> Template:
    return Template(stage={"Variables": {"table": "pets"}}).method(
        "ANY /x/{id}", service(DYNAMODB, template, **integration)
    )


@pytest.mark.parametrize(
    ("behaviour", "template", "headers", "passes"),
    [
        ("WHEN_NO_MATCH", "{}", XML, True),
        ("WHEN_NO_MATCH", None, {}, True),
        ("WHEN_NO_TEMPLATES", "{}", XML, False),
        ("WHEN_NO_TEMPLATES", None, XML, True),
        ("NEVER", "{}", XML, False),
        ("NEVER", None, XML, False),
        ("NEVER", None, {}, False),
    ],
)
def test_a_content_type_without_a_template_passes_only_where_the_method_says_so(
    fronts: Fronts, behaviour, template, headers, passes
):
    backends = Script(says({}))
    front = fronts.before(backends, calling(template, PassthroughBehavior=behaviour))

    answer = front("POST /x/1", content="<as>is</as>", headers=headers)

    assert answer.status_code == (200 if passes else 415)
    assert [call.content for call in backends.calls] == ([b"<as>is</as>"] if passes else [])
    if not passes:
        assert answer.json() == {"message": "Unsupported Media Type"}


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "application/json;charset=utf-8", "APPLICATION/JSON"]
)
def test_a_template_is_found_by_its_media_type_alone(fronts: Fronts, content_type):
    backends = Script(says({}))
    front = fronts.before(backends, calling('{"rendered": true}', PassthroughBehavior="NEVER"))

    front("POST /x/1", content="{}", headers={"Content-Type": content_type} if content_type else {})

    assert backends.sent == {"rendered": True}


def test_a_template_sees_the_request(fronts: Fronts):
    template = """{
        "body": $input.json('$'),
        "id": "$input.params('id')",
        "page": "$input.params().querystring.get('page')",
        "table": "$stageVariables.table",
        "stage": "$context.stage"
    }"""
    backends = Script(says({}))
    front = fronts.before(backends, calling(template))

    front("POST /x/a%20b?page=1&page=2%2F3", json={"a": "é"})

    assert backends.sent == {"body": {"a": "é"}, "id": "a b", "page": "2/3", "table": "pets", "stage": "prod"}


def test_parameters_are_mapped_from_wherever_the_integration_says(fronts: Fronts):
    parameters = {
        "integration.request.header.X-Static": "'text'",
        "integration.request.header.X-Id": "method.request.path.id",
        "integration.request.header.X-Trace": "method.request.header.trace",
        "integration.request.header.X-Name": "method.request.body.pet.name",
        "integration.request.header.X-Table": "stageVariables.table",
        "integration.request.header.X-Stage": "context.stage",
        "integration.request.header.X-Absent": "method.request.header.absent",
        "integration.request.querystring.page": "method.request.querystring.page",
        "integration.request.querystring.all": "method.request.multivaluequerystring.page",
    }
    backends = Script(says({}))
    front = fronts.before(backends, calling("{}", RequestParameters=parameters))

    front("POST /x/7?page=1&page=2", json={"pet": {"name": "Rex"}}, headers={"Trace": "t"})

    (call,) = backends.calls
    sent = {name: value for name, value in call.headers.items() if name.startswith("x-")}
    assert sent == {
        "x-static": "text",
        "x-id": "7",
        "x-trace": "t",
        "x-name": "Rex",
        "x-table": "pets",
        "x-stage": "prod",
        "x-amz-target": "DynamoDB_20120810.PutItem",
    }
    assert call.url.query == b"page=2&all=1&all=2"


def test_a_template_may_override_parameters(fronts: Fronts):
    template = """#set($context.requestOverride.header.X-Static = "overridden")
        #set($context.requestOverride.querystring.page = "9")
        #set($context.requestOverride.path.key = "a b")
        {}"""
    parameters = {
        "integration.request.header.x-static": "'text'",
        "integration.request.path.key": "method.request.path.id",
    }
    backends = Script(says({}))
    integration = service("s3:path/bucket/{key}", template, RequestParameters=parameters)
    front = fronts.before(backends, Template().method("POST /x/{id}", integration))

    front("POST /x/7")

    (call,) = backends.calls
    assert call.headers["x-static"] == "overridden"
    assert call.url.raw_path == b"/bucket/a%20b?page=9"


def test_a_template_that_fails_is_500_and_tells_the_developer_where_and_why(fronts: Fronts):
    front = fronts(calling("#if($broken"))

    answer = front("POST /x/7")

    assert answer.status_code == 500
    assert answer.json() == {"message": "Internal server error"}
    (line,) = front.log
    assert line.startswith("POST /x/{id} of api (prod): request template: ")


def test_a_status_that_the_request_template_overrides_holds(fronts: Fronts):
    front = fronts(
        calling("#set($context.responseOverride.status = 418){}", responses=[answering("", "200")]), says({})
    )

    answer = front("POST /x/7")

    assert answer.status_code == 418


@pytest.mark.parametrize("name", ["Authorization", "connection", "Content-Length", "Expect", "TE"])
def test_a_header_that_is_api_gateways_own_cannot_be_mapped(fronts: Fronts, name: str):
    parameters = {f"integration.request.header.{name}": "'x'"}
    backends = Script()
    integration = service("s3:path/b/k", RequestParameters=parameters)
    front = fronts.before(backends, Template().method("PUT /x", integration))

    answer = front("PUT /x")

    assert (answer.status_code, backends.calls) == (500, [])


def test_a_path_parameter_that_nothing_is_mapped_to_is_500(fronts: Fronts):
    front = fronts(Template().method("PUT /x/{key}", service("s3:path/b/{key}")))

    assert front("PUT /x/7").status_code == 500
