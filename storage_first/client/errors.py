"""What the client raises."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from storage_first.client.job import Job

_TRANSIENT: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class ApiError(Exception):
    """Any error of this client; the message is one sentence.

    Attributes:
        transient: Whether the same call may succeed later. The client has tried for as long as it may.
        retry_after: In how many seconds, if the API told.
    """

    transient: bool = False
    retry_after: float | None = None


class ProblemError(ApiError):
    """The API refused a request: its problem details (RFC 9457).

    Attributes:
        status: The HTTP status.
        title: The status in words.
        detail: What happened and what to do about it, if the API told.
        instance: The id of the request, which finds it in the API's logs, if the API told.
    """

    def __init__(
        self, status: int, title: str, *, detail: str | None, instance: str | None, retry_after: float | None
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance
        self.retry_after = retry_after
        self.transient = status in _TRANSIENT
        told = f"{status} {title}" + (f": {detail.rstrip('.')}" if detail else "")
        super().__init__(told + (f" (request {instance})" if instance else ""))


class UnreachableError(ApiError):
    """There was no answer: nobody knows whether the API got the request."""

    def __init__(self, request: str, reason: str, *, transient: bool) -> None:
        self.transient = transient
        super().__init__(f"There is no answer to {request}: {reason.rstrip('.') or 'the connection broke'}")


class AnswerError(ApiError):
    """The answer is not one of a storage-first API, or leads away from it."""


class LinkError(ApiError):
    """A job does not offer what was asked of it: one that has succeeded cannot be cancelled, for example.

    Attributes:
        job: The job, as it was when it was looked at.
        rel: What was asked.
    """

    def __init__(self, job: Job, rel: str) -> None:
        self.job = job
        self.rel = rel
        super().__init__(f"{job.id} is {job.status} and has no link {rel!r}")


class JobFailedError(ApiError):
    """A job has failed.

    Attributes:
        job: The job.
        code: Why, for programs.
        message: Why, for people.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        why = job.error or {}
        self.code: str | None = why.get("code")
        self.message: str | None = why.get("message")
        super().__init__(": ".join(["The job " + job.id + " has failed", *filter(None, (self.code, self.message))]))


class JobCancelledError(ApiError):
    """A job was cancelled.

    Attributes:
        job: The job.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"The job {job.id} was cancelled")


class JobTimeoutError(ApiError, TimeoutError):
    """A job did not end in time. It goes on: wait for it again.

    Attributes:
        job: The job, as it was last.
    """

    transient = True

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"The job {job.id} is still {job.status}")
