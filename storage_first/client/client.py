"""The way into an API: submit a request, find a job."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, urlencode

import httpx

from storage_first.client.errors import AnswerError
from storage_first.client.job import Job, body_of, links_of
from storage_first.client.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Client:
    """Speaks to a storage-first API.

    What it sends is safe to repeat, so it does: after a lost answer, a 429, a 502, a 503 or a 504 it pauses for as long
    as `Retry-After` says, and a while that grows at random, then sends the same again. It is safe to share by threads;
    the jobs that it returns are not.

    The addresses that it calls are those that you give to it and those that the API answers with. It knows one by
    itself: the list of jobs is `jobs` below `url`.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Speak to the API at `url`; nothing is sent yet.

        Args:
            url: The API's address, with its stage and its root path if it has them: `https://api.example.com/prod`.
            headers: Sent with each request, such as an API key's `x-api-key`. No other origin sees them.
            auth: Signs each request anew, each time it is sent. No other origin sees its signatures.
            timeout: How many seconds one call may take, with all its repetitions and pauses. When a job is waited for,
                each look at it is a call.
            transport: How requests are sent, for tests: such as `httpx.MockTransport`.

        Raises:
            ValueError: If `url` is not such an address.
        """
        self._url = url.rstrip("/")
        given = _parsed(url)
        self._http = httpx.Client(transport=transport)
        self._sender = Sender(self._http, given, headers=dict(headers or {}), auth=auth, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, path: str, body: object, *, idempotency_key: str | None = None) -> Job:
        """Have the API store a request.

        Args:
            path: Where, below the client's url: `gophers`.
            body: Any JSON.
            idempotency_key: 1 to 64 of `A-Z a-z 0-9 _ -`. Submit the same under the same key, even in another process,
                and it is the same job. A new one if not given.

        Returns:
            The job; if the key was used before, as it is by now.

        Raises:
            ProblemError: If the API refuses it; with a 4xx nothing was stored.
            UnreachableError: If there is no answer: submit it again under the same key.
            ValueError: If `body` is not JSON, or `idempotency_key` is not such a key.
        """
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        if not _KEY.fullmatch(key):
            raise ValueError(f"idempotency_key must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -, got {key!r}")
        content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._job(self._sender.send("POST", self._at(path), content=content, headers=headers))

    def job(self, path: str) -> Job:
        """Look at a job.

        Args:
            path: Below the client's url, `jobs/0f1e`, or a whole address as in `job.links["self"]`.

        Raises:
            ProblemError: If there is none (404), or it cannot be looked at.
            UnreachableError: If there is no answer.
        """
        return self._job(self._sender.send("GET", self._at(path)))

    def jobs(self, *, status: str | None = None, type: str | None = None) -> Iterator[Job]:
        """List the caller's jobs, newest first; each page is asked for when it is needed.

        Args:
            status: Only those; one of `Status`.
            type: Only those.

        Raises:
            ProblemError: If they cannot be listed; with the status 400 there is no such `status`.
            UnreachableError: If there is no answer.
        """
        wanted = {name: value for name, value in (("status", status), ("type", type)) if value is not None}
        page: str | None = self._at(f"jobs?{urlencode(wanted, quote_via=quote)}" if wanted else "jobs")
        while page:
            answer = self._sender.send("GET", page)
            data = body_of(answer)
            if not isinstance(data, dict) or not isinstance(data.get("jobs"), list):
                raise AnswerError(f"{answer.url} answers with something that is no list of jobs")
            for each in data["jobs"]:
                yield Job(self._sender, answer, each)
            page = links_of(answer, data).get("next")

    def _job(self, answer: httpx.Response) -> Job:
        return Job(self._sender, answer, body_of(answer))

    def _at(self, path: str) -> str:
        return path if "://" in path else f"{self._url}/{path.lstrip('/')}"


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.query or parsed.fragment:
        raise ValueError(f"url must be the address of an API, such as https://api.example.com/prod, got {url!r}")
    if parsed.userinfo:
        raise ValueError("url must have no user and password, which would be in each job's links: use auth")
    return parsed
