"""What `storage-first jobs` does."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from storage_first.client import ApiError, Client, Job, JobCancelledError, JobFailedError, Status
from storage_first.console import INTERRUPTED, fail, one_line, say
from storage_first.jobs import words
from storage_first.jobs.retrying import Retrying

_UNFOLLOWED: Final = 2
_PATIENCE: Final = 15.0  # seconds for an answer that somebody waits for at a terminal
_LONG_PATIENCE: Final = 300.0  # whoever watches a job, watches it through an outage
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")
_LONGEST_SPAN: Final = timedelta(days=36_500)  # of which a date can be told
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

jobs = typer.Typer(
    help="List, follow, cancel and retry the jobs of an API.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


class _Retriable(StrEnum):
    FAILED = Status.FAILED
    CANCELLED = Status.CANCELLED


def _span(text: str) -> timedelta:
    if not (span := _SPAN.fullmatch(text)):
        raise typer.BadParameter(f"must be a number of s, m, h or d, such as 2h, got {text!r}")
    time = timedelta(**{_UNITS[span[2]]: int(span[1])})
    if time > _LONGEST_SPAN:
        raise typer.BadParameter(f"must be {_LONGEST_SPAN.days}d at most, got {text!r}")
    return time


_Url = Annotated[
    str,
    typer.Option(help="The API's address, stage included, as `up` prints it.", envvar="STORAGE_FIRST_URL"),
]
_Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Sent with each request; can be given several times."),
]
_ApiKey = Annotated[str | None, typer.Option(help="Sent as x-api-key.", envvar="STORAGE_FIRST_API_KEY")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Type = Annotated[str | None, typer.Option(help="Only jobs of this type.")]
_Since = Annotated[
    timedelta | None,
    typer.Option(parser=_span, metavar="SPAN", help="Only jobs created within it, such as 90s, 30m, 2h or 7d."),
]
_Id = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or its whole address.")]


@jobs.command("list")
def list_(
    *,
    status: Annotated[Status | None, typer.Option(help="Only jobs that are this.", case_sensitive=False)] = None,
    type: _Type = None,
    since: _Since = None,
    most: Annotated[int, typer.Option("--max", help="How many to show.", min=1)] = 50,
    as_json: _Json = False,
    url: _Url,
    header: _Headers = None,
    api_key: _ApiKey = None,
) -> None:
    """Show jobs, newest first."""
    with _told(), _api(url, header, api_key) as api:
        matching = _matching(api, status, type, since)
        found = list(itertools.islice(matching, most))
        more = next(matching, None) is not None
    if as_json:
        typer.echo(json.dumps([job.data for job in found], indent=2))
    elif not found:
        typer.echo("There are no such jobs.")
    else:
        Console(width=words.WIDEST).print(words.table(found))
    if more:
        say(f"There are more than {most}; --max shows more.", error=True)


@jobs.command()
def show(id: _Id, *, as_json: _Json = False, url: _Url, header: _Headers = None, api_key: _ApiKey = None) -> None:
    """Show a job."""
    with _told(), _api(url, header, api_key) as api:
        typer.echo(_written(_find(api, id), as_json=as_json))


@jobs.command()
def watch(id: _Id, *, as_json: _Json = False, url: _Url, header: _Headers = None, api_key: _ApiKey = None) -> None:
    """Show how far a job is, until it has ended.

    The exit code is 0 if it has succeeded, 1 if it has failed or was cancelled, and 2 if it could not be followed.
    Without a terminal, each change is a line.
    """
    with _told(code=_UNFOLLOWED), _api(url, header, api_key, patience=_LONG_PATIENCE) as api:
        job = _find(api, id)
        try:
            with _changes(as_json=as_json) as changed:
                changed(job)
                job.wait(on_progress=changed)
        except (JobFailedError, JobCancelledError) as ended:
            fail(one_line(str(ended)))
    say(f"The job {job.id} has succeeded.", error=as_json)


@jobs.command()
def cancel(id: _Id, *, as_json: _Json = False, url: _Url, header: _Headers = None, api_key: _ApiKey = None) -> None:
    """Cancel a job, and stop what works on it."""
    with _told(), _api(url, header, api_key) as api:
        typer.echo(_written(_find(api, id).cancel(), as_json=as_json))


@jobs.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="JOB", help="Jobs' ids or whole addresses.")] = None,
    *,
    status: Annotated[
        _Retriable | None, typer.Option(help="All jobs that are this, instead.", case_sensitive=False)
    ] = None,
    type: _Type = None,
    since: _Since = None,
    most: Annotated[int | None, typer.Option("--max", help="How many to retry.", min=1, show_default="all")] = None,
    rate: Annotated[float, typer.Option(help="How many per second, at most.", min=0.01)] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be retried.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: _Url,
    header: _Headers = None,
    api_key: _ApiKey = None,
) -> None:
    """Give failed or cancelled jobs a new attempt.

    It can be interrupted at any time, and run again: no job is retried twice.
    """
    if bool(ids) is bool(status):
        fail("Give the ids of jobs, or --status for all that have failed or were cancelled")
    if ids and (type or since or most):
        fail("--type, --since and --max belong to --status: leave them out, or the ids")
    with _told(), _api(url, header, api_key) as api:
        with Console(stderr=True).status("Looking for jobs"):
            found = (
                [_find(api, each) for each in dict.fromkeys(ids)]
                if ids
                else list(itertools.islice(_matching(api, status, type, since), most))
            )
        what = f"{words.jobs(len(found))} at {url}"
        if dry_run:
            typer.echo(f"Would retry {what}." + "".join(f"\n{words.summary(job)}" for job in found))
        elif not found:
            typer.echo("There are no such jobs.")
        else:
            if not ids and not yes:
                _ask(f"Retry {what}: all {status} ones{words.limits(type, since, most)}?")
            _run(Retrying(found, rate))


def _run(retrying: Retrying) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    interrupted = False
    try:
        with Progress(*columns) as progress:
            task = progress.add_task("Retrying", total=retrying.total)
            retrying.run(lambda: progress.advance(task))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        say(f"Retried: {retrying.retried}.")
        for why, number in retrying.stayed.most_common():
            say(one_line(f"Not retried: {number}, because {why}."), error=True)
    if interrupted:
        fail("Interrupted; run it again to retry the rest", code=INTERRUPTED)
    if retrying.stayed:
        raise typer.Exit(1)


def _matching(api: Client, status: str | None, type: str | None, since: timedelta | None) -> Iterator[Job]:
    """Jobs, newest first; no page is asked for that has only older ones than wanted."""
    found = api.jobs(status=status, type=type)
    if since is None:
        return found
    oldest = datetime.now(UTC) - since
    return itertools.takewhile(lambda job: job.created_at is None or job.created_at >= oldest, found)


def _find(api: Client, id: str) -> Job:
    return api.job(id if "://" in id else f"jobs/{quote(id, safe='')}")


def _written(job: Job, *, as_json: bool) -> str:
    return json.dumps(job.data, indent=2) if as_json else words.description(job)


@contextmanager
def _changes(*, as_json: bool) -> Iterator[Callable[[Job], None]]:
    """What shows a job whenever it has changed: a live bar, or a line where there is no terminal."""
    console = Console()
    live = console.is_terminal and not as_json
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    last = ""
    with Progress(*columns, console=console) if live else nullcontext() as bar:
        task = bar.add_task("", total=100) if bar else None

        def changed(job: Job) -> None:
            nonlocal last
            if bar and task is not None:
                bar.update(task, description=words.state(job), completed=words.percent(job))
                return
            line = json.dumps(job.data) if as_json else words.change(job)
            if line != last:
                typer.echo(line)
            last = line

        yield changed


@contextmanager
def _api(url: str, headers: list[str] | None, api_key: str | None, *, patience: float = _PATIENCE) -> Iterator[Client]:
    sent = {}
    for header in headers or []:
        name, colon, value = header.partition(":")
        if not (name.strip() and colon):
            fail("--header must be written as 'NAME: VALUE'")  # what was given may be secret
        if not header.isascii():
            fail("--header must be of ASCII characters, as HTTP's headers are")
        sent[name.strip()] = value.strip()
    if api_key:
        if not api_key.isascii():
            fail("The API key must be of ASCII characters, as HTTP's headers are")
        sent["x-api-key"] = api_key
    try:
        client = Client(url, headers=sent, timeout=patience)
    except ValueError as error:
        fail(f"--{error}")
    with client:
        yield client


def _ask(question: str) -> None:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        fail("Nothing was retried; answer y, or give --yes where nobody can answer")


@contextmanager
def _told(*, code: int = 1) -> Iterator[None]:
    """Turn whatever ends a command early into one sentence and an exit code."""
    try:
        yield
    except ApiError as error:
        fail(one_line(str(error)), code=code)
    except KeyboardInterrupt:
        fail("Interrupted", code=INTERRUPTED)
