"""Who reads: the lanes that a mapping has on each shard, and how far each of them is."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from ministack.services import lambda_svc

from storage_first.local.gaps.stream_mappings.shards import Shard, shards_of

# The emulator saves and restores these with the mappings, and forgets them with a mapping: a list of positions, one
# for each lane, by shard, by mapping.
_positions: Final = lambda_svc._kinesis_positions
_starting_timestamp: ContextVar[float | None] = ContextVar("storage_first_starting_timestamp", default=None)


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One of the readers that a mapping has on a shard, as many as its ParallelizationFactor.

    Each key of the stream belongs to one of them, so that the records of a key stay in order.

    Attributes:
        mapping: The event source mapping.
        function: The function that it calls.
        shard: What is read.
        index: Which of the readers this is.
        count: How many there are.
    """

    mapping: dict[str, Any]
    function: dict[str, Any]
    shard: Shard
    index: int
    count: int

    @property
    def id(self) -> str:
        """What names the lane, among all lanes of all mappings."""
        return f"{self.mapping['UUID']}/{self.shard.id}/{self.index}"

    def owns(self, key: str) -> bool:
        """Whether records with this key are for this lane."""
        return self.count == 1 or zlib.crc32(key.encode("utf-8", "surrogatepass")) % self.count == self.index

    def position(self) -> int:
        """How far the lane is."""
        return int(_positions[self.mapping["UUID"]][self.shard.id][self.index])

    def advance(self, position: int) -> None:
        """Go on from `position` next time; nothing happens if the mapping was deleted or divided anew meanwhile."""
        row = _positions.get(self.mapping["UUID"], {}).get(self.shard.id, ())
        if len(row) == self.count:
            row[self.index] = position


def lanes_of(mapping: dict[str, Any]) -> Iterator[Lane]:
    """The lanes of a mapping that is enabled and has its stream and its function."""
    rows = _positions.get(mapping["UUID"])
    if rows is None or str(mapping.get("Enabled", True)).lower() == "false":
        return
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None:
        return
    count = int(mapping.get("ParallelizationFactor") or 1)
    for shard in shards_of(mapping["EventSourceArn"], function):
        # A shard that is new since the mapping was made is read from its beginning on.
        row = rows.setdefault(shard.id, [0] * count)
        if len(row) != count:
            rows[shard.id] = [min(row)] * count
        for index in range(count):
            yield Lane(mapping=mapping, function=function, shard=shard, index=index, count=count)


def anchor(mapping_id: str, source: str, starting: str) -> None:
    """Note where a new mapping starts, so that what is written from now on is read."""
    if ":sqs:" not in source:
        _positions[mapping_id] = {
            shard.id: [_start(shard, starting, _starting_timestamp.get())] for shard in shards_of(source, {})
        }


def with_stream_settings(create: Callable[..., Any]) -> Callable[..., Any]:
    """Heed the settings for streams that the emulator drops when it makes a mapping.

    `create` takes the mapping's properties as its only argument, or, for CloudFormation, as its second.
    """

    def create_with_settings(*arguments: Any) -> Any:
        before: Sequence[Any] = arguments[:-1][:1]
        properties = arguments[len(before)]
        if ":sqs:" not in str(properties.get("EventSourceArn")):
            properties = {"BatchSize": 100, **properties}
        timestamp = properties.get("StartingPositionTimestamp")
        token = _starting_timestamp.set(None if timestamp is None else float(timestamp))
        try:
            return create(*before, properties, *arguments[len(before) + 1 :])
        finally:
            _starting_timestamp.reset(token)

    return create_with_settings


def _start(shard: Shard, starting: str, timestamp: float | None) -> int:
    if starting == "LATEST":
        return shard.end()
    if starting != "AT_TIMESTAMP" or timestamp is None:
        return 0
    older = takewhile(lambda entry: entry.arrived < timestamp, shard.entries(0, lambda _: True))
    return max((entry.after for entry in older), default=0)
