"""DynamoDB stream mappings keep Lambda's promises about failed records.

The emulator counts a partial batch response as success and so loses the records that it names, retries a poison batch
for ever whatever the mapping says, and reads all mappings on one thread, so that a slow function stops the others.
Here, as on AWS: a raised error bisects the batch where the mapping wants it, a returned list of failures moves the
checkpoint to the lowest of them, retries and age are finite where the mapping says so, and what is given up goes to
the on-failure destination. (Kinesis mappings are left as they are.)
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc

_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 2.0
_UNLIMITED: Final = -1
_paused = threading.Event()


@dataclass(frozen=True, kw_only=True)
class _Trouble:
    """What is known of a mapping's failing records.

    Attributes:
        position: Where in the stream they start.
        size: How many records to try at once: the batch, or a part of it.
        attempts: How often they were tried.
    """

    position: int
    size: int
    attempts: int = 0


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A mapping that is ready to read, and what it reads and calls."""

    mapping: dict[str, Any]
    function: dict[str, Any]
    table: str
    account: str
    region: str

    @property
    def id(self) -> str:
        """The mapping's id."""
        return str(self.mapping["UUID"])


_troubles: dict[str, _Trouble] = {}


def close() -> None:
    """Read DynamoDB streams as Lambda does."""
    lambda_svc._poll_dynamodb_streams = _poll


def pause() -> None:
    """Start no more invocations."""
    _paused.set()


def _poll() -> bool:
    """Start a batch for each mapping that has records and none in flight; the emulator's poll loop calls this."""
    if _paused.is_set():
        return False
    for account, region, mapping in lambda_svc._iter_all_esms():
        with request_scope(account, region):
            source = _source(mapping, account, region)
            if source is not None and not _busy(source) and _position(source) < _end(source):
                lambda_svc._dispatch_esm_batch(source.id, _process, source)
    return False  # a finished batch wakes the loop


def _busy(source: _Source) -> bool:
    with lambda_svc._esm_inflight_lock:
        in_flight = lambda_svc._esm_inflight.get(source.id, 0)
    return bool(in_flight) or lambda_svc._esm_backoff_until.get(source.id, 0) > time.time()


def _source(mapping: dict[str, Any], account: str, region: str) -> _Source | None:
    if str(mapping.get("Enabled", True)).lower() == "false":
        return None
    try:
        arn = parse_arn(mapping.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if (arn.service, arn.account_id, arn.region) != ("dynamodb", account, region):
        return None
    stream = lambda_svc._dynamodb_stream_table_from_arn_spec(arn)
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    table = dynamodb._tables.get(stream[0]) if stream else None
    if function is None or not table or table.get("LatestStreamArn") != mapping["EventSourceArn"]:
        return None
    return _Source(mapping=mapping, function=function, table=table["TableName"], account=account, region=region)


def _end(source: _Source) -> int:
    return int(dynamodb.stream_end_position(source.table))


def _position(source: _Source) -> int:
    horizon = dynamodb.stream_start_position(source.table)
    with lambda_svc._dynamodb_stream_positions_lock:
        positions = lambda_svc._dynamodb_stream_positions
        if source.id not in positions:
            from_start = source.mapping.get("StartingPosition") == "TRIM_HORIZON"
            positions[source.id] = horizon if from_start else _end(source)
        return int(max(positions[source.id], horizon))


def _advance(source: _Source, position: int) -> None:
    with lambda_svc._dynamodb_stream_positions_lock:
        lambda_svc._dynamodb_stream_positions[source.id] = position
    _troubles.pop(source.id, None)
    lambda_svc._esm_backoff_until.pop(source.id, None)


def _process(source: _Source) -> None:
    """Deliver one batch, and move the position or note the trouble."""
    with request_scope(source.account, source.region):
        position = _position(source)
        trouble = _troubles.get(source.id)
        size = int(source.mapping.get("BatchSize", 100))
        if trouble is None or trouble.position != position:
            trouble = _Trouble(position=position, size=size)
        records = list(dynamodb.stream_records_since(source.table, position, trouble.size))
        wanted = lambda_svc._apply_filter_criteria(records, source.mapping)
        if not wanted:
            _advance(source, position + len(records))
            return
        result = lambda_svc._execute_function(source.function, {"Records": wanted})
        if result.get("throttle"):
            _delay(source, trouble.attempts)
        elif result.get("error"):
            _raised(source, trouble, records, wanted, result)
        else:
            _returned(source, trouble, records, wanted, result)


def _returned(source: _Source, trouble: _Trouble, records: Sequence[Any], wanted: list[Any], result: Any) -> None:
    failed = _lowest_failure(source, wanted, result.get("body"))
    if failed is None:
        source.mapping["LastProcessingResult"] = "OK"
        _advance(source, trouble.position + len(records))
        return
    done = next(index for index, record in enumerate(records) if record is wanted[failed])
    if done:
        _advance(source, trouble.position + done)
        trouble = _Trouble(position=trouble.position + done, size=trouble.size)
    _retry_or_give_up(source, trouble, records[done:], wanted[failed:], result)


def _raised(source: _Source, trouble: _Trouble, records: Sequence[Any], wanted: list[Any], result: Any) -> None:
    source.mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    if source.mapping.get("BisectBatchOnFunctionError") and len(wanted) > 1:
        # Halves count anew: bisecting uses up no retries.
        middle = next(index for index, record in enumerate(records) if record is wanted[(len(wanted) + 1) // 2])
        _troubles[source.id] = _Trouble(position=trouble.position, size=middle)
        _delay(source, 0)
        return
    _retry_or_give_up(source, trouble, records, wanted, result)


def _retry_or_give_up(
    source: _Source, trouble: _Trouble, records: Sequence[Any], wanted: list[Any], result: Any
) -> None:
    attempts = trouble.attempts + 1
    condition = _given_up(source.mapping, attempts, wanted)
    if condition:
        lambda_svc._send_ddb_stream_failure_record(
            source.mapping, source.function, wanted, source.mapping["EventSourceArn"], result, condition
        )
        _advance(source, trouble.position + len(records))
        return
    _troubles[source.id] = replace(trouble, attempts=attempts)
    _delay(source, attempts)


def _given_up(mapping: dict[str, Any], attempts: int, wanted: list[Any]) -> str | None:
    """Why the mapping gives these records up, in the words of the on-failure record, or `None`."""
    retries = int(mapping.get("MaximumRetryAttempts", _UNLIMITED))
    if retries != _UNLIMITED and attempts > retries:
        return "RetryAttemptsExhausted"
    age = int(mapping.get("MaximumRecordAgeInSeconds", _UNLIMITED))
    oldest = min(float(record["dynamodb"]["ApproximateCreationDateTime"]) for record in wanted)
    if age != _UNLIMITED and time.time() - oldest > age:
        return "MaxRecordAgeExceeded"
    return None


def _delay(source: _Source, attempts: int) -> None:
    seconds = min(_FIRST_DELAY * 2**attempts, _LONGEST_DELAY)
    lambda_svc._esm_backoff_until[source.id] = time.time() + seconds
    timer = threading.Timer(seconds, lambda_svc._esm_wake.set)
    timer.daemon = True
    timer.start()


def _lowest_failure(source: _Source, wanted: list[Any], body: Any) -> int | None:
    """The index of the first record that failed, or `None` if all are done.

    As on AWS, an item that names no record of the batch fails the batch as a whole.
    """
    if "ReportBatchItemFailures" not in (source.mapping.get("FunctionResponseTypes") or []):
        return None
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    if not failures:
        return None
    sequence_numbers = [record["dynamodb"]["SequenceNumber"] for record in wanted]
    named = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    if any(name not in sequence_numbers for name in named):
        return 0
    return min(sequence_numbers.index(name) for name in named)
