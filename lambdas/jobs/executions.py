"""The executions that work on jobs: their names, their start, and what their end means for the job."""

from __future__ import annotations

import json
from base64 import b32encode
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Never

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from lambdas.clients import stepfunctions
from lambdas.jobs import jobs, slots
from lambdas.jobs.jobs import Job, Status
from lambdas.jobs.workflows import UnknownJobTypeError, Workflow, workflow_of, workflow_with

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = Logger(child=True)

MAX_INPUT_BYTES = 262_144  # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html

_DIGEST_BYTES = 15  # 24 characters of base32
_SHOWN_OF_ID = 40  # a UUID, whole

_ENDED = {
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}


class _InputError(Exception):
    """A job's input cannot become the input of an execution."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def start(job: Job) -> bool:
    """Start the execution of `job`, once, however often it is asked to.

    A job that was not claimed is claimed first. One whose input no execution can take becomes Failed instead.

    Returns:
        False if the job has to wait, because as many of its type run as may.

    Raises:
        UnknownJobTypeError: If the job's type has no workflow.
        ClientError: If AWS refuses for now; the job can be started later.
    """
    workflow = workflow_of(job.type)
    arn = execution_arn(job)
    try:
        text = execution_input(job, workflow)
    except _InputError as error:
        jobs.fail(job, error.code, str(error))
        return True
    if job.status is Status.PENDING:
        _stop_earlier_attempt(job)
        if workflow.max_running is not None and not slots.take(job, workflow.max_running):
            if not job.is_waiting:
                jobs.wait(job)
            return False
        if not jobs.claim(job, arn, found_by_execution=workflow.existing):
            if workflow.max_running is not None and not _is_running(job):
                slots.leave(job)  # taken for a record that came late
            return True
    try:
        stepfunctions().start_execution(stateMachineArn=workflow.machine, name=arn.rpartition(":")[2], input=text)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ExecutionAlreadyExists":
                return True
            case "InvalidExecutionInput":
                claimed = replace(job, status=Status.IN_PROGRESS, execution_arn=arn)
                jobs.fail(claimed, "InputRefused", "Step Functions does not take this input.")
            case _:
                raise
    logger.info("Started the execution of a job.", request_id=job.request_id, execution=arn)
    return True


def _stop_earlier_attempt(job: Job) -> None:
    """Stop the attempt before, which was cancelled if it has not failed, and may not have been stopped yet."""
    if job.attempt > 1 and not job.is_paused:
        earlier = replace(job, attempt=job.attempt - 1)
        stop(replace(earlier, execution_arn=execution_arn(earlier)))


def start_out_of_turn(job: Job) -> bool:
    """Start `job`, as `start` does, where no order keeps its cancellation behind its start.

    The cancel may have found nothing to stop yet: what was started for a job that is no longer there for it, is
    stopped.
    """
    if not start(job):
        return False
    now = jobs.get(job.key)
    if now is None or not job.is_same_attempt(now) or now.status is Status.CANCELLED:
        stop(replace(job, execution_arn=execution_arn(job)))
    return True


def start_waiting(job_type: str) -> None:
    """Start as many of the jobs that wait for a slot of a type as there are slots."""
    for job in slots.next_in_line(job_type):
        if not start_out_of_turn(job):
            return


def stop(job: Job) -> bool:
    """Stop the execution of a job that was cancelled.

    Nothing can stop an Express execution: what it writes finds a job that has ended. Nor may these functions stop one
    of a machine that is none of the tracker's any more.

    Returns:
        False if there is no execution, though the job was claimed for it: it may be about to start.

    Raises:
        ClientError: If AWS refuses for now.
    """
    if job.execution_arn is None or is_express(job.execution_arn):
        return True
    if not has_workflow(job):
        logger.warning("Not stopped: its state machine is no longer that of its type.", execution=job.execution_arn)
        return True
    try:
        stepfunctions().stop_execution(
            executionArn=job.execution_arn, error="JobCancelled", cause="The job was cancelled."
        )
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ExecutionDoesNotExist":
                return False
            case "ValidationException":
                # Of what it answers for an execution that has ended by itself, Step Functions documents nothing; the
                # emulator calls it so.
                return True
            case _:
                raise
    logger.info("Stopped the execution of a cancelled job.", execution=job.execution_arn)
    return True


def close(job: Job, ended: Mapping[str, Any]) -> bool:
    """Write the outcome of an ended execution to its job, unless the job was closed already.

    One that has failed by itself is tried again while its job has attempts left; whoever aborts it means it.

    Args:
        job: The job as the execution knows it.
        ended: The execution, as DescribeExecution answers or its status-change event tells.

    Returns:
        Whether the job was closed by this call.
    """
    status = ended["status"]
    if status == "SUCCEEDED":
        try:
            return jobs.succeed(job, ended["output"])
        except jobs.ResultTooLargeError as error:
            return jobs.fail(job, "ResultTooLarge", str(error))
    code = ended.get("error") or _ENDED[status]
    message = ended.get("cause") or f"The execution ended as {status}."
    if status != "ABORTED" and _has_attempts_left(job):
        return jobs.try_again(job, code, message)
    return jobs.fail(job, code, message)


def has_ended(execution: Mapping[str, Any]) -> bool:
    """Tell whether an execution has come to its end."""
    return execution["status"] == "SUCCEEDED" or execution["status"] in _ENDED


def describe(arn: str) -> Mapping[str, Any] | None:
    """Look an execution up; None if it does not exist."""
    try:
        return stepfunctions().describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return None
        raise


def job_of(execution: Mapping[str, Any]) -> Job | None:
    """Tell which job an execution works on; None if it was not started for one."""
    workflow = workflow_with(execution["stateMachineArn"])
    if workflow and workflow.existing:
        return jobs.of_execution(execution["executionArn"])
    try:
        known = json.loads(execution["input"])
        return Job(
            tenant=known["tenant"],
            id=known["id"],
            type=known["type"],
            attempt=known["attempt"],
            status=Status.IN_PROGRESS,
            execution_arn=execution["executionArn"],
        )
    except (KeyError, TypeError, ValueError):
        return None


def execution_arn(job: Job) -> str:
    """Return the ARN that the execution of `job` has been claimed under, or will have.

    Raises:
        UnknownJobTypeError: If the job's type has no workflow.
    """
    return job.execution_arn or workflow_of(job.type).execution_arn(_name(job))


def has_workflow(job: Job) -> bool:
    """Tell whether the execution that `job` was claimed for is one of its type's state machine."""
    try:
        return (job.execution_arn or "").startswith(workflow_of(job.type).execution_arn(""))
    except UnknownJobTypeError:
        return False


def is_express(arn: str) -> bool:
    """Tell whether an execution is an Express one, which Step Functions does not show."""
    return ":express:" in arn


def execution_input(job: Job, workflow: Workflow) -> str:
    """Wrap the job's input, untouched, in what a workflow is told about its job, if it knows of jobs."""
    text = job.input or ""
    _require_json(text)
    if not workflow.existing:
        known = {
            "id": job.id,
            "tenant": job.tenant,
            "type": job.type,
            "attempt": job.attempt,
            "createdAt": job.created_at,
        }
        # Embedded as text: parsing and writing it again would change numbers and the order of equal keys.
        text = f'{json.dumps(known, separators=(",", ":"))[:-1]},"input":{text}}}'
    size = len(text.encode())
    if size > MAX_INPUT_BYTES:
        raise _InputError("InputTooLarge", f"An execution takes {MAX_INPUT_BYTES} bytes; this job needs {size}.")
    return text


def _is_running(job: Job) -> bool:
    """Tell whether the attempt runs, be it in an execution of the machine that its type had before."""
    now = jobs.get(job.key)
    return now is not None and now.status is Status.IN_PROGRESS and job.is_same_attempt(now)


def _has_attempts_left(job: Job) -> bool:
    try:
        return job.attempt < workflow_of(job.type).attempts
    except UnknownJobTypeError:
        return False


def _name(job: Job) -> str:
    """Name the execution of an attempt: `<id>-<attempt>-<digest>`.

    Two tenants may use one id, and one may use it again when its job has expired: Step Functions keeps a name for 90
    days, and the earlier execution may even run. So the digest is of the whole key and the moment of creation. A name
    has 80 characters, of those that CloudWatch Logs takes; a long id is cut.
    """
    digest = b32encode(sha256(f"{job.key} {job.created_at}".encode()).digest()[:_DIGEST_BYTES]).decode().lower()
    return f"{job.id[:_SHOWN_OF_ID]}-{job.attempt}-{digest}"


def _require_json(text: str) -> None:
    """Refuse what Step Functions would refuse, and Python's own extensions to JSON."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _InputError("InputNotJson", f"The stored input is not JSON: {error}.") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON value")
