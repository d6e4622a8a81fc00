"""What a mapping reads: the shards of a DynamoDB stream and of a Kinesis stream, seen alike."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, kinesis, lambda_svc

_DYNAMODB_SHARD: Final = "shardId-00000000000000000000-00000000"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A record in a shard.

    Attributes:
        event: The record as a function gets it.
        sequence_number: Its number in the stream.
        arrived: When it was written, in seconds since the epoch.
        after: Where a reader is that is done with it.
    """

    event: dict[str, Any]
    sequence_number: str
    arrived: float
    after: int


class Shard(Protocol):
    """A part of a stream whose records are in order.

    A position in it is a number that grows along the shard; 0 is before its first record.

    Attributes:
        id: The shard's id.
        batch_info: What on-failure records call the description of a batch.
        precision: How exactly on-failure records tell when a record arrived.
    """

    id: str
    batch_info: str
    precision: str

    def end(self) -> int:
        """The position behind the newest record."""
        ...

    def entries(self, position: int, owns: Callable[[str], bool]) -> Iterator[Entry]:
        """The records behind `position` whose key `owns` tells to be the reader's."""
        ...


def shards_of(source: str, function: dict[str, Any]) -> Sequence[Shard]:
    """The shards of the stream with the ARN `source`, or none if there is no such stream.

    Args:
        source: The ARN of a table's stream, of a Kinesis stream or of one of its consumers.
        function: The function that reads, whose role the records of Kinesis name.
    """
    try:
        arn = parse_arn(source)
    except ArnParseError:
        return ()
    if arn.service == "dynamodb" and (arn.account_id, arn.region) == (get_account_id(), get_region()):
        found = lambda_svc._dynamodb_stream_table_from_arn_spec(arn)
        table = dynamodb._tables.get(found[0]) if found else None
        return (_DynamoDbShard(table["TableName"]),) if table and table.get("LatestStreamArn") == source else ()
    if arn.service == "kinesis" and arn.resource.startswith("stream/"):
        stream = kinesis._streams.get_scoped(arn.account_id, arn.region, arn.resource.split("/")[1])
        if stream and stream["StreamStatus"] == "ACTIVE":
            return [_KinesisShard(name, shard, stream, function) for name, shard in stream["shards"].items()]
    return ()


class _DynamoDbShard:
    """A table's stream: the emulator keeps it in one shard. A position is the number of records before it."""

    id = _DYNAMODB_SHARD
    batch_info = "DDBStreamBatchInfo"
    precision = "seconds"

    def __init__(self, table: str) -> None:
        self._table = table

    def end(self) -> int:
        return int(dynamodb.stream_end_position(self._table))

    def entries(self, position: int, owns: Callable[[str], bool]) -> Iterator[Entry]:
        first = max(position, int(dynamodb.stream_start_position(self._table)))
        records = dynamodb.stream_records_since(self._table, first, self.end() - first)
        for index, record in enumerate(records, first):
            change = record["dynamodb"]
            if owns(json.dumps(change["Keys"], sort_keys=True)):
                yield Entry(
                    event=record,
                    sequence_number=str(change["SequenceNumber"]),
                    arrived=float(change["ApproximateCreationDateTime"]),
                    after=index + 1,
                )


class _KinesisShard:
    """A shard of a Kinesis stream. A position is the sequence number of the record before it."""

    batch_info = "KinesisBatchInfo"
    precision = "milliseconds"

    def __init__(self, id: str, shard: dict[str, Any], stream: dict[str, Any], function: dict[str, Any]) -> None:
        self.id = id
        self._shard = shard
        self._stream = stream["StreamARN"]
        self._role = (function.get("config") or function).get("Role", "")

    def end(self) -> int:
        records = self._shard["records"]
        return _number(records[-1]) if records else 0

    def entries(self, position: int, owns: Callable[[str], bool]) -> Iterator[Entry]:
        records = self._shard["records"]
        for index in range(bisect_right(records, position, key=_number), len(records)):
            record = records[index]
            if owns(record["PartitionKey"]):
                yield Entry(
                    event=self._event(record),
                    sequence_number=record["SequenceNumber"],
                    arrived=float(record["ApproximateArrivalTimestamp"]),
                    after=_number(record),
                )

    def _event(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": kinesis._ensure_base64(record["Data"]),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self.id}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._role,
            "awsRegion": get_region(),
            "eventSourceARN": self._stream,
        }


def _number(record: dict[str, Any]) -> int:
    return int(record["SequenceNumber"])
