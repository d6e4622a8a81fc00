"""What clients send over the WebSocket, and what they are answered.

Whatever a client receives is `{"detail-type", "detail"}`, as events are on the bus; answers also name the `job`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBSCRIBE: Final = "subscribe"
UNSUBSCRIBE: Final = "unsubscribe"
_MEMBERS: Final = ("action", "job")
_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_ECHO: Final = 100


class RefusedError(Exception):
    """A message of a client that cannot be followed; the client is told why."""

    def __init__(self, code: str, message: str, job: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.job = job

    @property
    def answer(self) -> str:
        """What the client is told."""
        return answer("Refused", self.job, {"code": self.code, "message": str(self)})


@dataclass(frozen=True)
class Request:
    """What a client asks for.

    Attributes:
        action: `SUBSCRIBE` or `UNSUBSCRIBE`.
        job: The id of a job; None for all of the client's own.
    """

    action: str
    job: str | None


def read(body: str) -> Request:
    """Read a message of a client.

    Raises:
        RefusedError: If it is none that is known.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("A message must be JSON", body) from None
    if not isinstance(message, dict):
        raise _invalid('A message must be an object such as {"action": "subscribe", "job": "ID"}', message)
    if unknown := [name for name in message if name not in _MEMBERS]:
        raise _invalid("A message has an action and a job, and nothing else", unknown[0])
    action = message.get("action")
    if action not in (SUBSCRIBE, UNSUBSCRIBE):
        raise _invalid("action must be subscribe or unsubscribe", action)
    job = message.get("job")
    if "job" in message and not (isinstance(job, str) and _JOB_ID.fullmatch(job)):
        rule = "job must be the id of a job, which has 1 to 64 letters, digits, dashes and underscores"
        raise _invalid(f"{rule}, or be left out for all jobs of your own", job)
    return Request(action, job)


def answer(kind: str, job: str | None, detail: Mapping[str, Any] | None = None) -> str:
    """Write what a client is answered."""
    return json.dumps({"detail-type": kind, "job": job, "detail": detail})


def event(kind: str, detail: Mapping[str, Any]) -> str:
    """Write what subscribers are told."""
    return json.dumps({"detail-type": kind, "detail": detail})


def _invalid(rule: str, given: object) -> RefusedError:
    text = json.dumps(given)
    shown = text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}..."
    return RefusedError("InvalidMessage", f"{rule}; got {shown}.")
