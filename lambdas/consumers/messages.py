"""What a queue or a stream delivers, as the input of an execution."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from collections.abc import Mapping


class NotJsonError(Exception):
    """A message that no execution can take; only a person can tell what to do with it."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a queue, or one record of a stream.

    Attributes:
        item: What a partial batch response calls it.
        id: The same however often it is delivered, and fit to be the name of an execution.
        key: The message group or partition key; None if it has none.
        record: As it was delivered.
    """

    item: str
    id: str
    key: str | None
    record: Mapping[str, Any]

    @property
    def is_fifo(self) -> bool:
        """Whether those behind it must wait for it."""
        return "MessageGroupId" in self.record.get("attributes", {})

    @property
    def is_stream(self) -> bool:
        """Whether it is a record of a stream."""
        return "kinesis" in self.record

    def execution_input(self) -> str:
        """Wrap the body, untouched, in what an execution is told about it.

        Raises:
            NotJsonError: If the body is not JSON.
        """
        known = json.dumps({"id": self.id, "key": self.key}, separators=(",", ":"))
        # Embedded as text: parsing and writing it again would change numbers and the order of equal keys.
        return f'{known[:-1]},"body":{_json(self._text())}}}'

    def _text(self) -> str:
        if not self.is_stream:
            text: str = self.record["body"]
            return text
        try:
            return base64.b64decode(self.record["kinesis"]["data"]).decode()
        except UnicodeDecodeError as error:
            raise NotJsonError(f"The record is not UTF-8: {error}.") from error


def read(record: Mapping[str, Any]) -> Message:
    """Tell what a record of an event source mapping's event delivers."""
    if "kinesis" in record:
        kinesis = record["kinesis"]
        # Shard and sequence number, with a colon between them, which no execution's name may have.
        id = record["eventID"].replace(":", "-")  # noqa: A001  (its name in an execution's input)
        return Message(item=kinesis["sequenceNumber"], id=id, key=kinesis["partitionKey"], record=record)
    group = record.get("attributes", {}).get("MessageGroupId")
    return Message(item=record["messageId"], id=record["messageId"], key=group, record=record)


def _json(text: str) -> str:
    """Refuse what is not one JSON value, so that nothing in it can pass for a field beside it."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"The body is not JSON: {error}.") from error
    return text


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON value")
