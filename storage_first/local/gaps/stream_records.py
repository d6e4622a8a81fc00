"""Kinesis refuses a record whose keys break its rules, and says which value it was.

The emulator answers 500 to an explicit hash key that is no number, sends one that is too large to the first shard, and
names no values. The rules are those of the service's model.
"""

from collections.abc import Iterator
from typing import Any, Final

from ministack.core.responses import error_response_json
from ministack.services import kinesis

from storage_first.local.gaps.constraints import missing, validation_exception, violations

_HASH_KEY: Final = r"0|([1-9]\d{0,38})"
_LARGEST_HASH_KEY: Final = 2**128 - 1


def close() -> None:
    """Let PutRecord and PutRecords look at the keys."""
    put_one, put_many = kinesis._put_record, kinesis._put_records

    def put_valid_record(data: dict[str, Any]) -> Any:
        return _refusal([("", data)]) or put_one(data)

    def put_valid_records(data: dict[str, Any]) -> Any:
        records = data.get("Records", [])
        return _refusal([(f"records.{i}.member.", record) for i, record in enumerate(records, 1)]) or put_many(data)

    kinesis._put_record = put_valid_record
    kinesis._put_records = put_valid_records


def _refusal(records: list[tuple[str, dict[str, Any]]]) -> Any:
    if broken := [problem for path, record in records for problem in _violations(path, record)]:
        return validation_exception(broken)
    for _, record in records:
        hash_key = record.get("ExplicitHashKey")
        if hash_key is not None and int(hash_key) > _LARGEST_HASH_KEY:
            text = "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            return error_response_json("InvalidArgumentException", f"{text}Specified value was {hash_key}", 400)
    return None


def _violations(path: str, record: dict[str, Any]) -> Iterator[str]:
    if record.get("PartitionKey") is None:
        yield missing(f"{path}partitionKey")
    if record.get("Data") is None:
        yield missing(f"{path}data")
    yield from violations(f"{path}partitionKey", record.get("PartitionKey"), shortest=1, longest=256)
    yield from violations(f"{path}explicitHashKey", record.get("ExplicitHashKey"), pattern=_HASH_KEY)
