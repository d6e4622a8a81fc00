"""SQS refuses a message whose attributes, ids or size it does not take, and says which value it was.

The emulator looks at the body only: it stores attributes of no type SQS knows, or without a value, leaves them out of
the message's size, and takes any text as a message group or deduplication id. The wording is that of SQS since its
JSON protocol; for the type of an attribute, it used to be "The message attribute 'x' has an invalid message attribute
type, ...", as SNS still says.
"""

import string
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ministack.services import sqs

_TYPES: Final = ("Binary", "Number", "String")
_ID_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + string.punctuation)
_LONGEST_ID: Final = 128


def close() -> None:
    """Let SendMessage and SendMessageBatch look at the whole message."""
    send = sqs._act_send_message

    def send_valid(data: dict[str, Any], url: str) -> Any:
        queue = sqs._get_q(data.get("QueueUrl", url))
        for problem in _problems(data, queue):
            raise sqs._Err("InvalidParameterValue", problem)
        return send(data, url)

    sqs._act_send_message = send_valid
    sqs._HANDLERS["SendMessage"] = send_valid


def size(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """How many bytes of SQS's limit a message takes: its body, and the names, types and values of its attributes."""
    texts = [body]
    for name, attribute in attributes.items():
        texts += [name, attribute.get("DataType") or "", str(_value(attribute) or "")]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def is_number(text: str) -> bool:
    """Whether SQS and SNS take `text` as the value of a Number."""
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _problems(data: dict[str, Any], queue: dict[str, Any]) -> Iterator[str]:
    attributes = data.get("MessageAttributes") or {}
    for name, attribute in attributes.items():
        yield from _attribute_problems(name, attribute)
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        id = data.get(name)  # noqa: A001 - SQS's own term
        if id is not None and (not 1 <= len(id) <= _LONGEST_ID or not _ID_CHARACTERS.issuperset(id)):
            reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            yield f"Value {id} for parameter {name} is invalid. Reason: {reason}"
    if not queue["is_fifo"] and (id := data.get("MessageDeduplicationId")):  # noqa: A001 - likewise
        reason = "The request include parameter that is not valid for this queue type."
        yield f"Value {id} for parameter MessageDeduplicationId is invalid. Reason: {reason}"
    limit = int(queue["attributes"].get("MaximumMessageSize", "1048576"))
    if size(data.get("MessageBody", ""), attributes) > limit:
        yield f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."


def _attribute_problems(name: str, attribute: Mapping[str, Any]) -> Iterator[str]:
    kind = (attribute.get("DataType") or "").partition(".")[0]
    if kind not in _TYPES:
        yield (
            f"The type of message (user) attribute '{name}' is invalid. "
            f"You must use only the following supported type prefixes: {', '.join(_TYPES)}."
        )
    elif not _value(attribute):
        yield f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
    elif kind == "Number" and not is_number(str(_value(attribute))):
        yield f"Can't cast the value of message (user) attribute '{name}' to a number."


def _value(attribute: Mapping[str, Any]) -> Any:
    return attribute.get("StringValue") or attribute.get("BinaryValue")
