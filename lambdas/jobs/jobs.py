"""Jobs in their table. Every transition is one conditional write that names what it leaves and bumps the version."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from random import uniform
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.clients import dynamodb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

EXECUTIONS = "executions"  # the sparse index of jobs whose executions know nothing of them
OPEN_JOBS = "open"  # the sparse index of jobs that have not ended
SHARDS = "0123456789"  # its partition keys: more than one, so that no single partition takes every write
PAGE = 25
# An execution that has not started ten minutes after its claim never will without help.
FIRST_CHECK = timedelta(minutes=10)
# One that waits for a slot is started by whoever leaves one. This is for when that is missed.
WAITING_CHECK = timedelta(hours=1)
# Between two attempts of a job, twice as long each time.
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# Ten events of this size stay below what one PutEvents call takes, also when every character needs four bytes.
MAX_MESSAGE = 4096
MAX_CODE = 256


class Status(StrEnum):
    """What a job can be. The last three are terminal."""

    PENDING = "Pending"
    IN_PROGRESS = "In Progress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class UnreadableJobError(Exception):
    """An item of the jobs table is no job."""


class ResultTooLargeError(Exception):
    """The result does not fit into the job's item."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it was when it was read: what a transition is conditional on."""

    tenant: str
    id: str
    type: str
    status: Status
    attempt: int
    execution_arn: str | None = None
    request_id: str | None = None
    input: str | None = None
    created_at: str | None = None  # as stored: it tells jobs apart that had the same key one after the other
    updated_at: str | None = None
    is_open: bool = False  # to be looked after: it has not ended, or was cancelled and is not stopped yet
    is_waiting: bool = False  # for a slot of its type
    is_paused: bool = False  # until its next attempt, after one that has failed

    @classmethod
    def from_image(cls, image: Mapping[str, Any]) -> Self:
        """Read a job from an item as DynamoDB and its streams show it.

        Raises:
            UnreadableJobError: If an attribute that every job has is missing or of another kind.
        """
        try:
            created_at, updated_at = (image.get(name, {}).get("S") for name in ("createdAt", "updatedAt"))
            for moment in (created_at, updated_at):
                if moment is not None:
                    datetime.fromisoformat(moment)
            return cls(
                tenant=image["tenant"]["S"],
                id=image["id"]["S"],
                type=image["type"]["S"],
                status=Status(image["status"]["S"]),
                attempt=int(image["attempt"]["N"]),
                execution_arn=image.get("executionArn", {}).get("S"),
                request_id=image.get("requestId", {}).get("S"),
                input=image.get("input", {}).get("S"),
                created_at=created_at,
                updated_at=updated_at,
                is_open="open" in image,
                is_waiting="waitingFor" in image,
                is_paused=image["status"]["S"] == Status.PENDING and "error" in image,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreadableJobError(f"No job: {error!r} in an item with {sorted(image)}.") from error

    @property
    def key(self) -> str:
        """The partition key of the job's item."""
        return f"{self.tenant}#{self.id}"

    @property
    def unchanged_for(self) -> timedelta:
        """How long ago the job became what it is; for ever, if it does not say."""
        return timedelta.max if self.updated_at is None else now() - datetime.fromisoformat(self.updated_at)

    def is_same_attempt(self, other: Job | None) -> bool:
        """Tell whether `other` is this attempt of this very job."""
        return other is not None and (other.key, other.created_at, other.attempt) == (
            self.key,
            self.created_at,
            self.attempt,
        )


@dataclass(frozen=True, kw_only=True)
class OpenJob:
    """An entry of the index of open jobs, which may lag behind the job itself."""

    key: str
    check_at: str
    image: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The id of the job."""
        return self.key.partition("#")[2]


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def timestamp(time: datetime) -> str:
    """Write `time` so that times sort as strings: `2026-11-21T20:12:29.123Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def get(key: str) -> Job | None:
    """Read a job from the table itself."""
    answer = dynamodb().get_item(TableName=table(), Key={"pk": {"S": key}}, ConsistentRead=True)
    return Job.from_image(answer["Item"]) if "Item" in answer else None


def of_execution(arn: str) -> Job | None:
    """Find the job of an execution that cannot tell it itself: it was claimed as `found_by_execution`."""
    answer = dynamodb().query(
        TableName=table(),
        IndexName=EXECUTIONS,
        KeyConditionExpression="#execution = :execution",
        ExpressionAttributeNames={"#execution": "execution"},
        ExpressionAttributeValues={":execution": {"S": arn}},
    )
    found = (get(entry["pk"]["S"]) for entry in answer["Items"])
    job = next((job for job in found if job is not None and job.execution_arn == arn), None)
    return job and replace(job, status=Status.IN_PROGRESS)  # what the execution knows; it may have ended since


def claim(job: Job, execution_arn: str, *, found_by_execution: bool = False) -> bool:
    """Take `job` for the execution `execution_arn`: Pending -> In Progress.

    Args:
        job: The job.
        execution_arn: The execution that will work on it.
        found_by_execution: Whether `of_execution` is to find it.

    Returns:
        Whether that execution may be started: because the job is claimed now, or was claimed for this very execution
        before, by a run that may have died between the claim and the start.
    """
    time = now()
    seen = _seen(job)
    try:
        update(
            job.key,
            "SET #status = :next, #startedAt = :now, #updatedAt = :now, #executionArn = :execution, "
            f"{'#execution = :execution, ' if found_by_execution else ''}#checkAt = :check, #version = #version + :one "
            "REMOVE #error, #waitingFor",
            _is_as_seen(seen),
            next=Status.IN_PROGRESS,
            now=timestamp(time),
            execution=execution_arn,
            check=timestamp(time + FIRST_CHECK),
            one=1,
            **seen,
        )
    except ConditionFailedError as refused:
        if not refused.item:
            return False
        current = Job.from_image(refused.item)
        is_claimed = (current.status, current.execution_arn) == (Status.IN_PROGRESS, execution_arn)
        return is_claimed and job.is_same_attempt(current)
    return True


def succeed(job: Job, result: str) -> bool:
    """Close `job` with the JSON text `result`, unless it has moved on since it was read.

    Returns:
        Whether the job was closed by this call.

    Raises:
        ResultTooLargeError: If the item would exceed what DynamoDB stores.
    """
    try:
        return _close(job, Status.SUCCEEDED, "#result = :outcome", result)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            raise ResultTooLargeError(error.response["Error"]["Message"]) from error
        raise


def fail(job: Job, code: str, message: str) -> bool:
    """Close `job` with an error, unless it has moved on since it was read.

    Returns:
        Whether the job was closed by this call.
    """
    return _close(job, Status.FAILED, "#error = :outcome", _error(code, message))


def try_again(job: Job, code: str, message: str) -> bool:
    """Give `job` a new attempt after an error, unless it has moved on: In Progress -> Pending, to be started later.

    The pause before the next attempt doubles with each, and is cut at random: what has failed together does not come
    back together.

    Returns:
        Whether this call did it.
    """
    pause = min(SHORTEST_PAUSE * 2 ** (job.attempt - 1), LONGEST_PAUSE) * uniform(0.5, 1)  # noqa: S311  (no secret)
    return _leave_status(
        job,
        "SET #status = :next, #error = :outcome, #updatedAt = :now, #checkAt = :check, #attempt = :attempt + :one, "
        "#version = #version + :one REMOVE #startedAt, #executionArn, #progress, #result",
        next=Status.PENDING,
        outcome=_error(code, message),
        check=timestamp(now() + pause),
    )


def wait(job: Job) -> None:
    """Have a Pending job wait for a slot of its type. It is not a transition: the version stays."""
    seen = _seen(job)
    with contextlib.suppress(ConditionFailedError):  # it was cancelled meanwhile
        update(
            job.key,
            "SET #waitingFor = :type, #checkAt = :check",
            _is_as_seen(seen),
            type=job.type,
            check=timestamp(now() + WAITING_CHECK),
            **seen,
        )


def postpone(job: OpenJob, delay: timedelta) -> bool:
    """Look at an open job again after `delay`. It is not a transition: the version stays.

    Returns:
        Whether it was postponed; not if anything else has touched the schedule meanwhile.
    """
    try:
        update(job.key, "SET #checkAt = :check", "#checkAt = :seen", check=timestamp(now() + delay), seen=job.check_at)
    except ConditionFailedError:
        return False
    return True


def leave_index(job: Job) -> None:
    """Take a job that has ended out of the index of open jobs.

    One that was cancelled is in there until its execution is stopped. Any other may have been put there by a replay of
    its request: the one write that stores a request, or finds it stored, sets what is not there.
    """
    seen = _seen(job)
    with contextlib.suppress(ConditionFailedError):  # it was given a new attempt meanwhile
        update(job.key, "REMOVE #open, #checkAt", _is_as_seen(seen), **seen)


def due(latest: datetime) -> Iterator[OpenJob]:
    """Yield the open jobs that were to be looked at until `latest`, oldest first, one of each shard in turn."""
    shards = [_due_in(shard, timestamp(latest)) for shard in SHARDS]
    return (job for turn in zip_longest(*shards) for job in turn if job is not None)


def _due_in(shard: str, latest: str) -> Iterator[OpenJob]:
    pages = (
        dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=table(),
            IndexName=OPEN_JOBS,
            KeyConditionExpression="#open = :shard AND #checkAt <= :latest",
            ExpressionAttributeNames={"#open": "open", "#checkAt": "checkAt"},
            ExpressionAttributeValues={":shard": {"S": shard}, ":latest": {"S": latest}},
            PaginationConfig={"PageSize": PAGE},
        )
    )
    for page in pages:
        for image in page["Items"]:
            yield OpenJob(key=image["pk"]["S"], check_at=image["checkAt"]["S"], image=image)


class ConditionFailedError(Exception):
    """The item is not what the write expected.

    Attributes:
        item: What it is instead.
    """

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("The condition of the write does not hold.")
        self.item = item


def _close(job: Job, status: Status, assignment: str, outcome: str | dict[str, str]) -> bool:
    expires = now() + timedelta(seconds=int(os.environ["EXPIRE_AFTER_SECONDS"]))
    return _leave_status(
        job,
        f"SET #status = :next, {assignment}, #finishedAt = :now, #updatedAt = :now, #expiresAt = :expires, "
        "#version = #version + :one REMOVE #open, #checkAt, #waitingFor",
        next=status,
        outcome=outcome,
        expires=int(expires.timestamp()),
    )


def _leave_status(job: Job, expression: str, **values: str | int | dict[str, str]) -> bool:
    """Write a transition, unless the job has moved on since it was read; tell whether it was written."""
    seen = _seen(job)
    try:
        update(job.key, expression, _is_as_seen(seen), **values, **seen, now=timestamp(now()), one=1)
    except ConditionFailedError:
        return False
    return True


def _seen(job: Job) -> dict[str, str | int]:
    """Tell what a transition of `job` is conditional on."""
    seen: dict[str, str | int] = {"status": job.status, "attempt": job.attempt}
    if job.created_at is not None:
        seen["createdAt"] = job.created_at
    if job.execution_arn is not None:
        seen["executionArn"] = job.execution_arn
    return seen


def _is_as_seen(seen: Mapping[str, str | int]) -> str:
    return " AND ".join(f"#{name} = :{name}" for name in seen)


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code[:MAX_CODE], "message": message[:MAX_MESSAGE]}


def update(key: str, expression: str, condition: str, **values: str | int | set[str] | dict[str, str]) -> None:
    """Write an item under a condition; `#names` stand for themselves, `:values` are the keyword arguments.

    Raises:
        ConditionFailedError: If the condition does not hold.
    """
    names = set(re.findall(r"#(\w+)", expression + condition))
    try:
        dynamodb().update_item(
            TableName=table(),
            Key={"pk": {"S": key}},
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues={f":{name}": _attribute(value) for name, value in values.items()},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConditionFailedError(error.response.get("Item", {})) from error  # type: ignore[arg-type]
        raise


def _attribute(value: str | int | set[str] | dict[str, str]) -> Any:  # noqa: ANN401  (an attribute value is one of ten shapes)
    match value:
        case int():
            return {"N": str(value)}
        case set():
            return {"SS": sorted(value)}
        case dict():
            return {"M": {name: {"S": text} for name, text in value.items()}}
        case _:
            return {"S": str(value)}


def table() -> str:
    """Return the name of the table."""
    return os.environ["JOBS_TABLE"]
