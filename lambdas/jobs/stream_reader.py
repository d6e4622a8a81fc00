"""Read the stream of the jobs table: start what was stored, stop what was cancelled, publish what has changed.

A batch is worked on to its end even when one of its records fails, because Lambda repeats everything from the first
failed record on and, when it gives up, drops all of it: by then the other records must have had their turn. So one bad
record costs the others repetition, never their start.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.clients import LONGEST_CALL_MS
from lambdas.jobs import events, executions, jobs, slots
from lambdas.jobs.jobs import TERMINAL, Job, Status, UnreadableJobError
from lambdas.jobs.metrics import count
from lambdas.jobs.workflows import UnknownJobTypeError, limited_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from lambdas.jobs.events import JobEvent

logger = Logger()

# Claim, start, and publish what the batch has changed so far.
RESERVE_MS = 3 * LONGEST_CALL_MS


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Work on one batch of stream records.

    Returns:
        The records to send again, as Lambda's partial batch response wants them.
    """
    records: Sequence[Mapping[str, Any]] = event["Records"]
    failed: set[str] = set()
    changes: list[JobEvent] = []
    for position, record in enumerate(records):
        if position and context.get_remaining_time_in_millis() < RESERVE_MS:
            failed |= {_number(late) for late in records[position:]}
            logger.warning("Out of time; the rest of the batch comes again.", records=len(records) - position)
            break
        if "NewImage" not in record["dynamodb"]:
            continue  # a job that has expired is no news
        try:
            changed = events.change(record)
            changes += [changed] if changed else []
            _bring_forward(record)
        except UnreadableJobError:
            logger.exception("A record that is no job.", record=_number(record))
            failed.add(_number(record))
        except (BotoCoreError, ClientError):
            logger.exception("Could not start or stop a job now.", record=_number(record))
            failed.add(_number(record))
    failed |= events.publish(changes)
    _count(record for record in records if _number(record) not in failed)
    return {"batchItemFailures": [{"itemIdentifier": n} for n in map(_number, records) if n in failed]}


def _count(records: Iterable[Mapping[str, Any]]) -> None:
    """Count the jobs that have ended, for CloudWatch. Those of a batch that comes again are counted again."""
    images = ((each["dynamodb"].get("NewImage", {}), each["dynamodb"].get("OldImage", {})) for each in records)
    changed = Counter(new["status"]["S"] for new, old in images if new and new["status"] != old.get("status"))
    count(**{f"Jobs{status}": number for status, number in changed.items() if status in TERMINAL})


def _bring_forward(record: Mapping[str, Any]) -> None:
    """Do what a record asks for.

    Start the job that it has made Pending, stop the one that it has made Cancelled, give the slot of one that runs no
    more to the next, and take out of the index of open jobs the one that is stopped, or that a replay has put there.
    """
    new, old = record["dynamodb"]["NewImage"], record["dynamodb"].get("OldImage")
    job, was = Job.from_image(new), Job.from_image(old) if old else None
    with logger.append_context_keys(correlation_id=job.id, request_id=job.request_id):
        is_over = job.is_open and job.status in TERMINAL and (was is None or not was.is_open)
        if was is not None and was.status != job.status:
            if job.status is Status.CANCELLED:
                is_over = executions.stop(job)
            if job.status is not Status.IN_PROGRESS:
                _pass_on_slot(was)
        if is_over:
            jobs.leave_index(job)
        if job.status is Status.PENDING and _is_news(job, was):
            _start(job)


def _is_news(job: Job, was: Job | None) -> bool:
    """Tell whether a Pending job has become so, or has begun to wait for a slot, which may have been left meanwhile.

    The next attempt after a failed one is the reconciler's.
    """
    return was is None or was.status in TERMINAL or (job.is_waiting and not was.is_waiting)


def _start(job: Job) -> None:
    try:
        executions.start(job)
    except UnknownJobTypeError as error:
        # A route may be deployed before this function knows its type. The reconciler tries again, and gives up in the
        # end; failing the record would only hold up its shard.
        logger.warning("Left to the reconciler: %s", error)


def _pass_on_slot(was: Job) -> None:
    """Give the slot that an attempt has had to the next that waits."""
    if was.type in limited_types():
        slots.leave(was)
        executions.start_waiting(was.type)


def _number(record: Mapping[str, Any]) -> str:
    number: str = record["dynamodb"]["SequenceNumber"]
    return number
