"""Retry many jobs, each once."""

from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from storage_first.client import Job, LinkError, ProblemError
from storage_first.client.deadline import Deadline, sleep

_OF_THE_JOB: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT})


class Retrying:
    """A run that retries jobs.

    Attributes:
        total: How many there are.
        retried: How many were retried.
        stayed: How many were not, and why.
    """

    def __init__(self, jobs: Sequence[Job], rate: float) -> None:
        """Prepare to retry `jobs`, at most `rate` of them per second."""
        self.total = len(jobs)
        self.retried = 0
        self.stayed: Counter[str] = Counter()
        self._jobs = jobs
        self._pause = 1 / rate

    def run(self, advance: Callable[[], None]) -> None:
        """Retry the jobs, and call `advance` after each.

        Raises:
            ApiError: If the API is away or refuses the caller; what was retried until then is retried.
        """
        turn = Deadline(0)
        for job in self._jobs:
            sleep(turn.left)
            turn = Deadline(self._pause)
            if (why := _retry(job)) is None:
                self.retried += 1
            else:
                self.stayed[why] += 1
            advance()


def _retry(job: Job) -> str | None:
    """Retry a job, or say why not.

    Since it was found, another run may have retried it, and it may have failed again.
    """
    attempt = job.attempt
    try:
        if job.refresh().attempt != attempt:
            return "they were retried meanwhile"
        job.retry()
    except LinkError:
        return f"they are {job.status}"
    except ProblemError as problem:
        if problem.status not in _OF_THE_JOB:
            raise
        return (problem.detail or problem.title).rstrip(".")
    return None
