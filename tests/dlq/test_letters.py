import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_first.console import harmless
from storage_first.dlq.hand import Message
from storage_first.dlq.letters import as_text, indented, of_message


def message(body, **attributes):
    said = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    return Message(id="m-1", receipt="r", body=body, attributes={}, message_attributes=said)


def tokens(text):
    return "".join(text.split())


@given(st.text())
def test_whatever_is_in_a_message_it_steers_no_terminal(text):
    shown = as_text(of_message(message(text, name=text)))

    assert not [char for char in shown if not char.isprintable() and char not in "\n\t\u00a0" and not char.isspace()]
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("char", "escape"),
    [("\x1b", "\\u001b"), ("\r", "\\u000d"), ("\x9b", "\\u009b"), ("\u202e", "\\u202e"), ("\U000e0041", "\\U000e0041")],
)
def test_what_could_deceive_is_shown_as_an_escape(char, escape):
    assert harmless(f"a{char}b") == f"a{escape}b"


def test_no_line_of_a_body_can_pass_for_what_the_command_says():
    shown = as_text(of_message(message("hello\nm-2\n  error: none")))

    assert [line for line in shown.splitlines() if not line.startswith("    ")] == ["m-1", "  received: 0 times"]


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(JSON)
def test_indented_json_means_the_same(value):
    assert json.loads(indented(json.dumps(value))) == value


@pytest.mark.parametrize("text", ['{"a":1e400,"a":12345678901234567890.10}', '["\\u0000", {}, [], {"a": []}]', "NaN"])
def test_indented_json_has_every_token_as_it_was(text):
    assert tokens(indented(text)) == tokens(text)


@pytest.mark.parametrize("text", ["", "hello", "{", '{"a": 1} x', "[" * 100_000 + "]" * 100_000])
def test_what_is_no_json_is_shown_as_it_is(text):
    assert indented(text) == text


def test_json_is_indented():
    assert indented('{"a":[1,{}],"b":{"c":null}}') == (
        '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": {\n    "c": null\n  }\n}'
    )


def test_why_a_message_was_given_up_is_told_where_its_attributes_do():
    shown = of_message(message("{}", ErrorCode="200", ErrorMessage="division by zero"))

    assert shown.error == "200: division by zero"


def test_why_a_batch_was_given_up_is_told():
    record = {
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:dig",
            "condition": "RetryAttemptsExhausted",
        },
        "KinesisBatchInfo": {
            "shardId": "s",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks",
        },
    }

    shown = of_message(message(json.dumps(record)))

    assert shown.error == "RetryAttemptsExhausted in dig, 2 records"
    assert shown.source == "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
