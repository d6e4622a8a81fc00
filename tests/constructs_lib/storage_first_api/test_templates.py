import calendar
import json
import re

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constructs_lib import JobTracker, StorageFirstApi
from constructs_lib.storage_first_api.templates import Raw, client_text, concat, document, when
from storage_first.local.velocity import TemplateInput, render
from storage_first.testing import render_template
from tests.constructs_lib.storage_first_api.routes import Route

HOSTILE = [
    'x"},"admin":{"BOOL":true},"y":{"S":"',
    "it's",
    "a@@,@@admin@@:@@true",
    "$util.base64Encode('x')",
    "#set($a=1)$a #end #if(true)",
    "${x} $!x \\$x \\#end ##",
    "\\ \\\\ \\' \\\" / </script>",
    "".join(map(chr, range(0x20))),
    "\x7f\u2028\u2029\ufeff\ufffe",
    "ümläut 日本語 🐹 \U0010ffff",
]
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"))


@pytest.fixture(scope="module")
def post():
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs")
    StorageFirstApi(stack, "Api").post("/gophers", jobs.store("add-gopher"))
    jobs.workflow("add-gopher", definition=sfn.Pass(stack, "Work"))
    return Route.of(stack, "POST")


def refusal(post, **event):
    """The detail of the problem that a request is answered when DynamoDB refuses it as it is asked to."""
    request = post.request(**event)
    marker = request["ReturnValues"]
    assert marker != "ALL_NEW"
    assert not {"UpdateExpression", "ExpressionAttributeValues"}.intersection(request)
    message = f"1 validation error detected: Value '{marker}' at 'returnValues' failed to satisfy constraint"
    status, _, body = post.answer(400, {"__type": "ValidationException", "message": message})
    return status, body["detail"]


@pytest.mark.parametrize("body", HOSTILE)
def test_what_is_stored_is_what_was_sent(post, body):
    assert post.stored(body=body)["input"] == body


@given(body=texts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_stored_as_it_was_sent(post, body):
    assert post.stored(body=body)["input"] == (body or "{}")  # API Gateway's own word for an empty body


@pytest.mark.parametrize("key", [*HOSTILE, "", "a" * 65, "a b", "a/b", "a#b", "é"])
def test_a_malformed_key_asks_for_what_dynamodb_refuses_before_it_writes(post, key):
    status, detail = refusal(post, body="{}", headers={"Idempotency-Key": key})

    assert status == 400
    assert "Idempotency-Key must have 1 to 64 characters" in detail


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
@pytest.mark.parametrize("key", ["a", "A-z_0", "a" * 64])
def test_a_key_is_the_job_s_id_however_its_header_is_spelt(post, name, key):
    job = post.stored(body="{}", headers={"Host": "x", name: key, "X-Last": "y"})

    assert (job["pk"], job["id"]) == (f"default#{key}", key)


def test_a_query_parameter_does_not_spoof_the_key(post):
    job = post.stored(body="{}", query={"Idempotency-Key": "spoofed"}, context={"requestId": "r-1"})

    assert job["pk"] == "default#r-1"


def test_without_a_key_the_request_s_id_is_the_job_s(post):
    job = post.stored(body="{}", context={"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"})

    assert job["pk"] == "default#c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@pytest.mark.parametrize("request_id", ['x","a":"b', "", "a b"])
def test_a_request_id_that_a_client_has_set_is_held_to_the_same_rule(post, request_id):
    status, _ = refusal(post, body="{}", context={"requestId": request_id})

    assert status == 400


@pytest.mark.parametrize("body", ["a" * 245_760, "é" * 122_880], ids=["ascii", "two bytes"])
def test_a_body_of_the_limit_in_bytes_is_stored(post, body):
    assert post.stored(body=body)["input"] == body


@pytest.mark.parametrize("body", ["a" * 245_761, "é" * 122_881], ids=["ascii", "two bytes"])
def test_a_body_over_the_limit_in_bytes_is_too_large(post, body):
    status, _ = refusal(post, body=body)

    assert status == 413


@pytest.mark.parametrize("month", range(1, 13))
def test_times_are_iso_8601_with_milliseconds(post, month):
    name = calendar.month_abbr[month]
    context = {"requestTime": f"05/{name}/2026:20:12:29 +0000", "requestTimeEpoch": 1795291949007}

    job = post.stored(body="{}", context=context)

    assert job["createdAt"] == job["updatedAt"] == job["checkAt"] == f"2026-{month:02}-05T20:12:29.007Z"
    assert job["open"] == "7"
    assert post.request(body="{}", context=context)["ExpressionAttributeValues"][":now"] == {"N": "1795291949"}


def test_every_attribute_is_set_only_where_there_is_none(post):
    request = post.request(body="{}")

    assignments = request["UpdateExpression"].removeprefix("SET ").split(", ")
    while assignments:
        name, found = assignments.pop(0).split(" = ")
        assert found + ", " + assignments.pop(0) == f"if_not_exists({name}, :{name[1:]})"


def test_a_job_that_is_there_must_be_the_same_and_not_expired(post):
    request = post.request(body="{}")

    names = {placeholder[1:]: name for placeholder, name in request["ExpressionAttributeNames"].items()}
    condition = re.sub(r"(?<=[#:])\w+", lambda match: names.get(match[0], match[0]), request["ConditionExpression"])
    assert condition == (
        "attribute_not_exists(#pk) OR (#type = :type AND #input = :input "
        "AND (attribute_not_exists(#expiresAt) OR #expiresAt > :now))"
    )


@pytest.mark.oracle
@given(body=texts, key=texts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_apache_velocity_renders_the_request_the_same(post, oracle, body, key):
    event = TemplateInput(
        body=body,
        header={"Idempotency-Key": key},
        context={
            "requestId": "r-1",
            "extendedRequestId": "e-1",
            "requestTime": "21/Nov/2026:20:12:29 +0000",
            "requestTimeEpoch": 1795291949123,
        },
    )

    assert render(post.request_template, event).text == oracle.render(post.request_template, event).text


# --- The generator itself ---------------------------------------------------------------------------------------


@pytest.mark.oracle
@given(literal=texts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_apache_velocity_renders_any_literal_as_it_is(oracle, literal):
    assert json.loads(oracle.render(document({"x": literal}), TemplateInput()).text) == {"x": literal}


@pytest.mark.parametrize("literal", HOSTILE)
def test_a_literal_renders_as_it_is(literal):
    assert json.loads(render_template(document({literal: [literal, concat(literal)]})).text) == {
        literal: [literal, literal]
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_client_text_stays_inside_its_string(text):
    template = document({"a": concat("<", client_text("$input.params().header.get('X')"), ">"), "b": 1})

    assert json.loads(render_template(template, headers={"X": text}).text) == {"a": f"<{text}>", "b": 1}


@pytest.mark.parametrize(("condition", "rendered"), [("true", "$a"), ("false", "#b")])
def test_a_choice_renders_one_of_two(condition, rendered):
    assert json.loads(render_template(document({"x": when(condition, "$a", "#b")})).text) == {"x": rendered}


def test_values_that_are_no_text_are_json():
    value = {"n": 1, "f": 1.5, "t": True, "no": None, "raw": Raw("[1,2]"), "list": [1, "a"]}

    assert json.loads(render_template(document(value)).text) == {**value, "raw": [1, 2]}


def test_no_template_reads_a_client_s_text_without_escaping_it(post):
    escaped = r"\$util\.escapeJavaScript\([^)]*\)\.replaceAll\(\"\\\\'\",\"'\"\)"
    unescaped = re.sub(escaped, "", post.request_template)

    rendered = unescaped[unescaped.index("{" + '"TableName"') :]
    assert "$input" not in rendered
    assert not re.search(r"\$v\d", rendered)
