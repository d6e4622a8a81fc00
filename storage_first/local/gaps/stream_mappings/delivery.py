"""What becomes of a batch: delivered, retried from where it failed, halved, or given up."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, Final

from ministack.services import lambda_svc

from storage_first.local.gaps.stream_mappings.failures import EXHAUSTED, EXPIRED, discard
from storage_first.local.gaps.stream_mappings.lanes import Lane
from storage_first.local.gaps.stream_mappings.shards import Entry

_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 2.0
_UNLIMITED: Final = -1


@dataclass(frozen=True, kw_only=True)
class _Trouble:
    """What is known of a lane's failing records.

    Attributes:
        position: Where they start.
        until: Where they end.
        attempts: How often they were tried.
        retry_at: When they are tried again, in seconds since the epoch.
    """

    position: int
    until: int
    attempts: int
    retry_at: float


_troubles: Final[dict[str, _Trouble]] = {}
_gathering_since: Final[dict[str, float]] = {}


def next_batch(lane: Lane) -> Sequence[Entry]:
    """What is to be delivered now: the batch that failed, or a new one that is full or has waited long enough."""
    trouble = _trouble(lane)
    if trouble is not None:
        if trouble.retry_at > time.time():
            return ()
        failed = takewhile(lambda entry: entry.after <= trouble.until, lane.shard.entries(trouble.position, lane.owns))
        if batch := list(failed):
            return batch
        _troubles.pop(lane.id)  # the stream has dropped them meanwhile
    position, end = lane.position(), lane.shard.end()
    size = int(lane.mapping.get("BatchSize", 100))
    batch = list(islice(lane.shard.entries(position, lane.owns), size))
    if not batch:
        lane.advance(max(position, end))  # past what is for other lanes
        return ()
    return () if len(batch) < size and _gathers(lane) else batch


def deliver(lane: Lane, batch: Sequence[Entry]) -> None:
    """Deliver one batch, and move the lane's position or note the trouble."""
    _gathering_since.pop(lane.id, None)
    end = batch[-1].after
    trouble = _trouble(lane)
    attempts = trouble.attempts if trouble else 0
    wanted = [entry for entry in batch if lambda_svc._apply_filter_criteria([entry.event], lane.mapping)]
    if not wanted:
        _done(lane, end)
        return
    if expired := _expired(lane, wanted):
        discard(lane, expired, condition=EXPIRED, attempts=max(attempts, 1))
        _done(lane, expired[-1].after)
        return
    result = lambda_svc._execute_function(lane.function, {"Records": [entry.event for entry in wanted]})
    if result.get("throttle"):
        _retry(lane, end, attempts)
    elif result.get("error"):
        _raised(lane, wanted, end, attempts)
    else:
        _returned(lane, wanted, end, attempts, result.get("body"))


def _trouble(lane: Lane) -> _Trouble | None:
    trouble = _troubles.get(lane.id)
    return trouble if trouble is not None and trouble.position == lane.position() else None


def _gathers(lane: Lane) -> bool:
    """Whether the batching window, which starts with the first record, is still open."""
    now = time.time()
    since = _gathering_since.setdefault(lane.id, now)
    left = since + float(lane.mapping.get("MaximumBatchingWindowInSeconds") or 0) - now
    if left > 0:
        _wake_in(left)
    return left > 0


def _expired(lane: Lane, wanted: Sequence[Entry]) -> Sequence[Entry]:
    age = int(lane.mapping.get("MaximumRecordAgeInSeconds", _UNLIMITED))
    if age == _UNLIMITED:
        return ()
    oldest = time.time() - age
    return list(takewhile(lambda entry: entry.arrived < oldest, wanted))


def _raised(lane: Lane, wanted: Sequence[Entry], end: int, attempts: int) -> None:
    lane.mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    if lane.mapping.get("BisectBatchOnFunctionError") and len(wanted) > 1:
        # Halves count anew: bisecting uses up no retries.
        _retry(lane, wanted[(len(wanted) + 1) // 2 - 1].after, 0)
        return
    _retry_or_give_up(lane, wanted, end, attempts + 1, error="Unhandled")


def _returned(lane: Lane, wanted: Sequence[Entry], end: int, attempts: int, body: Any) -> None:
    failed = _lowest_failure(lane, wanted, body)
    if failed is None:
        lane.mapping["LastProcessingResult"] = "OK"
        _done(lane, end)
        return
    if failed:
        lane.advance(wanted[failed - 1].after)
        attempts = 0
    _retry_or_give_up(lane, wanted[failed:], end, attempts + 1, error=None)


def _retry_or_give_up(lane: Lane, failed: Sequence[Entry], end: int, attempts: int, *, error: str | None) -> None:
    retries = int(lane.mapping.get("MaximumRetryAttempts", _UNLIMITED))
    if retries != _UNLIMITED and attempts > retries:
        discard(lane, failed, condition=EXHAUSTED, attempts=attempts, error=error)
        _done(lane, end)
        return
    _retry(lane, end, attempts)


def _retry(lane: Lane, until: int, attempts: int) -> None:
    delay = min(_FIRST_DELAY * 2**attempts, _LONGEST_DELAY)
    _troubles[lane.id] = _Trouble(
        position=lane.position(), until=until, attempts=attempts, retry_at=time.time() + delay
    )
    _wake_in(delay)


def _done(lane: Lane, position: int) -> None:
    lane.advance(position)
    _troubles.pop(lane.id, None)


def _wake_in(seconds: float) -> None:
    timer = threading.Timer(seconds, lambda_svc._esm_wake.set)
    timer.daemon = True
    timer.start()


def _lowest_failure(lane: Lane, wanted: Sequence[Entry], body: Any) -> int | None:
    """The index of the first record that failed, or `None` if all are done.

    As on AWS, an item that names no record of the batch fails the batch as a whole.
    """
    if "ReportBatchItemFailures" not in (lane.mapping.get("FunctionResponseTypes") or []):
        return None
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    if not failures:
        return None
    index_of = {entry.sequence_number: index for index, entry in enumerate(wanted)}
    named = failures if isinstance(failures, list) else [None]
    return min(index_of.get(str(item.get("itemIdentifier")), 0) if isinstance(item, dict) else 0 for item in named)
