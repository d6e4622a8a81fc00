"""Read the stream of the jobs table: start what was stored, publish what has changed.

A batch is worked on to its end even when one of its records fails, because Lambda repeats everything from the first
failed record on and, when it gives up, drops all of it: by then the other records must have had their turn. So one bad
record costs the others repetition, never their start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.clients import LONGEST_CALL_MS
from lambdas.jobs import events, executions, jobs
from lambdas.jobs.executions import UnknownJobTypeError
from lambdas.jobs.jobs import TERMINAL, Job, Status, UnreadableJobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    return {"batchItemFailures": [{"itemIdentifier": n} for n in map(_number, records) if n in failed]}


def _bring_forward(record: Mapping[str, Any]) -> None:
    """Do what a record asks for.

    Start the job that it has made Pending, stop the one that it has made Cancelled, and forget the one that a replay
    has marked open after its end.
    """
    image = record["dynamodb"]["NewImage"]
    job = Job.from_image(image)
    if job.status in TERMINAL and "open" in image:
        jobs.leave_index(job)
    was = record["dynamodb"].get("OldImage", {}).get("status", {}).get("S")
    if job.status is Status.CANCELLED and was != Status.CANCELLED:
        with logger.append_context_keys(correlation_id=job.id, request_id=job.request_id):
            executions.stop(job)
    if job.status is not Status.PENDING or was == Status.PENDING:
        return
    with logger.append_context_keys(correlation_id=job.id, request_id=job.request_id):
        try:
            executions.start(job)
        except UnknownJobTypeError as error:
            # A route may be deployed before this function knows its type. The reconciler tries again, and gives up in
            # the end; failing the record would only hold up its shard.
            logger.warning("Left to the reconciler: %s", error)


def _number(record: Mapping[str, Any]) -> str:
    number: str = record["dynamodb"]["SequenceNumber"]
    return number
