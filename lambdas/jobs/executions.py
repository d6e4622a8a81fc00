"""The executions that work on jobs: their names, their start, and what their end means for the job."""

from __future__ import annotations

import json
import os
from base64 import b32encode
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Never

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from lambdas.clients import stepfunctions
from lambdas.jobs import jobs
from lambdas.jobs.jobs import Job, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = Logger(child=True)

MAX_INPUT_BYTES = 262_144  # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html

SINGLE_TENANT = "default"  # of routes whose access tells no tenants
_DIGEST_BYTES = 15  # 24 characters of base32
_SHOWN_OF_ID = 40  # a UUID, whole

_ENDED = {
    "FAILED": "ExecutionFailed",
    "TIMED_OUT": "ExecutionTimedOut",
    "ABORTED": "ExecutionAborted",
}


class UnknownJobTypeError(Exception):
    """No workflow is registered for a job's type."""


class _InputError(Exception):
    """A job's input cannot become the input of an execution."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def start(job: Job) -> None:
    """Start the execution of `job`, once, however often it is asked to.

    A job that was not claimed is claimed first. One whose input no execution can take becomes Failed instead.

    Raises:
        UnknownJobTypeError: If the job's type has no workflow.
        ClientError: If AWS refuses for now; the job can be started later.
    """
    machine = workflow(job.type)
    arn = execution_arn(machine, job)
    try:
        text = execution_input(job)
    except _InputError as error:
        jobs.fail(job, error.code, str(error))
        return
    if job.status is Status.PENDING and not jobs.claim(job, arn):
        return
    try:
        stepfunctions().start_execution(stateMachineArn=machine, name=_name(job), input=text)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ExecutionAlreadyExists":
                return
            case "InvalidExecutionInput":
                claimed = replace(job, status=Status.IN_PROGRESS, execution_arn=arn)
                jobs.fail(claimed, "InputRefused", "Step Functions does not take this input.")
            case _:
                raise
    logger.info("Started the execution of a job.", request_id=job.request_id, execution=arn)


def stop(job: Job) -> None:
    """Stop the execution of a job that was cancelled; one that has ended, or never started, is left alone.

    Raises:
        ClientError: If AWS refuses for now.
    """
    if job.execution_arn is None:
        return
    try:
        stepfunctions().stop_execution(
            executionArn=job.execution_arn, error="JobCancelled", cause="The job was cancelled."
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return
        raise
    logger.info("Stopped the execution of a cancelled job.", execution=job.execution_arn)


def close(job: Job, ended: Mapping[str, Any]) -> bool:
    """Write the outcome of an ended execution to its job, unless the job was closed already.

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
    return jobs.fail(job, code, ended.get("cause") or f"The execution ended as {status}.")


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


def workflow(job_type: str) -> str:
    """Return the ARN of the state machine that works on jobs of a type.

    Raises:
        UnknownJobTypeError: If there is none.
    """
    machines: dict[str, str] = json.loads(os.environ["WORKFLOWS"])
    try:
        return machines[job_type]
    except KeyError:
        raise UnknownJobTypeError(f"No workflow is registered for jobs of type {job_type!r}.") from None


def execution_arn(machine: str, job: Job) -> str:
    """Return the ARN that the execution of `job` has or will have."""
    return f"{machine.replace(':stateMachine:', ':execution:', 1)}:{_name(job)}"


def execution_input(job: Job) -> str:
    """Wrap the job's input, untouched, in what a workflow is told about its job."""
    text = job.input or ""
    _require_json(text)
    known = {"id": job.id, "tenant": job.tenant, "type": job.type, "attempt": job.attempt}
    # Embedded as text: parsing and writing it again would change numbers and the order of equal keys.
    whole = f'{json.dumps(known, separators=(",", ":"))[:-1]},"input":{text}}}'
    size = len(whole.encode())
    if size > MAX_INPUT_BYTES:
        raise _InputError("InputTooLarge", f"An execution takes {MAX_INPUT_BYTES} bytes; this job needs {size}.")
    return whole


def _name(job: Job) -> str:
    """Name the execution of an attempt: `<id>-<attempt>`, and for a tenant's job `<id>-<attempt>-t<digest of its key>`.

    Two tenants may use one id. A name has 80 characters, of those that CloudWatch Logs takes; the digest is of the
    whole key, so that a long id can be cut. No id makes a name of one form equal to one of
    the other: their ends differ.
    """
    if job.tenant == SINGLE_TENANT:
        return f"{job.id}-{job.attempt}"
    digest = b32encode(sha256(job.key.encode()).digest()[:_DIGEST_BYTES]).decode().lower()
    return f"{job.id[:_SHOWN_OF_ID]}-{job.attempt}-t{digest}"


def _require_json(text: str) -> None:
    """Refuse what Step Functions would refuse, and Python's own extensions to JSON."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _InputError("InputNotJson", f"The stored input is not JSON: {error}.") from error


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON value")
