"""The jobs table with its stream."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.lifecycle import dynamodb
from tests.lifecycle.app import TABLE
from tests.lifecycle.clock import Clock
from tests.lifecycle.history import History, Image

Record = Mapping[str, Any]


class Table:
    """Writes items, and tells of every change: to the history that judges it, and to the stream.

    Attributes:
        by_retry: Whether what is written now is what a caller's retry asks for.
    """

    def __init__(self, schema: Mapping[str, Any], clock: Clock, history: History) -> None:
        self._clock = clock
        self._history = history
        self.by_retry = False
        self.stream = Stream()
        dynamodb.call("CreateTable", schema)

    def drop(self) -> None:
        dynamodb.call("DeleteTable", {"TableName": TABLE})

    def __call__(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "Query" and self._is_empty(arguments):
            return {"Items": [], "Count": 0}
        if operation != "UpdateItem":
            return dynamodb.call(operation, arguments)
        key = arguments["Key"]["pk"]["S"]
        old = self.item(key)
        try:
            return dynamodb.call(operation, arguments)
        finally:
            self._tell(key, old)

    def item(self, key: str) -> Image | None:
        return dynamodb.item(key)

    def items(self) -> list[Image]:
        """All jobs that there are."""
        return [item for item in dynamodb.items() if "input" in item]

    def reap(self, key: str) -> None:
        """Delete an item if it has expired, as DynamoDB does some time after."""
        old = self.item(key)
        if old and "expiresAt" in old and int(old["expiresAt"]["N"]) <= self._clock.epoch:
            dynamodb.call("DeleteItem", {"TableName": TABLE, "Key": {"pk": {"S": key}}})
            self._tell(key, old)

    def _is_empty(self, query: Mapping[str, Any]) -> bool:
        """Tell of a part of the index of open jobs whether it is empty: it has ten, and the emulator takes its time."""
        shard = query["ExpressionAttributeValues"].get(":shard")
        return shard is not None and not any(item.get("open") == shard for item in self.items())

    def _tell(self, key: str, old: Image | None) -> None:
        new = self.item(key)
        if new == old:
            return
        self.stream.add(key, old, new)
        if new is not None and "input" in new:
            self._history.add(old, new, by_retry=self.by_retry)


@dataclass
class Stream:
    """The records of each key in their order, as far as they are still to be read.

    Attributes:
        lanes: The records that are still to be read, by key.
        read: Those that were read, which may come again.
        lost: Those that were given up: their numbers are in the dead-letter queue.
    """

    lanes: dict[str, list[Record]] = field(default_factory=dict)
    read: list[Record] = field(default_factory=list)
    lost: list[Record] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100_000))

    def add(self, key: str, old: Image | None, new: Image | None) -> None:
        """Add the record of a change, if the mapping's filter lets it through: jobs that were stored or changed."""
        if new is None or "input" not in new:
            return
        change = {"SequenceNumber": str(next(self._numbers)), "Keys": {"pk": {"S": key}}, "NewImage": new}
        if old is not None:
            change["OldImage"] = old
        record = {"eventName": "MODIFY" if old else "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}
        self.lanes.setdefault(key, []).append(record)

    def next_batch(self, keys: Sequence[str], most: int) -> list[Record]:
        """Take what comes next of some keys, one key after the other, and leave it there."""
        return [record for key in keys for record in self.lanes.get(key, [])[:most]]

    def finish(self, records: Sequence[Record], *, lost: bool = False) -> None:
        """Take records out, as read or as given up."""
        for record in records:
            self.lanes[record["dynamodb"]["Keys"]["pk"]["S"]].remove(record)
            (self.lost if lost else self.read).append(record)

    @property
    def waiting(self) -> list[str]:
        return [key for key, records in self.lanes.items() if records]
