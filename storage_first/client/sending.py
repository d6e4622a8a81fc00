"""Send a request until there is an answer to it, and to nobody else than whom it is for."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

import httpx

from storage_first.client.deadline import Deadline, sleep
from storage_first.client.errors import AnswerError, ProblemError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# "Full jitter": a random part of a ceiling that doubles, so that callers who failed together do not return together.
# https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0)
_ANSWERED_WITHIN: Final = 30.0  # API Gateway itself answers within 29 seconds
_MOST_REDIRECTS: Final = 5
_LOST: Final = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
_YEAR: Final = 31_536_000.0


class Sender:
    """Sends requests that are safe to repeat, or say before that they are not wanted any more.

    Attributes:
        timeout: How many seconds one request may take, with all that is repeated.
    """

    def __init__(
        self, http: httpx.Client, url: httpx.URL, *, headers: Mapping[str, str], auth: httpx.Auth | None, timeout: float
    ) -> None:
        """Send through `http`, and show `headers` and `auth` to the origin of `url` alone."""
        self.timeout = timeout
        self._http = http
        self._origin = _origin(url)
        self._headers = headers
        self._auth = auth

    def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        unless: Callable[[float], bool] | None = None,
    ) -> httpx.Response:
        """Send a request, again and again if need be, and return the answer, which is a success.

        Args:
            method: The HTTP method.
            url: Whole, and of the API's origin.
            content: The body.
            headers: What belongs to the request itself.
            within: Seconds, if there are fewer left than `timeout`.
            unless: Asked before each repetition, with the seconds left, whether the request has had its effect after
                all; for requests that must not have it twice.

        Raises:
            ProblemError: If the API refuses it, or does so still when the time is over.
            UnreachableError: If there is no answer. After `unless`, one of these two tells how it went before.
            AnswerError: If `url` is of another origin, or there are too many redirects.
        """
        if _origin(httpx.URL(url)) != self._origin:
            raise AnswerError(f"{url} is not of {'{}://{}'.format(*self._origin)}, whose credentials it must not see")
        deadline = Deadline(self.timeout if within is None else min(within, self.timeout))
        ceilings = chain(_PAUSES, repeat(_PAUSES[-1]))
        while True:
            try:
                return self._send_once(method, url, content, headers or {}, deadline)
            except (ProblemError, UnreachableError) as failure:
                pause = (failure.retry_after or 0.0) + random.uniform(0.0, next(ceilings))  # noqa: S311 - no secret
                if not failure.transient or pause >= deadline.left:
                    raise
                sleep(pause)
                if unless and unless(deadline.left):
                    raise

    def _send_once(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str], deadline: Deadline
    ) -> httpx.Response:
        """Send a request and follow its redirects. Only a 303 turns it into a GET: the others would lose the body."""
        target = httpx.URL(url)
        for _ in range(1 + _MOST_REDIRECTS):
            answer = self._exchange(method, target, content, headers, deadline)
            if not answer.has_redirect_location:
                break
            target = join(answer.url, answer.headers["Location"])
            if answer.status_code == HTTPStatus.SEE_OTHER:
                method, content, headers = "GET", None, {}
        else:
            raise AnswerError(f"{method} {url} was redirected more than {_MOST_REDIRECTS} times")
        if not answer.is_success:
            raise _problem(answer)
        return answer

    def _exchange(
        self, method: str, url: httpx.URL, content: bytes | None, headers: Mapping[str, str], deadline: Deadline
    ) -> httpx.Response:
        ours = _origin(url) == self._origin
        sent = httpx.Headers(self._headers if ours else None)
        sent.update({"Accept": "application/json", **headers})
        timeout = min(_ANSWERED_WITHIN, deadline.left)
        request = self._http.build_request(method, url, content=content, headers=sent, timeout=timeout)
        try:
            return self._http.send(request, auth=self._auth if ours else None, follow_redirects=False)
        except httpx.RequestError as error:
            raise UnreachableError(f"{method} {url}", str(error), transient=isinstance(error, _LOST)) from error


def join(base: httpx.URL, href: str) -> httpx.URL:
    """Make a link whole.

    Raises:
        AnswerError: If it is no link.
    """
    try:
        return base.join(href)
    except httpx.InvalidURL as error:
        raise AnswerError(f"{base} has a link that is none, {href!r}: {error}") from None


def retry_after(answer: httpx.Response) -> float | None:
    """In how many seconds the API wants to be asked again; None if it does not tell, or not clearly.

    RFC 9110, 10.2.3: seconds, or a date. A date is held against the API's own clock, which need not agree with ours.
    """
    told = answer.headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return min(float(told), _YEAR)
    if (then := _date(told)) is None:
        return None
    now = _date(answer.headers.get("Date", "")) or datetime.now(UTC)
    return min(max(0.0, (then - now).total_seconds()), _YEAR)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _problem(answer: httpx.Response) -> ProblemError:
    """Read why the API refused a request; what is in front of it may answer in other words."""
    try:
        told: Any = answer.json()
    except ValueError:
        told = None
    texts = {key: text for key, text in told.items() if isinstance(text, str)} if isinstance(told, dict) else {}
    return ProblemError(
        answer.status_code,
        texts.get("title") or answer.reason_phrase,
        detail=texts.get("detail") or texts.get("message"),
        instance=texts.get("instance"),
        retry_after=retry_after(answer),
    )


def _origin(url: httpx.URL) -> tuple[str, str]:
    return url.scheme, url.netloc.decode("ascii")
