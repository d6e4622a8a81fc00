"""Jobs in their table. Every transition is one conditional write that names what it leaves and bumps the version."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.clients import dynamodb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

OPEN_JOBS = "open"  # the sparse index of jobs that have not ended
SHARDS = "0123456789"  # its partition keys: more than one, so that no single partition takes every write
PAGE = 25
# An execution that has not started ten minutes after its claim never will without help.
FIRST_CHECK = timedelta(minutes=10)
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
    created_at: datetime | None = None

    @classmethod
    def from_image(cls, image: Mapping[str, Any]) -> Self:
        """Read a job from an item as DynamoDB and its streams show it.

        Raises:
            UnreadableJobError: If an attribute that every job has is missing or of another kind.
        """
        try:
            return cls(
                tenant=image["tenant"]["S"],
                id=image["id"]["S"],
                type=image["type"]["S"],
                status=Status(image["status"]["S"]),
                attempt=int(image["attempt"]["N"]),
                execution_arn=image.get("executionArn", {}).get("S"),
                request_id=image.get("requestId", {}).get("S"),
                input=image.get("input", {}).get("S"),
                created_at=datetime.fromisoformat(image["createdAt"]["S"]) if "createdAt" in image else None,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreadableJobError(f"No job: {error!r} in an item with {sorted(image)}.") from error

    @property
    def key(self) -> str:
        """The partition key of the job's item."""
        return f"{self.tenant}#{self.id}"

    @property
    def age(self) -> timedelta:
        """How long ago the job was stored; for ever, if it does not say."""
        return timedelta.max if self.created_at is None else now() - self.created_at


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
    answer = dynamodb().get_item(TableName=_table(), Key={"pk": {"S": key}}, ConsistentRead=True)
    return Job.from_image(answer["Item"]) if "Item" in answer else None


def claim(job: Job, execution_arn: str) -> bool:
    """Take `job` for the execution `execution_arn`: Pending -> In Progress.

    Returns:
        Whether that execution may be started: because the job is claimed now, or was claimed for this very execution
        before, by a run that may have died between the claim and the start.
    """
    time = now()
    try:
        _update(
            job.key,
            "SET #status = :next, #startedAt = :now, #updatedAt = :now, #executionArn = :execution, "
            "#checkAt = :check, #version = #version + :one",
            "#status = :status AND #attempt = :attempt",
            next=Status.IN_PROGRESS,
            now=timestamp(time),
            execution=execution_arn,
            check=timestamp(time + FIRST_CHECK),
            one=1,
            status=Status.PENDING,
            attempt=job.attempt,
        )
    except _ConditionFailedError as refused:
        if not refused.item:
            return False
        current = Job.from_image(refused.item)
        return (current.status, current.attempt, current.execution_arn) == (
            Status.IN_PROGRESS,
            job.attempt,
            execution_arn,
        )
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
    outcome = {"code": code[:MAX_CODE], "message": message[:MAX_MESSAGE]}
    return _close(job, Status.FAILED, "#error = :outcome", outcome)


def postpone(job: OpenJob, delay: timedelta) -> bool:
    """Look at an open job again after `delay`. It is not a transition: the version stays.

    Returns:
        Whether it was postponed; not if anything else has touched the schedule meanwhile.
    """
    try:
        _update(job.key, "SET #checkAt = :check", "#checkAt = :seen", check=timestamp(now() + delay), seen=job.check_at)
    except _ConditionFailedError:
        return False
    return True


def leave_index(job: Job) -> None:
    """Take a job that has ended out of the index of open jobs, into which a replay of its request has put it.

    API Gateway cannot know better: the one write that stores a request, or finds it stored, sets what is not there.
    """
    with contextlib.suppress(_ConditionFailedError):  # it was given a new attempt meanwhile
        _update(job.key, "REMOVE #open, #checkAt", "#status = :status", status=job.status)


def due(latest: datetime) -> Iterator[OpenJob]:
    """Yield the open jobs that were to be looked at until `latest`, oldest first, one of each shard in turn."""
    shards = [_due_in(shard, timestamp(latest)) for shard in SHARDS]
    return (job for turn in zip_longest(*shards) for job in turn if job is not None)


def _due_in(shard: str, latest: str) -> Iterator[OpenJob]:
    pages = (
        dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=_table(),
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


class _ConditionFailedError(Exception):
    """The item is not what the write expected."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("The condition of the write does not hold.")
        self.item = item


def _close(job: Job, status: Status, assignment: str, outcome: str | dict[str, str]) -> bool:
    time = now()
    seen: dict[str, str | int] = {"status": job.status, "attempt": job.attempt}
    if job.execution_arn is not None:
        seen["executionArn"] = job.execution_arn
    expires = time + timedelta(seconds=int(os.environ["EXPIRE_AFTER_SECONDS"]))
    try:
        _update(
            job.key,
            f"SET #status = :next, {assignment}, #finishedAt = :now, #updatedAt = :now, #expiresAt = :expires, "
            "#version = #version + :one REMOVE #open, #checkAt",
            " AND ".join(f"#{name} = :{name}" for name in seen),
            next=status,
            outcome=outcome,
            now=timestamp(time),
            expires=int(expires.timestamp()),
            one=1,
            **seen,
        )
    except _ConditionFailedError:
        return False
    return True


def _update(key: str, update: str, condition: str, **values: str | int | dict[str, str]) -> None:
    """Write an item under a condition; `#names` stand for themselves, `:values` are the keyword arguments."""
    names = set(re.findall(r"#(\w+)", update + condition))
    try:
        dynamodb().update_item(
            TableName=_table(),
            Key={"pk": {"S": key}},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues={f":{name}": _attribute(value) for name, value in values.items()},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise _ConditionFailedError(error.response.get("Item", {})) from error  # type: ignore[arg-type]
        raise


def _attribute(value: str | int | dict[str, str]) -> Any:  # noqa: ANN401  (an attribute value is one of ten shapes)
    match value:
        case int():
            return {"N": str(value)}
        case dict():
            return {"M": {name: {"S": text} for name, text in value.items()}}
        case _:
            return {"S": str(value)}


def _table() -> str:
    return os.environ["JOBS_TABLE"]
