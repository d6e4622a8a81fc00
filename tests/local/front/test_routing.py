import pytest

from tests.local.front.rest import Fronts, Template, mock

ECHO = mock('{"resource": "$context.resourcePath", "method": "$context.httpMethod"}')


@pytest.fixture
def pets() -> Template:
    template = Template()
    for route in ("GET /", "GET /pets", "GET /pets/{id}", "GET /pets/new", "GET /pets/{id}/toys", "ANY /{proxy+}"):
        template.method(route, ECHO)
    return template.method("GET /echo/{id}", mock('{"id": "$input.params(\'id\')"}'))


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/", "/"),
        ("/pets", "/pets"),
        ("/pets/", "/pets"),
        ("/pets/new", "/pets/new"),
        ("/pets/7", "/pets/{id}"),
        ("/pets/7/toys", "/pets/{id}/toys"),
        ("/pets/new/toys", "/pets/{id}/toys"),
        ("/pets/7/toys/8", "/{proxy+}"),
        ("/elsewhere", "/{proxy+}"),
    ],
)
def test_a_literal_segment_comes_before_a_parameter_before_a_proxy(fronts: Fronts, pets: Template, path, resource):
    front = fronts(pets)

    answer = front(f"GET {path}")

    assert answer.json()["resource"] == resource


def test_any_stands_for_methods_that_a_resource_has_not(fronts: Fronts):
    front = fronts(Template().method("ANY /x", ECHO).method("GET /x", mock('"get"')))

    answers = [front("GET /x"), front("DELETE /x")]

    assert answers[0].json() == "get"
    assert answers[1].json()["method"] == "DELETE"


@pytest.mark.parametrize("route", ["GET /unknown", "POST /pets", "GET /pets/7/8"])
def test_an_unknown_route_is_a_missing_authentication_token(fronts: Fronts, route):
    front = fronts(Template().method("GET /pets", ECHO).method("GET /pets/{id}", ECHO))

    answer = front(route)

    assert answer.status_code == 403
    assert answer.json() == {"message": "Missing Authentication Token"}
    assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_path_parameters_are_decoded_once(fronts: Fronts, pets: Template):
    front = fronts(pets)

    answers = [front(f"GET /echo/{id}").json()["id"] for id in ("a%20b", "a%2Fb", "a%252Fb", "a+b")]

    assert answers == ["a b", "a/b", "a%2Fb", "a+b"]


def test_a_greedy_parameter_takes_the_rest_of_the_path(fronts: Fronts):
    front = fronts(Template().method("GET /files/{path+}", mock("\"$input.params('path')\"")))

    answer = front("GET /files/a/b/c.txt")

    assert answer.json() == "a/b/c.txt"


def test_an_unknown_stage_is_forbidden(fronts: Fronts):
    front = fronts(Template().method("GET /"))

    answer = front("GET http://127.0.0.1:8080/other/")

    assert answer.status_code == 403
    assert answer.json() == {"message": "Forbidden"}


def test_stages_share_a_port_and_keep_their_variables(fronts: Fronts):
    template = Template(stage={"Variables": {"name": "production"}}).method("GET /", mock('"$stageVariables.name"'))
    template.part("Test", "Stage", StageName="test", Variables={"name": "trial"})
    front = fronts(template)

    answers = [front(f"GET http://127.0.0.1:8080/{stage}/").json() for stage in ("prod", "test")]

    assert answers == ["production", "trial"]
