"""Slots: of some types, only so many jobs may run at once.

The table has one item for each such type, with the set of attempts that run. To take a slot that one has, or to leave
one that one has not, changes nothing: every step can be repeated.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lambdas.clients import dynamodb
from lambdas.jobs import jobs
from lambdas.jobs.jobs import Job, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = "waiting"  # the sparse index of jobs that wait for a slot, oldest first
_AT_ONCE = 10  # entries of the index that are looked at together: it lags behind, so that the first may be gone


def take(job: Job, most: int) -> bool:
    """Take a slot for the attempt of a job, unless `most` others have one.

    Returns:
        Whether the attempt has a slot now.
    """
    try:
        jobs.update(
            _key(job.type),
            "ADD #running :one",
            "attribute_not_exists(#running) OR contains(#running, :name) OR size(#running) < :most",
            one={_name(job)},
            name=_name(job),
            most=most,
        )
    except jobs.ConditionFailedError:
        return False
    return True


def leave(job: Job) -> None:
    """Leave the slot of the attempt of a job, if it has one."""
    _leave(job.type, _name(job))


def next_in_line(job_type: str) -> Iterator[Job]:
    """Yield the jobs of a type that wait for a slot, oldest first."""
    pages = (
        dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=jobs.table(),
            IndexName=WAITING,
            KeyConditionExpression="#waitingFor = :type",
            ExpressionAttributeNames={"#waitingFor": "waitingFor"},
            ExpressionAttributeValues={":type": {"S": job_type}},
            PaginationConfig={"PageSize": _AT_ONCE},
        )
    )
    for page in pages:
        for entry in page["Items"]:
            job = jobs.get(entry["pk"]["S"])  # the index has no input, and may lag behind
            if job is not None and job.status is Status.PENDING:
                yield job


def audit(job_type: str) -> None:
    """Leave the slots of those that do not run any more, however they came to keep them."""
    answer = dynamodb().get_item(TableName=jobs.table(), Key={"pk": {"S": _key(job_type)}}, ConsistentRead=True)
    for name in answer.get("Item", {}).get("running", {}).get("SS", []):
        job = jobs.get(name.split(" ", 2)[2])
        if job is None or _name(job) != name or not _may_run(job):
            _leave(job_type, name)


def _may_run(job: Job) -> bool:
    is_unstopped = job.status is Status.CANCELLED and job.is_open
    return is_unstopped or job.status in {Status.PENDING, Status.IN_PROGRESS}


def _leave(job_type: str, name: str) -> None:
    with contextlib.suppress(jobs.ConditionFailedError):  # nobody has a slot
        jobs.update(_key(job_type), "DELETE #running :one", "attribute_exists(#running)", one={name})


def _name(job: Job) -> str:
    return f"{job.attempt} {job.created_at} {job.key}"


def _key(job_type: str) -> str:
    """Return the key of a type's item, which no job can have: theirs have a `#` in them, and types have none."""
    return f"~{job_type}"
