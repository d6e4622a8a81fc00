"""Start what never started, and close what has ended unnoticed.

Runs on a schedule, over the index of open jobs. Whatever one run does not get to, the next one does: every job that
was looked at moves back in the index, so that no job hides another.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.clients import LONGEST_CALL_MS
from lambdas.jobs import executions, jobs, slots
from lambdas.jobs.jobs import TERMINAL, Job, OpenJob, Status, UnreadableJobError
from lambdas.jobs.metrics import count
from lambdas.jobs.workflows import UnknownJobTypeError, limited_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()

GRACE = timedelta(minutes=1)  # the stream reader usually needs a second
RETRY = timedelta(minutes=5)  # after something failed
# A running execution is looked at when it has run twice as long as at the last look, within these bounds.
SOONEST, LATEST = timedelta(minutes=10), timedelta(hours=1)
# Longer than a deployment may take between the route that stores a type and the function that knows its workflow.
UNKNOWN_TYPE_GRACE = timedelta(hours=1)
# An Express execution has five minutes, and is first looked at ten minutes after its claim.
_LOST = {
    "status": "TIMED_OUT",
    "error": "ExecutionLost",
    "cause": "An Express execution has five minutes, and this one has not told of its end. It may never have started.",
}
RESERVE_MS = 6 * LONGEST_CALL_MS  # the next page, and the calls for one job


class ReconcileError(Exception):
    """Some jobs could not be looked after. They come again; whoever watches this function's errors should know."""


@logger.inject_lambda_context(clear_state=True)
def handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, int]:
    """Look after the open jobs that are due, as far as the time allows.

    Returns:
        How many were looked after.

    Raises:
        ReconcileError: If any could not be.
    """
    seen = failed = 0
    for job in jobs.due(jobs.now() - GRACE):
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            logger.warning("Out of time; the next run goes on.")
            break
        seen += 1
        failed += not _look_after(job)
    failed += not _audit_slots(context)
    logger.info("Looked after open jobs.", jobs=seen, failed=failed)
    if failed:
        raise ReconcileError(f"{failed} of {seen} jobs")
    return {"jobs": seen}


def _audit_slots(context: LambdaContext) -> bool:
    """Free the slots of jobs that run no more, and fill what is free; tell whether that worked."""
    worked = True
    for job_type in limited_types():
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            break
        try:
            slots.audit(job_type)
            executions.start_waiting(job_type)
        except (BotoCoreError, ClientError, UnreadableJobError):
            logger.exception("Could not audit the slots of a type.", type=job_type)
            worked = False
    return worked


def _look_after(job: OpenJob) -> bool:
    """Bring one open job forward; tell whether that worked."""
    with logger.append_context_keys(correlation_id=job.id):
        try:
            _reconcile(job)
        except (BotoCoreError, ClientError, UnreadableJobError):
            logger.exception("Could not look after a job.")
            with contextlib.suppress(BotoCoreError, ClientError):  # then it is the first of the next run
                jobs.postpone(job, RETRY)
            return False
        return True


def _reconcile(seen: OpenJob) -> None:
    job = Job.from_image(seen.image)
    if job.status in TERMINAL:
        if job.status is Status.CANCELLED:
            executions.stop(job)  # the stream reader has not come to it
        jobs.leave_index(job)
        return
    if job.status is Status.PENDING:
        _start(seen)
        return
    if not executions.has_workflow(job):
        jobs.fail(job, "WorkflowRemoved", f"The workflow that ran this job is no longer that of type {job.type!r}.")
        return
    arn = job.execution_arn or ""
    if executions.is_express(arn):
        executions.close(job, _LOST)
        return
    execution = executions.describe(arn)
    if execution is None:
        _start(seen)  # claimed, but whoever claimed it died before the start
    elif executions.has_ended(execution):
        executions.close(job, execution)
    else:
        jobs.postpone(seen, _backoff(execution["startDate"]))


def _start(seen: OpenJob) -> None:
    """Start a job, or give up on one that could not be started for too long."""
    job = jobs.get(seen.key)  # the index has no input, and may lag behind
    if job is None or job.status not in {Status.PENDING, Status.IN_PROGRESS}:
        return
    pause = RETRY
    try:
        if not executions.start_out_of_turn(job):
            pause = jobs.WAITING_CHECK  # its turn comes when another leaves a slot
        elif job.status is Status.PENDING and not (job.is_waiting or job.is_paused):
            count(JobsStartedLate=1)  # the stream reader should have come to it
    except UnknownJobTypeError as error:
        if job.unchanged_for > UNKNOWN_TYPE_GRACE:
            jobs.fail(job, "UnknownJobType", str(error))
            return
        logger.warning("Not known yet: %s", error)
    except ClientError as error:
        give_up_after = timedelta(seconds=int(os.environ["GIVE_UP_AFTER_SECONDS"]))
        if job.unchanged_for > give_up_after and not job.is_waiting:
            jobs.fail(job, "NotStarted", str(error))
        raise
    jobs.postpone(seen, pause)


def _backoff(started: datetime) -> timedelta:
    return min(max(jobs.now() - started, SOONEST), LATEST)
