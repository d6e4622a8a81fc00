"""Queue mappings keep Lambda's promises: batching windows, odd answers, message groups side by side.

The emulator receives at once, and ten messages at most, whatever the mapping's window is; deletes all messages of a
batch when the function's answer names one that was not in it; works on one batch of a FIFO queue at a time; and does
not tell a function that reads a dead-letter queue where a message came from.
"""

import threading
import time
from typing import Any, Final

from ministack.services import lambda_svc, sqs

_MOST_WITHOUT_WINDOW: Final = 10
_PAUSE_AFTER_FAILURE: Final = 1.0
_gathering_since: Final[dict[str, float]] = {}


def close() -> None:
    """Poll queues as Lambda does."""
    concurrency = lambda_svc._sqs_esm_concurrency

    def concurrency_by_group(mapping: Any, function: Any, config: Any, _: Any = None) -> int:
        # A queue withholds the groups that it has messages of in flight: no batch can overtake another one.
        return int(concurrency(mapping, function, config))

    lambda_svc._sqs_esm_concurrency = concurrency_by_group
    lambda_svc._run_sqs_batch = _deliver
    sqs._receive_messages_for_esm = _receive


def _receive(queue_url: str, size: int) -> list[dict[str, Any]]:
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        window = _window(queue)
        size = int(size) if window else min(int(size), _MOST_WITHOUT_WINDOW)
        if window and _gathers(queue_url, queue, size, window):
            return []
        messages: list[dict[str, Any]] = sqs._collect_msgs(queue, size, int(queue["attributes"]["VisibilityTimeout"]))
        return messages


def _window(queue: dict[str, Any]) -> float:
    """How long its mapping gathers messages; FIFO queues have no window."""
    if queue["is_fifo"]:
        return 0
    arn = queue["attributes"]["QueueArn"]
    mappings = [mapping for mapping in lambda_svc._esms.values() if mapping.get("EventSourceArn") == arn]
    return max((float(mapping.get("MaximumBatchingWindowInSeconds") or 0) for mapping in mappings), default=0)


def _gathers(queue_url: str, queue: dict[str, Any], size: int, window: float) -> bool:
    now = time.time()
    visible = sum(message.get("visible_at", 0) <= now for message in queue["messages"])
    left = _gathering_since.setdefault(queue_url, now) + window - now
    if not 0 < visible < size or left <= 0:
        _gathering_since.pop(queue_url)
        return False
    timer = threading.Timer(left, lambda_svc._esm_wake.set)
    timer.daemon = True
    timer.start()
    return True


def _deliver(
    mapping: dict[str, Any], function: Any, event: dict[str, Any], batch: list[dict[str, Any]], queue_url: str, _: str
) -> None:
    """Call the function, and delete what it is done with; what its filter left out of `event` is deleted as well."""
    records = event["Records"]
    sources = {message["id"]: message.get("sys", {}).get("DeadLetterQueueSourceArn") for message in batch}
    for record in records:
        if source := sources[record["messageId"]]:
            record["attributes"]["DeadLetterQueueSourceArn"] = source
    result = lambda_svc._execute_function(function, event)
    failed = _failed(mapping, [record["messageId"] for record in records], result)
    done = {message["receipt_handle"] for message in batch if message["id"] not in failed}
    sqs._delete_messages_for_esm(queue_url, done)
    mapping["LastProcessingResult"] = "PROBLEM: Function call failed" if len(failed) == len(records) else "OK"
    if len(failed) == len(records):
        lambda_svc._esm_backoff_until[mapping["UUID"]] = time.time() + _PAUSE_AFTER_FAILURE


def _failed(mapping: dict[str, Any], ids: list[str], result: dict[str, Any]) -> set[str]:
    """The messages that come back: all of them after an error, or after an answer that names none of them."""
    if result.get("error") or result.get("throttle"):
        return set(ids)
    body = result.get("body")
    failures = body.get("batchItemFailures") if isinstance(body, dict) else None
    if not failures or "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return set()
    items = failures if isinstance(failures, list) else [None]
    named = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in items}
    return set(ids) if named - set(ids) else named
