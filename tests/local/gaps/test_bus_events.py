import json

import pytest

from tests.local.gaps.wire import call, refusal
from tests.local.sides import unique

MARKER = "request-refused-422"
ENTRY = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
LARGEST = 1_048_576


def put(side, *changes, **request):
    """Put an event for each of `changes`, and tell which of them got to a queue."""
    bus = unique("bus")
    side.events.create_event_bus(Name=bus)
    queue = side.sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    arn = side.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    side.events.put_rule(Name=bus, EventBusName=bus, EventPattern=json.dumps({"account": ["000000000000"]}))
    side.events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
    answer = call(
        side,
        "events",
        "PutEvents",
        {"Entries": [{**ENTRY, "EventBusName": bus, **each} for each in changes], **request},
    )
    messages = side.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return answer, [json.loads(message["Body"]) for message in messages]


def required(name):
    return {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
    }


MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
FAILED = {
    "source": ({"Source": ""}, required("Source")),
    "type": ({"DetailType": ""}, required("DetailType")),
    "detail": ({"Detail": ""}, required("Detail")),
    "broken": ({"Detail": "{"}, MALFORMED),
    "array": ({"Detail": "[]"}, MALFORMED),
    "string": ({"Detail": '"a"'}, MALFORMED),
    "constant": ({"Detail": '{"a": NaN}'}, MALFORMED),
    "nested": ({"Detail": "[" * 100_000}, MALFORMED),
}
ENDPOINT = {"EndpointId": MARKER}
TOO_LARGE = {"Detail": json.dumps({"a": "x" * LARGEST})}


@pytest.mark.parametrize("change", [change for change, _ in FAILED.values()], ids=FAILED)
def test_the_bare_emulator_accepts_it(bare, change):
    answer, _ = put(bare, change)

    assert answer.json()["FailedEntryCount"] == 0


@pytest.mark.parametrize(("change", "request_"), [({}, ENDPOINT), (TOO_LARGE, {})], ids=["endpoint", "size"])
def test_the_bare_emulator_accepts_the_request(bare, change, request_):
    answer, _ = put(bare, change, **request_)

    assert answer.json()["FailedEntryCount"] == 0


@pytest.mark.parametrize(("change", "error"), FAILED.values(), ids=FAILED)
def test_it_fails_in_an_answer_of_200_and_goes_nowhere(closed, change, error):
    answer, received = put(closed, change)

    assert answer.status_code == 200
    assert answer.json() == {"FailedEntryCount": 1, "Entries": [error]}
    assert received == []


def test_the_other_entries_of_a_request_are_accepted_and_answered_in_their_place(closed):
    answer, received = put(closed, {"Detail": "{"}, {"Source": "aws.s3"}, {"Detail": '{"n": 1}'})

    result = answer.json()
    assert result["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in result["Entries"]] == [
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        None,
    ]
    assert [(event["id"], event["detail"]) for event in received] == [(result["Entries"][2]["EventId"], {"n": 1})]


def test_an_impossible_endpoint_is_refused_by_name(closed):
    answer, received = put(closed, {}, **ENDPOINT)

    assert refusal(answer) == (
        "ValidationException",
        (
            f"1 validation error detected: Value '{MARKER}' at 'endpointId' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: ^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$"
        ),
    )
    assert received == []


def test_events_that_are_too_large_together_are_refused(closed):
    half = {"Detail": json.dumps({"a": "x" * (LARGEST // 2)})}

    answer, received = put(closed, half, half)

    assert refusal(answer) == ("ValidationException", "Total size of the entries in the request is over the limit.")
    assert received == []
