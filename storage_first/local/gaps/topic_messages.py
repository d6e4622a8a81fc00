"""SNS refuses a message that is empty, too large, or has attributes or ids that it does not take, in SNS's own words.

The emulator takes the attributes, and an empty message, and refuses the ids of a FIFO topic with a code that SNS does
not have (`InvalidParameterException`; SNS says `InvalidParameter`). A FIFO topic that CloudFormation made it takes for
a standard one.
"""

from collections.abc import Iterator
from typing import Any, Final

from ministack.services import sns

from storage_first.local.gaps.constraints import missing, validation_message
from storage_first.local.gaps.queue_messages import is_number

_TYPES: Final = ("Binary", "Number", "String")


def close() -> None:
    """Let Publish look at the whole message, and know a FIFO topic by its name, which ends in `.fifo`."""
    sns._is_fifo_topic = lambda topic: topic["arn"].endswith(".fifo")
    publish = sns._publish

    def publish_valid(params: dict[str, Any]) -> Any:
        for code, problem in _problems(params):
            return sns._error(code, problem, 400)
        return publish(params)

    sns._publish = publish_valid


def _problems(params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    message = sns._p(params, "Message")
    attributes = sns._parse_message_attributes(params)
    if not message:
        yield "InvalidParameter", "Invalid parameter: Empty message"
    for name, attribute in attributes.items():
        yield from _attribute_problems(name, attribute)
    if sns._message_payload_size(message, attributes) > sns._SNS_MAX_PAYLOAD_BYTES:
        yield "InvalidParameter", "Invalid parameter: Message too long"
    topic = sns._topic_by_arn_any_scope(sns._normalize_arn(sns._p(params, "TopicArn") or sns._p(params, "TargetArn")))
    if topic:
        yield from (("InvalidParameter", f"Invalid parameter: {problem}") for problem in _id_problems(topic, params))


def _attribute_problems(name: str, attribute: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not attribute["DataType"]:
        yield "ValidationError", validation_message([missing(f"messageAttributes.{name}.member.dataType")])
        return
    kind = attribute["DataType"].partition(".")[0]
    value = attribute.get("StringValue") or attribute.get("BinaryValue")
    if kind not in _TYPES:
        problem = "has an invalid message attribute type, the set of supported type prefixes is "
        yield "ParameterValueInvalid", f"The message attribute '{name}' {problem}Binary, Number, and String."
    elif not value:
        problem = f"must contain non-empty message attribute value for message attribute type '{kind}'."
        yield "ParameterValueInvalid", f"The message attribute '{name}' {problem}"
    elif kind == "Number" and not is_number(value):
        yield "ParameterValueInvalid", f"Could not cast message attribute '{name}' value to number."


def _id_problems(topic: dict[str, Any], params: dict[str, Any]) -> Iterator[str]:
    deduplicated = bool(sns._p(params, "MessageDeduplicationId"))
    if not sns._is_fifo_topic(topic):
        if deduplicated:
            reason = "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
            yield f"MessageDeduplicationId Reason: {reason}"
        return
    if not sns._p(params, "MessageGroupId"):
        yield "The MessageGroupId parameter is required for FIFO topics"
    if not deduplicated and topic["attributes"].get("ContentBasedDeduplication") != "true":
        yield (
            "The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
