import pytest

from tests.local.gaps.wire import query, xml_refusal
from tests.local.sides import unique

MARKER = "request-refused-422"


@pytest.fixture
def send():
    def send(side, *, fifo=False, body="hello", attribute=None, **more):
        name = unique("queue") + (".fifo" if fifo else "")
        attributes = {"FifoQueue": "true"} if fifo else {}
        url = side.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        for field, value in zip(("Name", "Value.DataType", "Value.StringValue"), attribute or (), strict=False):
            more[f"MessageAttribute.1.{field}"] = value
        answer = query(side, "sqs", url, Action="SendMessage", MessageBody=body, **more)
        return answer, bool(side.sqs.receive_message(QueueUrl=url).get("Messages"))

    return send


REFUSED = {
    "type": ({"attribute": (MARKER, "refuse", "v")}, f"The type of message (user) attribute '{MARKER}' is invalid. "),
    "empty": ({"attribute": ("a", "String", "")}, "Message (user) attribute 'a' must contain a non-empty value of "),
    "number": (
        {"attribute": ("a", "Number", "x")},
        "Can't cast the value of message (user) attribute 'a' to a number.",
    ),
    "group": (
        {"fifo": True, "MessageGroupId": "a b", "MessageDeduplicationId": "d"},
        "Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric ",
    ),
    "long group": (
        {"fifo": True, "MessageGroupId": "g" * 129, "MessageDeduplicationId": "d"},
        f"Value {'g' * 129} for parameter MessageGroupId is invalid.",
    ),
    "deduplication": (
        {"fifo": True, "MessageGroupId": "g", "MessageDeduplicationId": "é"},
        "Value é for parameter MessageDeduplicationId is invalid.",
    ),
    "standard": ({"MessageDeduplicationId": "d"}, "Value d for parameter MessageDeduplicationId is invalid."),
    "size": (
        {"body": "x" * 2**20, "attribute": ("a", "String", "v")},
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    ),
}


@pytest.mark.parametrize("request_", [request for request, _ in REFUSED.values()], ids=REFUSED)
def test_the_bare_emulator_stores_it(bare, send, request_):
    answer, stored = send(bare, **request_)

    assert (answer.status_code, stored) == (200, True)


@pytest.mark.parametrize(("request_", "says"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_by_name_and_not_stored(closed, send, request_, says):
    answer, stored = send(closed, **request_)

    code, message = xml_refusal(answer)
    assert code == "InvalidParameterValue"
    assert message.startswith(says)
    assert not stored


@pytest.mark.parametrize(
    "request_",
    [
        {"attribute": ("a", "String.custom", "v")},
        {"attribute": ("a", "Number", "-1.5e3")},
        {"MessageGroupId": "tenant-1"},
        {"fifo": True, "MessageGroupId": "!~", "MessageDeduplicationId": "d" * 128},
        {"body": "x" * 2**20},
    ],
    ids=["custom type", "number", "fair queue", "punctuation", "largest"],
)
def test_what_the_rules_allow_is_stored(closed, send, request_):
    answer, stored = send(closed, **request_)

    assert (answer.status_code, stored) == (200, True)


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_characters_that_xml_does_not_know_need_no_gap_to_be_refused(bare, send, character):
    answer, stored = send(bare, body=f"a{character}b")

    assert xml_refusal(answer)[0] == "InvalidMessageContents"
    assert not stored


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"MessageDeduplicationId": "d"}, "MissingParameter"),
        ({"MessageGroupId": "g"}, "InvalidParameterValue"),
    ],
    ids=["group", "deduplication"],
)
def test_a_fifo_message_without_its_ids_needs_no_gap_to_be_refused(bare, send, request_, code):
    answer, stored = send(bare, fifo=True, **request_)

    assert xml_refusal(answer)[0] == code
    assert not stored


def test_each_message_of_a_batch_is_looked_at(closed):
    url = closed.sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    attributes = {"a": {"DataType": "refuse", "StringValue": "v"}}
    entries = [{"Id": "1", "MessageBody": "x", "MessageAttributes": attributes}, {"Id": "2", "MessageBody": "y"}]

    answer = closed.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    assert [entry["Id"] for entry in answer["Successful"]] == ["2"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("1", "InvalidParameterValue")]
