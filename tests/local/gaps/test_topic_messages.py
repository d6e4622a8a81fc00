import pytest

from tests.local.gaps.wire import query, xml_refusal
from tests.local.sides import unique

MARKER = "request-refused-422"


def publish(side, *, fifo=False, message="hello", attribute=None, **more):
    """Publish to a topic with a queue, and tell whether the message got there."""
    kind = {"FifoTopic": "true"} if fifo else {}
    suffix = ".fifo" if fifo else ""
    topic = side.sns.create_topic(Name=unique("topic") + suffix, Attributes=kind)["TopicArn"]
    queue = side.sqs.create_queue(QueueName=unique("queue") + suffix, Attributes={"FifoQueue": "true"} if fifo else {})[
        "QueueUrl"
    ]
    arn = side.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    side.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    for field, value in zip(("Name", "Value.DataType", "Value.StringValue"), attribute or (), strict=False):
        more[f"MessageAttributes.entry.1.{field}"] = value
    answer = query(side, "sns", "", Action="Publish", TopicArn=topic, Message=message, **more)
    return answer, bool(side.sqs.receive_message(QueueUrl=queue).get("Messages"))


TYPES = "the set of supported type prefixes is Binary, Number, and String."
REFUSED = {
    "type": (
        {"attribute": (MARKER, "refuse", "v")},
        "ParameterValueInvalid",
        f"The message attribute '{MARKER}' has an invalid message attribute type, {TYPES}",
    ),
    "no type": (
        {"attribute": ("a", "", "v")},
        "ValidationError",
        (
            "1 validation error detected: Value null at 'messageAttributes.a.member.dataType' failed to satisfy "
            "constraint: Member must not be null"
        ),
    ),
    "no value": (
        {"attribute": ("a", "String")},
        "ParameterValueInvalid",
        "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.",
    ),
    "number": (
        {"attribute": ("a", "Number", "x")},
        "ParameterValueInvalid",
        "Could not cast message attribute 'a' value to number.",
    ),
    "empty": ({"message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
    "standard": (
        {"MessageDeduplicationId": "d"},
        "InvalidParameter",
        (
            "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
            "that is not valid for this topic type"
        ),
    ),
}


@pytest.mark.parametrize("request_", [request for request, *_ in REFUSED.values()], ids=REFUSED)
def test_the_bare_emulator_publishes_it(bare, request_):
    answer, published = publish(bare, **request_)

    assert (answer.status_code, published) == (200, True)


@pytest.mark.parametrize(("request_", "code", "says"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_by_name_and_not_published(closed, request_, code, says):
    answer, published = publish(closed, **request_)

    assert xml_refusal(answer) == (code, says)
    assert not published


FIFO = [({"MessageDeduplicationId": "d"}, "MessageGroupId parameter"), ({"MessageGroupId": "g"}, "topic should either")]


@pytest.mark.parametrize(("request_", "says"), FIFO, ids=["group", "deduplication"])
def test_the_bare_emulator_refuses_a_fifo_message_with_a_code_of_its_own(bare, request_, says):
    answer, _ = publish(bare, fifo=True, **request_)

    assert xml_refusal(answer)[0] == "InvalidParameterException"


@pytest.mark.parametrize(("request_", "says"), FIFO, ids=["group", "deduplication"])
def test_a_fifo_message_without_its_ids_is_refused(closed, request_, says):
    answer, published = publish(closed, fifo=True, **request_)

    code, message = xml_refusal(answer)
    assert code == "InvalidParameter"
    assert message.startswith(f"Invalid parameter: The {says}")
    assert not published


def publish_to_made(side):
    """Publish to a FIFO topic that CloudFormation made, with a group and without a deduplication id."""
    topic = {
        "Type": "AWS::SNS::Topic",
        "Properties": {"TopicName": unique("topic") + ".fifo", "FifoTopic": True},
    }
    arn = side.stack({"Topic": topic})("Topic")
    return query(side, "sns", "", Action="Publish", TopicArn=arn, Message="hello", MessageGroupId="g")


def test_the_bare_emulator_takes_a_fifo_topic_of_a_template_for_a_standard_one(bare):
    assert publish_to_made(bare).status_code == 200


def test_a_fifo_topic_of_a_template_is_one(closed):
    code, message = xml_refusal(publish_to_made(closed))

    assert code == "InvalidParameter"
    assert message.startswith("Invalid parameter: The topic should either have ContentBasedDeduplication")


def test_the_bare_emulator_words_the_limit_in_another_way(bare):
    answer, _ = publish(bare, message="x" * 262_145)

    assert "Maximum size" in xml_refusal(answer)[1]


def test_a_message_that_is_too_large_is_refused(closed):
    answer, published = publish(closed, message="x" * 262_145)

    assert xml_refusal(answer) == ("InvalidParameter", "Invalid parameter: Message too long")
    assert not published


@pytest.mark.parametrize(
    "request_",
    [
        {"attribute": ("a", "String.Array", '["v"]')},
        {"attribute": ("a", "Number", "-1.5e3")},
        {"fifo": True, "MessageGroupId": "g", "MessageDeduplicationId": "d"},
        {"message": "x" * 262_144},
    ],
    ids=["array", "number", "fifo", "largest"],
)
def test_what_the_rules_allow_is_published(closed, request_):
    answer, published = publish(closed, **request_)

    assert (answer.status_code, published) == (200, True)
