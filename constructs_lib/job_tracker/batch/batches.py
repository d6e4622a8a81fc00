"""The types of a tracker that have batches, and the work on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs import Construct

from constructs_lib.job_tracker.batch.limits import MAX_CONCURRENCY, require_count
from constructs_lib.job_tracker.batch.work import BatchWork
from constructs_lib.job_tracker.store import require_job_type

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_stepfunctions as sfn


def batch_type(job_type: str) -> str:
    """Name the type of the jobs that are batches of `job_type`."""
    return f"{job_type}.batch"


@dataclass(frozen=True, kw_only=True)
class _Settings:
    max_concurrency: int
    timeout: Duration


class Batches(Construct):
    """The types that have batches. A type and its workflow may come in any order."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Begin with none."""
        super().__init__(scope, id)
        self._settings: dict[str, _Settings] = {}

    def __contains__(self, job_type: object) -> bool:
        """Whether a type has batches."""
        return job_type in self._settings

    def add(self, job_type: str, *, max_concurrency: int, timeout: Duration) -> None:
        """Let a type have batches.

        Raises:
            ValueError: If it has, its name is too long for that, or `max_concurrency` is not from 1 to 40.
        """
        require_job_type("job_type with .batch after it", batch_type(job_type))
        if job_type in self:
            raise ValueError(f"job_type {job_type!r} has a batch store already; give that one to each of the routes.")
        require_count(
            "max_concurrency",
            max_concurrency,
            MAX_CONCURRENCY,
            because="an inline Map state runs 40 iterations at once",
        )
        self._settings[job_type] = _Settings(max_concurrency=max_concurrency, timeout=timeout)

    def define(
        self,
        job_type: str,
        *,
        machine: sfn.IStateMachine,
        knows_jobs: bool,
        table: dynamodb.ITableV2,
        expire_after: Duration,
    ) -> BatchWork:
        """Define the work on the batches of a type; see `BatchWork` for the arguments."""
        settings = self._settings[job_type]
        return BatchWork(
            self,
            job_type,
            job_type=job_type,
            machine=machine,
            knows_jobs=knows_jobs,
            table=table,
            expire_after=expire_after,
            timeout=settings.timeout,
            max_concurrency=settings.max_concurrency,
        )
