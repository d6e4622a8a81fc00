"""One job, as the API told of it last."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from storage_first.client.deadline import Deadline, sleep
from storage_first.client.errors import (
    AnswerError,
    JobCancelledError,
    JobFailedError,
    JobTimeoutError,
    LinkError,
    ProblemError,
    UnreachableError,
)
from storage_first.client.sending import join, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from storage_first.client.sending import Sender


class Status(StrEnum):
    """What a job can be."""

    PENDING = "Pending"
    IN_PROGRESS = "In Progress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


_SHORTEST_LOOK: Final = 1.0  # seconds: who has no time left gets an answer all the same
_ENDED: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
_USUAL_PAUSE: Final = 1.0  # seconds between two looks, if the API has no wish


class Progress(NamedTuple):
    """How far a job is.

    Attributes:
        percent: From 0 to 100.
        message: In words.
    """

    percent: int
    message: str


class Job:
    """A stored request, and what has become of it.

    It is as the API told of it last, and each method brings it up to date. Right after `submit` and `retry`, the API
    has told only its id, status and links; a job of a list lacks its progress, result and error.

    Attributes:
        id: The job's id, and that of the entity that it makes.
        status: One of `Status`.
        type: What kind of job it is.
        attempt: How often it was started, this time included.
        version: Grows with every change.
        created_at: When it was stored; `started_at`, `finished_at` and `updated_at` likewise.
        progress: How far it is, if it told.
        result: What came of it, once it has succeeded: any JSON.
        error: `code` and `message`, if it has failed.
        links: Where the API says that one can go from here, by relation; whole addresses.
        data: All that the API told, as it told it.
    """

    def __init__(self, sender: Sender, answer: httpx.Response, data: Any) -> None:  # noqa: ANN401 - any JSON
        """Made by `Client` of an answer that holds `data`."""
        self._sender = sender
        self._read(answer, data)

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.status}>"

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it, unless it is retried."""
        return self.status in _ENDED

    def refresh(self) -> Self:
        """Look at the job as it is now.

        Raises:
            ProblemError: If it cannot be looked at; with the status 404 there is none, or none any more.
            UnreachableError: If there is no answer.
            LinkError: If the request was stored, but not as a job.
        """
        return self._refresh(None)

    def wait(self, *, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None) -> Self:
        """Look at the job until it has succeeded, as often as the API wants to be asked.

        Args:
            timeout: For how many seconds; None is for as long as it takes.
            on_progress: Called with this job at first, and whenever it has changed.

        Raises:
            JobFailedError: If it has failed.
            JobCancelledError: If it was cancelled.
            JobTimeoutError: If it has not ended in time. It goes on: it can be waited for again.
            ProblemError: If it cannot be looked at, for longer than the client's timeout.
            UnreachableError: If there is no answer, for as long.
            LinkError: If the request was stored, but not as a job.
        """
        deadline = Deadline(math.inf if timeout is None else timeout)
        told = None
        while not (told and self.ended):
            if (pause := self._due.left) > deadline.left:
                raise JobTimeoutError(self)
            sleep(pause)
            self._look(deadline)
            now = (self.version, self.status, self.progress)
            if now != told and on_progress:
                on_progress(self)
            told = now
        if self.status == Status.FAILED:
            raise JobFailedError(self)
        if self.status == Status.CANCELLED:
            raise JobCancelledError(self)
        return self

    def cancel(self) -> Self:
        """Cancel the job. One that is cancelled already stays so.

        Raises:
            LinkError: If it has ended otherwise.
            ProblemError: If it has just ended otherwise (409), or cannot be cancelled.
            UnreachableError: If there is no answer.
        """
        try:
            link = self._link("cancel")
        except LinkError:
            if self.status != Status.CANCELLED:
                raise
            return self
        return self._take(self._sender.send("DELETE", link))

    def retry(self) -> Self:
        """Give a job that has failed or was cancelled a new attempt: one, also if answers are lost on the way.

        Raises:
            LinkError: If it has not failed and was not cancelled.
            ProblemError: If it cannot be retried.
            UnreachableError: If there is no answer.
        """
        link, attempt = self._link("retry"), self.attempt
        try:
            answer = self._sender.send("POST", link, unless=lambda left: self._refresh(left).attempt != attempt)
        except (ProblemError, UnreachableError) as failure:
            # The new attempt may be there, and the answer to it lost; it may even have failed already.
            if isinstance(failure, ProblemError) and failure.status == HTTPStatus.CONFLICT:
                self.refresh()
            if self.attempt == attempt:
                raise
            return self
        return self._take(answer)

    def entity(self) -> Any:  # noqa: ANN401 - whatever the API keeps
        """Read what the job has made.

        Raises:
            LinkError: If it has made nothing that has an address.
            ProblemError: If it cannot be read.
            UnreachableError: If there is no answer.
        """
        return body_of(self._sender.send("GET", self._link("entity")))

    def _look(self, deadline: Deadline) -> None:
        """Look at the job before `deadline`, which is not missed because the API is away."""
        hurry = deadline.left < self._sender.timeout
        try:
            self._refresh(max(deadline.left, _SHORTEST_LOOK))
        except (ProblemError, UnreachableError) as failure:
            if failure.transient and hurry:
                raise JobTimeoutError(self) from failure
            raise

    def _refresh(self, within: float | None) -> Self:
        if "self" not in self.links:
            raise LinkError(self, "self")
        return self._take(self._sender.send("GET", self.links["self"], within=within))

    def _link(self, rel: str) -> str:
        """Where a link leads. One that is not known may be there by now."""
        if rel not in self.links:
            self.refresh()
        if rel not in self.links:
            raise LinkError(self, rel)
        return self.links[rel]

    def _take(self, answer: httpx.Response) -> Self:
        self._read(answer, body_of(answer))
        return self

    def _read(self, answer: httpx.Response, data: Any) -> None:  # noqa: ANN401 - as above
        try:
            self.id: str = data["id"]
            self.status: str = data["status"]
            self.type: str | None = data.get("type")
            self.attempt: int | None = data.get("attempt")
            self.version: int | None = data.get("version")
            self.created_at = _moment(data, "createdAt")
            self.started_at = _moment(data, "startedAt")
            self.finished_at = _moment(data, "finishedAt")
            self.updated_at = _moment(data, "updatedAt")
            progress = data.get("progress")
            self.progress = Progress(progress["percent"], progress["message"]) if progress else None
            self.result: Any = data.get("result")
            self.error: Mapping[str, str] | None = data.get("error")
            self.links = links_of(answer, data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise AnswerError(f"{answer.url} answers with something that is no job ({error!r})") from error
        self.data: Mapping[str, Any] = data
        if own := self.links.get("job") or _location(answer):
            self.links.setdefault("self", own)
        self._due = Deadline(retry_after(answer) or (0 if self.ended else _USUAL_PAUSE))


def body_of(answer: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    """Read the JSON of an answer.

    Raises:
        AnswerError: If it is none.
    """
    try:
        return answer.json()
    except ValueError:
        raise AnswerError(
            f"{answer.url} answers with something that is not JSON: is it the address of an API, with its stage?"
        ) from None


def links_of(answer: httpx.Response, data: Mapping[str, Any]) -> dict[str, str]:
    """The links of what was answered, whole, by relation."""
    try:
        return {link["rel"]: str(join(answer.url, link["href"])) for link in data.get("links", [])}
    except (AttributeError, KeyError, TypeError) as error:
        raise AnswerError(f"{answer.url} answers with links that are none ({error!r})") from error


def _location(answer: httpx.Response) -> str | None:
    return str(join(answer.url, answer.headers["Location"])) if "Location" in answer.headers else None


def _moment(data: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(data[name]) if data.get(name) else None
