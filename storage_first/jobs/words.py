"""Jobs as people read them; safe to print on a terminal, whatever a workflow wrote into them."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from rich.table import Table
from rich.text import Text

from storage_first.client import Job, Status
from storage_first.console import one_line

WIDEST: Final = 1_000  # ids are there to be copied: a table is as wide as they are
_WHOLE: Final = 100


def jobs(number: int) -> str:
    """How many jobs."""
    return "1 job" if number == 1 else f"{number} jobs"


def limits(type: str | None, since: timedelta | None, most: int | None) -> str:
    """Which jobs were asked for."""
    said = [
        f"of type {type}" if type else "",
        f"created in the last {since}" if since else "",
        f"{most} at most" if most else "",
    ]
    return "".join(f", {each}" for each in said if each)


def table(found: Iterable[Job]) -> Table:
    """Jobs, one a line."""
    shown = Table("JOB", "TYPE", "STATUS", "ATTEMPT", "CREATED", box=None, pad_edge=False)
    for job in found:
        shown.add_row(*(Text(one_line(cell), no_wrap=True) for cell in _cells(job)))
    return shown


def summary(job: Job) -> str:
    """A job on one line."""
    return one_line("  ".join(_cells(job)))


def state(job: Job) -> str:
    """What a job is, and what it says of it."""
    return one_line(f"{job.status}: {job.progress.message}" if job.progress else job.status)


def percent(job: Job) -> int:
    """How far a job is."""
    if job.status == Status.SUCCEEDED:
        return _WHOLE
    return job.progress.percent if job.progress else 0


def change(job: Job) -> str:
    """How far a job is, as one line among others."""
    return f"{percent(job):3}% {state(job)}"


def description(job: Job) -> str:
    """A job on several lines."""
    return "\n".join(_lines(job))


def _lines(job: Job) -> Iterator[str]:
    yield one_line(f"{job.id}: {job.status}")
    facts = {
        "type": job.type,
        "attempt": job.attempt,
        "created": _time(job.created_at),
        "started": _time(job.started_at),
        "finished": _time(job.finished_at),
        "progress": f"{job.progress.percent}% {job.progress.message}" if job.progress else None,
        "error": ": ".join(filter(None, (job.error.get("code"), job.error.get("message")))) if job.error else None,
        "result": json.dumps(job.result, ensure_ascii=False) if job.result is not None else None,
        "made": job.links.get("entity"),
    }
    for name, fact in facts.items():
        if fact:
            yield f"  {name}: {one_line(str(fact))}"


def _cells(job: Job) -> tuple[str, ...]:
    return job.id, job.type or "", job.status, str(job.attempt or ""), _time(job.created_at)


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
