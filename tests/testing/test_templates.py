import doctest
import json
from pathlib import Path

import pytest

from storage_first.testing import EventError, TemplateError, TemplateInput, load_event, render_template, templates


def event_file(directory: Path, content: object) -> Path:
    file = directory / "event.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


def test_the_examples_in_the_documentation_hold():
    results = doctest.testmod(templates)

    assert results.attempted
    assert not results.failed


def test_a_template_sees_everything_it_is_given():
    rendered = render_template(
        "$input.body $input.params('id') $input.params('q') $input.params('X-A') $context.stage $stageVariables.v",
        body="raw",
        path={"id": "i"},
        query={"q": "quick"},
        headers={"X-A": "a"},
        context={"stage": "beta"},
        stage_variables={"v": "w"},
    )

    assert rendered.text == "raw i quick a beta w"


def test_a_body_that_is_no_string_is_sent_as_json():
    rendered = render_template("$input.body", body={"name": "Zoë", "n": [1, None]})

    assert rendered.text == '{"name": "Zoë", "n": [1, null]}'


def test_a_part_of_the_context_keeps_the_rest_of_the_defaults():
    rendered = render_template(
        "$context.identity.sourceIp $context.identity.userAgent $context.httpMethod",
        context={"identity": {"userAgent": "mine"}},
    )

    assert rendered.text == "192.0.2.1 mine POST"


def test_the_default_times_are_one_moment():
    rendered = render_template("$context.requestTime $context.requestTimeEpoch")

    assert rendered.text == "02/Jan/2026:03:04:05 +0000 1767323045678"


def test_a_template_that_fails_on_aws_fails_the_test():
    with pytest.raises(TemplateError, match="line 1"):
        render_template("#if(")


def test_an_event_file_becomes_what_the_template_is_given(tmp_path):
    file = event_file(
        tmp_path,
        {
            "body": "text",
            "path": {"id": "i"},
            "querystring": {"q": "v"},
            "header": {"H": "h"},
            "context": {"requestId": "r"},
            "stageVariables": {"s": "t"},
        },
    )

    event = load_event(file)

    assert (event.body, event.path, event.querystring) == ("text", {"id": "i"}, {"q": "v"})
    assert (event.header, event.stage_variables) == ({"H": "h"}, {"s": "t"})
    assert event.context["requestId"] == "r"


def test_an_empty_event_is_an_empty_post(tmp_path):
    event = load_event(event_file(tmp_path, {}))

    assert event == TemplateInput(context=event.context)
    assert event.context["httpMethod"] == "POST"


@pytest.mark.parametrize(("body", "sent"), [({"a": 1}, '{"a": 1}'), ([], "[]"), (None, "null"), ("x", "x"), (1, "1")])
def test_a_body_of_any_json_is_serialised(tmp_path, body, sent):
    assert load_event(event_file(tmp_path, {"body": body})).body == sent


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not JSON"),
        ([], "must hold a JSON object with any of: body, path"),
        ({"headers": {}}, "unknown key 'headers'. Allowed are: body, path, querystring, header"),
        ({"header": []}, "'header' must be an object, got \\[\\]"),
        ({"header": {"A": 1}}, "'A' in 'header' must be a string, got 1"),
        ({"context": 1}, "'context' must be an object, got 1"),
    ],
)
def test_an_event_file_that_is_wrong_says_how(tmp_path, content, complaint):
    with pytest.raises(EventError, match=complaint):
        load_event(event_file(tmp_path, content))
