"""Dead letters as people and as programs read them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from storage_first.console import harmless, one_line
from storage_first.dlq.hand import Message
from storage_first.dlq.streams import DiscardedBatch, discarded_batch

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_INDENT: Final = "  "
_DEEPEST: Final = 20  # deeper than that, indentation shows nothing any more
# What Lambda (asynchronous invocation) and EventBridge say in a message's attributes about why it is here.
_ERRORS: Final = (
    ("ErrorCode", "ErrorMessage"),
    ("ERROR_CODE", "ERROR_MESSAGE"),
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One dead letter.

    Attributes:
        id: A message's id, or an object's key.
        source: The ARN of what it came from, if known.
        error: Why it was given up, if known.
        received: How often it was received, if that is counted.
        first_received: When it was first received, if that is known.
        body: What it holds.
        attributes: What SQS knows of it.
        message_attributes: What its sender gave with it.
    """

    id: str
    source: str | None
    error: str | None
    received: int | None
    first_received: datetime | None
    body: str
    attributes: Mapping[str, str]
    message_attributes: Mapping[str, Any]


def of_message(message: Message) -> Letter:
    """The letter that a message is."""
    batch = discarded_batch(message.body)
    first = int(message.attributes.get("ApproximateFirstReceiveTimestamp") or 0)
    return Letter(
        id=message.id,
        source=message.source or (batch.stream if batch else None),
        error=_told(batch) if batch else _error_of(message.message_attributes),
        received=int(message.attributes.get("ApproximateReceiveCount", 0)),
        first_received=datetime.fromtimestamp(first / 1000, UTC) if first else None,
        body=message.body,
        attributes=message.attributes,
        message_attributes=message.message_attributes,
    )


def of_object(key: str, text: str) -> Letter:
    """The letter that an object in a bucket of discarded batches is."""
    batch = discarded_batch(text)
    return Letter(
        id=key,
        source=batch.stream if batch else None,
        error=_told(batch) if batch else None,
        received=None,
        first_received=None,
        body=text,
        attributes={},
        message_attributes={},
    )


def as_text(letter: Letter) -> str:
    """A letter on several lines, safe to print on a terminal."""
    return "\n".join(_lines(letter))


def as_json(letter: Letter) -> dict[str, Any]:
    """A letter as JSON: all of it, unchanged; binary values in base64."""
    return {
        "id": letter.id,
        "source": letter.source,
        "error": letter.error,
        "received": letter.received,
        "firstReceived": letter.first_received.isoformat() if letter.first_received else None,
        "body": letter.body,
        "attributes": dict(letter.attributes),
        "messageAttributes": {
            name: {"type": each["DataType"], "value": _value(each)} for name, each in letter.message_attributes.items()
        },
    }


def indented(text: str) -> str:
    """JSON on several lines, with every token as it is; `text` itself if it is no JSON.

    Reading and writing it anew would change what an operator has to see: large numbers, and keys that occur twice.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    parts = _TOKEN.findall(text)
    written: list[str] = []
    depth = 0
    for number, part in enumerate(parts):
        before = parts[number - 1] if number else ""
        if part in "]}":
            depth -= 1
        if (part in "]}" and before not in "[{") or before == "," or (before in ("[", "{") and part not in "]}"):
            written.append("\n" + _INDENT * min(depth, _DEEPEST))
        written.append(f"{part} " if part == ":" else part)
        if part in "[{":
            depth += 1
    return "".join(written)


def _lines(letter: Letter) -> Iterator[str]:
    yield harmless(letter.id)
    facts = {
        "from": letter.source,
        "error": letter.error,
        "received": f"{letter.received} times" if letter.received is not None else None,
        "first received": f"{letter.first_received:%Y-%m-%d %H:%M:%S} UTC" if letter.first_received else None,
        "group": letter.attributes.get("MessageGroupId"),
    }
    for name, fact in facts.items():
        if fact is not None:
            yield f"  {name}: {one_line(fact)}"
    for name, each in sorted(letter.message_attributes.items()):
        yield f"  attribute {one_line(name)} ({one_line(each['DataType'])}): {one_line(_value(each))}"
    yield from (f"    {line}" for line in harmless(indented(letter.body)).split("\n"))


def _value(attribute: Mapping[str, Any]) -> str:
    if "BinaryValue" in attribute:
        return base64.b64encode(attribute["BinaryValue"]).decode()
    return str(attribute.get("StringValue", ""))


def _error_of(attributes: Mapping[str, Any]) -> str | None:
    for names in _ERRORS:
        said = [_value(attributes[name]) for name in names if name in attributes]
        if said:
            return ": ".join(said)
    return None


def _told(batch: DiscardedBatch) -> str:
    records = "1 record" if batch.size == 1 else f"{batch.size} records"
    return f"{batch.condition} in {batch.function.split(':', 6)[-1]}, {records}"
