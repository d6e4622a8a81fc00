"""Batches that a Lambda stream mapping discarded, and the way to have their records processed again.

A mapping's on-failure destination gets an invocation record. In an S3 bucket it holds the whole batch; an SQS queue
gets only the place of the batch in its stream, so the records are read again from there, for as long as the stream
retains them: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

Records of a Kinesis stream are put back into it, under the same partition keys. Nothing can be put into a DynamoDB
stream but by changing the table: there, the function gets the records a second time, as the mapping gave them to it.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from storage_first.dlq.batches import Refusal, chunks, insist, waves
from storage_first.dlq.errors import code_of
from storage_first.dlq.filters import UnknownRuleError, passes
from storage_first.dlq.place import Place

_INFO: Final = ("KinesisBatchInfo", "DDBStreamBatchInfo")
_MOST_RECORDS: Final = 500  # of one PutRecords
_MOST_BYTES: Final = 10 * 1024 * 1024  # likewise
_PAGE: Final = 1000
_GONE: Final = frozenset(
    {"ResourceNotFoundException", "TrimmedDataAccessException", "InvalidArgumentException", "ValidationException"}
)


class StaysError(Exception):
    """Something cannot be sent again and stays where it is; the message says why."""


@dataclass(frozen=True, kw_only=True)
class DiscardedBatch:
    """What a mapping gave up.

    Attributes:
        stream: The stream's ARN.
        shard: The id of the batch's shard.
        start: The sequence number of its first record.
        end: The sequence number of its last record.
        size: How many records it had.
        function: The ARN of the function that failed.
        condition: Why it was given up, for example `RetryAttemptsExhausted`.
        records: The records as the function got them, or `None` if only the stream has them.
    """

    stream: str
    shard: str
    start: str
    end: str
    size: int
    function: str
    condition: str
    records: Sequence[Mapping[str, Any]] | None

    @property
    def of_kinesis(self) -> bool:
        """Whether the stream is a Kinesis stream."""
        return self.stream.split(":")[2] == "kinesis"


def discarded_batch(text: str) -> DiscardedBatch | None:
    """Read an invocation record of a stream mapping; `None` if `text` is something else."""
    try:
        record = json.loads(text)
        info = next(record[name] for name in _INFO if name in record)
        payload = record.get("payload")
        if isinstance(payload, str):
            payload = json.loads(payload)
        return DiscardedBatch(
            # A consumer with enhanced fan-out reads the same stream.
            stream=str(info["streamArn"]).partition("/consumer/")[0],
            shard=info["shardId"],
            start=info["startSequenceNumber"],
            end=info["endSequenceNumber"],
            size=int(info["batchSize"]),
            function=record["requestContext"]["functionArn"],
            condition=record["requestContext"]["condition"],
            records=payload["Records"] if payload is not None else None,
        )
    except (KeyError, StopIteration, TypeError, ValueError, RecursionError):
        return None


def stream_mappings(place: Place) -> list[dict[str, Any]]:
    """The event source mappings that read a stream and have an on-failure destination."""
    pages = place.client("lambda").get_paginator("list_event_source_mappings").paginate()
    mappings = (mapping for page in pages for mapping in page["EventSourceMappings"])
    return [mapping for mapping in mappings if _reads_stream(mapping) and destination_of(mapping)]


def destination_of(mapping: Mapping[str, Any]) -> str | None:
    """The ARN of a mapping's on-failure destination."""
    on_failure = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
    return on_failure.get("Destination") or None


def _reads_stream(mapping: Mapping[str, Any]) -> bool:
    return str(mapping.get("EventSourceArn", "")).split(":")[2:3] in (["kinesis"], ["dynamodb"])


class StreamSender:
    """Has discarded batches processed again."""

    def __init__(self, place: Place) -> None:
        """Send to the streams and functions of `place`."""
        self._place = place
        self._invoker: Any = None
        self._mappings: list[dict[str, Any]] | None = None

    def send(self, batch: DiscardedBatch) -> int:
        """Send all records of `batch` again, and return how many they are.

        Raises:
            StaysError: If any of them was not accepted; some may have been.
            ClientError: If AWS refuses the whole.
        """
        if batch.of_kinesis:
            records = _from_payload(batch) if batch.records is not None else self._from_kinesis(batch)
            self._put(batch.stream, records)
            return len(records)
        events = batch.records if batch.records is not None else self._from_dynamodb(batch)
        if events:
            self._invoke(batch.function, events)
        return len(events)

    def _put(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Put records in their order: those of one partition key one after the other, each after the last's receipt."""
        kinesis = self._place.client("kinesis")

        def put(some: Sequence[tuple[str, bytes]]) -> dict[int, Refusal]:
            entries = [{"PartitionKey": key, "Data": data} for key, data in some]
            answers = kinesis.put_records(StreamARN=stream, Records=entries)["Records"]
            return {
                number: Refusal(answer["ErrorCode"], answer.get("ErrorMessage", ""), final=False)
                for number, answer in enumerate(answers)
                if answer.get("ErrorCode")
            }

        for wave in waves(records, lambda record: record[0]):
            for chunk in chunks(wave, _size, most=_MOST_RECORDS, most_bytes=_MOST_BYTES):
                for _, refusal in insist(chunk, put):
                    raise StaysError(f"{_name(stream)} refuses a record: {refusal}")

    def _invoke(self, function: str, records: Sequence[Mapping[str, Any]]) -> None:
        if self._invoker is None:
            self._invoker = self._place.invoker()
        answer = self._invoker.invoke(FunctionName=function, Payload=json.dumps({"Records": records}).encode())
        result = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            reason = (result or {}).get("errorMessage") or answer["FunctionError"]
            raise StaysError(f"{_name(function)} failed again: {reason}")
        failures = result.get("batchItemFailures") if isinstance(result, dict) else None
        if failures:
            raise StaysError(f"{_name(function)} still reports failed records")

    def _from_kinesis(self, batch: DiscardedBatch) -> list[tuple[str, bytes]]:
        kinesis = self._place.client("kinesis")
        read = _read(kinesis, batch, {"StreamARN": batch.stream, "StartingSequenceNumber": batch.start})
        found = _complete(batch, ((record["SequenceNumber"], record) for record in read))
        return [(record["PartitionKey"], record["Data"]) for record in found]

    def _from_dynamodb(self, batch: DiscardedBatch) -> list[dict[str, Any]]:
        streams = self._place.client("dynamodbstreams")
        read = _read(streams, batch, {"StreamArn": batch.stream, "SequenceNumber": batch.start})
        found = _complete(batch, ((record["dynamodb"]["SequenceNumber"], record) for record in read))
        patterns = self._patterns(batch)
        events = [_as_event_of(batch.stream, record) for record in found]
        try:
            return [event for event in events if passes(patterns, event)]
        except UnknownRuleError as rule:
            raise StaysError(f"the mapping's filter has a rule that is not understood here: {rule}") from None

    def _patterns(self, batch: DiscardedBatch) -> list[dict[str, Any]]:
        """The filter patterns of the mapping that discarded the batch."""
        if self._mappings is None:
            self._mappings = stream_mappings(self._place)
        for mapping in self._mappings:
            if mapping["EventSourceArn"] == batch.stream and _same_function(mapping["FunctionArn"], batch.function):
                filters = (mapping.get("FilterCriteria") or {}).get("Filters") or []
                return [json.loads(each["Pattern"]) for each in filters]
        raise StaysError(f"no mapping brings {_name(batch.stream)} to {_name(batch.function)} any more")


def _from_payload(batch: DiscardedBatch) -> list[tuple[str, bytes]]:
    return [
        (record["kinesis"]["partitionKey"], base64.b64decode(record["kinesis"]["data"]))
        for record in batch.records or ()
    ]


def _read(client: Any, batch: DiscardedBatch, start: Mapping[str, str]) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3 makes its clients at run time
    """Read a shard from the batch's first record on, to the shard's end or its newest record."""
    try:
        iterator = client.get_shard_iterator(ShardId=batch.shard, ShardIteratorType="AT_SEQUENCE_NUMBER", **start)
        position = iterator["ShardIterator"]
        while position:
            page = client.get_records(ShardIterator=position, Limit=_PAGE)
            yield from page["Records"]
            position = page.get("NextShardIterator")
            if not page["Records"] and not page.get("MillisBehindLatest"):
                return
    except ClientError as error:
        if code_of(error) not in _GONE:
            raise
        raise _trimmed(batch) from None


def _complete(batch: DiscardedBatch, read: Iterator[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The records of the batch, if the stream still has the first and the last of them.

    Where the first record is gone, AWS answers with the oldest that is left.
    """
    found: list[dict[str, Any]] = []
    for number, record in read:
        if not found and int(number) != int(batch.start):
            break
        found.append(record)
        if int(number) >= int(batch.end):
            return found
    raise _trimmed(batch)


def _trimmed(batch: DiscardedBatch) -> StaysError:
    return StaysError(
        f"{_name(batch.stream)} no longer has records {batch.start} to {batch.end} of {batch.shard}: "
        "a queue holds only their place in the stream, an S3 bucket as on-failure destination holds them for good"
    )


def _as_event_of(stream: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of a DynamoDB stream as Lambda hands it to functions."""
    event: dict[str, Any] = {**_as_json(record), "eventSourceARN": stream}
    if "userIdentity" in event:  # of what TTL deleted; spelt differently in the API and in Lambda's events
        event["userIdentity"] = {
            "type": event["userIdentity"]["Type"],
            "principalId": event["userIdentity"]["PrincipalId"],
        }
    return event


def _as_json(value: Any) -> Any:  # noqa: ANN401 - any value of a stream record
    """JSON, with binary values in base64 and times in epoch seconds."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case list():
            return [_as_json(each) for each in value]
        case _:
            return value


def _size(record: tuple[str, bytes]) -> int:
    key, data = record
    return len(key.encode()) + len(data)


def _same_function(of_mapping: str, of_record: str) -> bool:
    """Whether two ARNs name the same function and version; that of a mapping leaves `$LATEST` out."""
    return of_mapping.removesuffix(":$LATEST") == of_record.removesuffix(":$LATEST")


def _name(arn: str) -> str:
    return arn.split(":", 5)[5]
