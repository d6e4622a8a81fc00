"""Every template of every store renders the same in our engine, in Apache Velocity and in airspeed-ext."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_first.local.velocity import TemplateError, TemplateInput
from storage_first.local.velocity import render as our_render
from tests.constructs_lib.storage_first_api.routes import text
from tests.hostile import airspeed_engine, corpora
from tests.hostile.calls import BENIGN
from tests.hostile.test_numbers import EXTREMES, numbers
from tests.oracle.client import OracleError

CONTEXT = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "extendedRequestId": "JKJaXmPLvHcESHA=",
    "requestTime": "21/Nov/2026:20:12:29 +0000",
    "requestTimeEpoch": 1795291949123,
    "path": "/prod/here",
    "identity": {"userAgent": "test"},
}
TEXTS = [*corpora.TEXTS, *(f"x{text}y" for text in corpora.UNICODE)]

hostile = st.one_of(st.sampled_from(TEXTS), st.text(max_size=12))
named = st.dictionaries(
    st.sampled_from(["X-Text", "x-text", "Idempotency-Key", "group", "q", "n", "on", "part"]), hostile
)
member = st.one_of(numbers, st.sampled_from([*EXTREMES, "true", "null", "[1.5]", '{"a":[]}']), hostile.map(json.dumps))
# Before its version 2.1, which is Debian's, JsonPath failed where an index meets something else than a list.
deep = hostile.map(lambda text: json.dumps([{"name": text}]))
members = st.dictionaries(st.sampled_from(["text", "number", "flag", "json", "x"]), member, min_size=1)
bodies = st.builds(
    lambda members, deep: "{" + ", ".join(f'"{name}": {value}' for name, value in {**members, **deep}.items()) + "}",
    members,
    st.dictionaries(st.just("deep"), deep),
)
requests = st.fixed_dictionaries(
    {"body": st.one_of(st.just('{"text":"-"}'), bodies), "query": named, "headers": named, "text": hostile}
)
names = [
    *("message", "Message", "__type", "Attributes", "SequenceNumber", "executionArn", "FailedEntryCount"),
    *("EventId", "ErrorCode", "Error", "Code", "id", "status", "S", "x"),
]
leaf = st.one_of(
    st.sampled_from(["ThrottlingException", "Refused_1_", "a.b#ConditionalCheckFailedException", "exceeded the size"]),
    hostile,
    st.integers(-(2**40), 2**40),
    st.none(),
)
answers = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(names), inner, max_size=4),
        st.fixed_dictionaries({"Entries": st.lists(inner, max_size=2)}),
    ),
    max_leaves=10,
)


def examples(count, **strategies):
    return lambda test: settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )(given(**strategies)(test))


def event_of(route, request):
    """The request with a text in each place, as a template gets it."""
    parameters = dict.fromkeys(BENIGN[route].get("path", {}), request["text"])
    context = {**CONTEXT, "identity": {"userAgent": request["text"]}}
    return TemplateInput(
        body=request["body"],
        path=parameters,
        querystring=request["query"],
        header={"Host": "x", **request["headers"]},
        context=context,
    )


def ours(template, event):
    try:
        rendered = our_render(template, event)
    except TemplateError:
        return "an error"
    return rendered.text.strip(), rendered.status, dict(rendered.headers)


def velocity(oracle):
    def render(template, event):
        try:
            rendered = oracle.render(template, event)
        except OracleError:
            return "an error"
        return rendered.text.strip(), rendered.status, dict(rendered.headers)

    return render


def airspeed(template, event):
    try:
        return airspeed_engine.render(template, event)
    except airspeed_engine.FailedError:
        return "an error"


@pytest.fixture(params=["velocity", "airspeed"])
def other(request):
    return airspeed if request.param == "airspeed" else velocity(request.getfixturevalue("oracle"))


pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("route", BENIGN)
@examples(40, request=requests)
def test_a_request_template_renders_the_same(routes, other, route, request):
    template = routes.all[route].request_template
    event = event_of(route, request)

    assert other(template, event) == ours(template, event)


JOBS = ("GET /jobs", "GET /jobs/{jobId}", "DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry")
cursors = st.one_of(hostile, st.builds("2026-11-21T20:12:29.123Z~{}".format, hostile))
statuses = st.one_of(hostile, st.sampled_from(["", "Pending", "In Progress", "Failed"]))


@pytest.mark.parametrize("route", JOBS)
@examples(40, id=hostile, query=st.fixed_dictionaries({"status": statuses, "type": hostile, "cursor": cursors}))
def test_a_request_for_jobs_renders_the_same(routes, other, route, id, query):
    template = routes.all[route].request_template
    event = TemplateInput(body="{}", path={"jobId": id}, querystring=query, header={"Host": "x"}, context=CONTEXT)

    assert other(template, event) == ours(template, event)


@pytest.mark.parametrize("route", JOBS)
@examples(
    40, job=st.dictionaries(st.sampled_from(["id", "status", "entity", "progress", "type"]), hostile), more=answers
)
def test_an_answer_about_jobs_renders_the_same(routes, other, route, job, more):
    item = {
        **{name: {"S": text} for name, text in job.items()},
        "attempt": {"N": "1"},
        "version": {"N": "1"},
        "expiresAt": {"N": "1795291950"},
    }
    key = {name: {"S": job.get(name, "a#b")} for name in ("pk", "type", "status", "createdAt")}
    answer = {"Count": 1, "Items": [item], "Attributes": item, "Item": item, "LastEvaluatedKey": key, "__type": more}
    context = {**CONTEXT, "path": "/prod" + route.partition(" ")[2].replace("{jobId}", "j-1")}
    for told in (answer, {**answer, "__type": "x#ConditionalCheckFailedException"}):
        event = TemplateInput(body=json.dumps(told), context=context)
        for response in routes.all[route].integration["IntegrationResponses"]:
            template = text(response["ResponseTemplates"]["application/json"])
            assert other(template, event) == ours(template, event)


@pytest.mark.parametrize("route", [*BENIGN, "PUT /s3/{name}", *JOBS])
@examples(40, answer=answers)
def test_every_response_template_renders_the_same(routes, other, route, answer):
    event = TemplateInput(body=json.dumps(answer), context=CONTEXT)
    templates = [
        text(response["ResponseTemplates"]["application/json"])
        for response in routes.all[route].integration["IntegrationResponses"]
    ]

    assert [other(template, event) for template in templates] == [ours(template, event) for template in templates]
