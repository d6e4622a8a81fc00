"""What may become of a job: judges every change of an item at the moment it is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lifecycle.app import ATTEMPTS, MAX_RUNNING

Image = Mapping[str, Any]

TERMINAL = {"Succeeded", "Failed", "Cancelled"}
STATUS_AFTER: Mapping[str | None, set[str]] = {
    None: {"Pending"},
    "Pending": {"In Progress", "Failed", "Cancelled"},
    "In Progress": {"In Progress", "Pending", *TERMINAL},
    "Succeeded": set(),
    "Failed": {"Pending"},
    "Cancelled": {"Pending"},
}
UNCHANGING = ("pk", "id", "tenant", "type", "input", "createdAt", "requestId", "entity")
# Who is looked after when: of no interest to anyone else, so that these change without a version.
HOUSEKEEPING = {"open", "checkAt", "waitingFor", "execution"}


def text(image: Image, name: str) -> str | None:
    """Read a text or a number; None if the attribute is not there."""
    return next(iter(image[name].values())) if name in image else None


def number(image: Image, name: str) -> int:
    return int(image[name]["N"])


def visible(image: Image | None) -> Image:
    """Leave out what callers do not see."""
    return {name: value for name, value in (image or {}).items() if name not in HOUSEKEEPING}


@dataclass(frozen=True)
class Attempt:
    """One attempt of one job; the same key is free for another job when its job has expired."""

    key: str
    created: str
    number: int


def attempt_of(image: Image) -> Attempt:
    return Attempt(image["pk"]["S"], image["createdAt"]["S"], number(image, "attempt"))


@dataclass
class History:
    """All that ever became of the jobs.

    Attributes:
        images: Those of each job, from its first to its last, by key and time of creation.
        claims: The attempt that has claimed an execution, by the execution's ARN.
        effects: How often the work of each attempt was done.
        results: What the work of each attempt has given, as the job should show it.
        running: The keys of the jobs that are In Progress, each with its type.
    """

    images: dict[tuple[str, str], list[Image]] = field(default_factory=dict)
    claims: dict[str, Attempt] = field(default_factory=dict)
    effects: Counter[Attempt] = field(default_factory=Counter)
    results: dict[Attempt, str] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)

    def add(self, old: Image | None, new: Image, *, by_retry: bool) -> None:
        """Judge one change of a job.

        Args:
            old: The job before; None if there was none.
            new: The job now.
            by_retry: Whether a caller has just asked for a new attempt.
        """
        self.images.setdefault((new["pk"]["S"], new["createdAt"]["S"]), []).append(new)
        if old is None:
            assert (number(new, "version"), number(new, "attempt")) == (1, 1), "a job begins with 1"
            assert text(new, "status") == "Pending", "a job begins as Pending"
        elif visible(old) == visible(new):
            return
        else:
            self._check_change(old, new, by_retry=by_retry)
        _check_image(new)
        self._count(new)
        if "executionArn" in new and (old is None or "executionArn" not in old):
            claimed = self.claims.setdefault(new["executionArn"]["S"], attempt_of(new))
            assert claimed == attempt_of(new), "two attempts have one execution"
        if text(new, "status") == "Succeeded":
            self._check_success(new)

    def _check_change(self, old: Image, new: Image, *, by_retry: bool) -> None:
        before, now = text(old, "status"), text(new, "status")
        assert number(new, "version") == number(old, "version") + 1, "a change is one version"
        assert now in STATUS_AFTER[before], f"{before} -> {now}"
        assert before not in TERMINAL or by_retry, f"{before} absorbs, but for a retry"
        for name in UNCHANGING:
            assert old.get(name) == new.get(name), f"{name} has changed"
        again = number(new, "attempt") - number(old, "attempt")
        assert again == (now == "Pending"), "an attempt more is Pending, and the other way round"
        if before == "In Progress" and now == "Pending":
            assert number(old, "attempt") < ATTEMPTS.get(new["type"]["S"], 1), "no attempts are left"

    def _count(self, new: Image) -> None:
        key, type = new["pk"]["S"], new["type"]["S"]
        self.running.pop(key, None)
        if text(new, "status") == "In Progress":
            self.running[key] = type
            at_once = list(self.running.values()).count(type)
            assert at_once <= MAX_RUNNING.get(type, at_once), f"{at_once} jobs of type {type} run at once"

    def _check_success(self, new: Image) -> None:
        attempt = attempt_of(new)
        assert self.effects[attempt], f"{attempt} has Succeeded, its work was never done"
        assert text(new, "result") == self.results[attempt], "the result is that of the work"

    def work(self, attempt: Attempt, result: str, *, perhaps_again: bool) -> None:
        """Note that the work of an attempt is done; `perhaps_again` where nobody promises that it is done once."""
        self.effects[attempt] += 1
        self.results[attempt] = result
        assert perhaps_again or self.effects[attempt] == 1, f"the work of {attempt} is done again"


def _check_image(new: Image) -> None:
    status = text(new, "status")
    has_ended = status in TERMINAL
    for name in ("finishedAt", "expiresAt"):
        assert (name in new) == has_ended, f"{name} belongs to what has ended"
    for name in ("open", "checkAt"):
        # What was cancelled is to be stopped; what has ended may have been stored again, and is put away.
        assert (name in new) != has_ended or status == "Cancelled", f"{name} belongs to what has not ended"
    assert ("result" in new) == (status == "Succeeded")
    if status in {"In Progress", "Succeeded"}:
        assert "executionArn" in new, f"{status} without an execution"
        assert "startedAt" in new
    if status == "Pending":
        assert not {"executionArn", "startedAt", "progress"} & new.keys(), "a new attempt begins anew"
    # A further attempt keeps the error of the last until it is claimed.
    assert "error" not in new or status in {"Failed", "Pending", "Cancelled"}, "no error where nothing failed"
    assert "error" in new or status != "Failed", "a failure says why"
