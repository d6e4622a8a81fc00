"""What `storage-first dlq` does."""

import dataclasses
import itertools
import json
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Annotated, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from storage_first.console import INTERRUPTED, fail, say
from storage_first.dlq import inventory, letters
from storage_first.dlq.buckets import Bucket
from storage_first.dlq.errors import DlqError, told
from storage_first.dlq.hand import Hand
from storage_first.dlq.place import Place, place
from storage_first.dlq.queues import Queue, find_queue
from storage_first.dlq.redrive import BucketRun, Pace, QueueRun, Run, Tally, check_target

_WIDEST: Final = 1_000
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

dlq = typer.Typer(
    help="See what was given up, and send it again.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)

_Endpoint = Annotated[
    str | None,
    typer.Option(help="The local cloud's AWS endpoint, as `up` prints it; AWS if left out.", envvar="AWS_ENDPOINT_URL"),
]
_Profile = Annotated[str | None, typer.Option(help="The AWS profile.", show_default="the usual one")]
_Region = Annotated[str | None, typer.Option(help="The AWS Region.", show_default="the profile's")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Name = Annotated[str, typer.Argument(metavar="QUEUE", help="A dead-letter queue, or s3://BUCKET of a stream mapping.")]


@dlq.command("list")
def list_(
    *,
    stack: Annotated[str | None, typer.Option(help="Only what this stack's queues and mappings use.")] = None,
    as_json: _Json = False,
    endpoint: _Endpoint = None,
    profile: _Profile = None,
    region: _Region = None,
) -> None:
    """Show all dead-letter queues, and the buckets that stream mappings put discarded batches into."""
    with _told():
        where = _place(endpoint, profile, region)
        holders = inventory.inventory(where, stack)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(holder) for holder in holders], indent=2))
    elif not holders:
        typer.echo("There are no dead-letter queues.")
    else:
        _print_table(holders)


@dlq.command()
def show(
    name: _Name,
    *,
    most: Annotated[int, typer.Option("--max", help="How many to show.", min=1)] = 10,
    as_json: _Json = False,
    endpoint: _Endpoint = None,
    profile: _Profile = None,
    region: _Region = None,
) -> None:
    """Show dead letters and leave them where they are; SQS counts it as a receive of each."""
    with _told():
        where = _place(endpoint, profile, region)
        found = inventory.find(where, name)
        with closing(_letters(where, found, most)) as read:
            if as_json:
                typer.echo(json.dumps([letters.as_json(letter) for letter in read], indent=2))
                return
            shown = 0
            for letter in read:
                typer.echo(letters.as_text(letter))
                shown += 1
        if isinstance(found, Queue):
            say(_how_many(shown, found.messages, most))


@dlq.command()
def redrive(
    name: _Name,
    *,
    most: Annotated[int | None, typer.Option("--max", help="How many to send.", min=1, show_default="all")] = None,
    rate: Annotated[float | None, typer.Option(help="How many per second.", show_default="no limit")] = None,
    to: Annotated[
        str | None, typer.Option(metavar="QUEUE", help="The queue to send them to.", show_default="their source")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent where.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    endpoint: _Endpoint = None,
    profile: _Profile = None,
    region: _Region = None,
) -> None:
    """Send dead letters back to where they came from, and delete each once it is there.

    It can be interrupted at any time, and run again.
    """
    with _told():
        if rate is not None and not rate > 0:
            raise DlqError(f"--rate must be more than 0, got {rate:g}")
        where = _place(endpoint, profile, region)
        found = inventory.find(where, name)
        target = _target(where, found, to)
        goal = _goal(where, found, target)
        count = found.messages if isinstance(found, Queue) else found.extent()[0]
        total = count if most is None else min(count, most)
        things = "messages" if isinstance(found, Queue) else "batches"
        what = f"{things} of {found.name} to {goal}: {f'up to {most}' if most else 'all'} of about {count}"
        if dry_run or not total:
            say(f"Would send {what}." if total else f"{found.name} is empty.")
            return
        if not yes:
            _ask(f"Send {what}?")
        _run(where, found, target, most=most, rate=rate, total=total)


def _run(
    where: Place, found: Queue | Bucket, target: Queue | None, *, most: int | None, rate: float | None, total: int
) -> None:
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _finishing_first() as stop, Progress(*columns, console=console) as progress:
        task = progress.add_task("Sending", total=total)

        def advance(number: int) -> None:
            progress.advance(task, number)

        run: Run
        pace = Pace(rate)
        if isinstance(found, Queue):
            run = QueueRun(where, found, to=target, most=most, pace=pace, stop=stop, advance=advance)
        else:
            run = BucketRun(where, found, most=most, pace=pace, stop=stop, advance=advance)
        try:
            run.run()
        finally:
            progress.stop()
            _report(run.tally, found.name)
    if stop.is_set():
        fail("Interrupted; run it again to send the rest", code=INTERRUPTED)
    if run.tally.stayed or run.tally.undeleted:
        raise typer.Exit(1)


def _report(tally: Tally, name: str) -> None:
    """Say what came of a run, also if it failed."""
    for where, number in sorted(tally.sent.items()):
        say(f"Sent to {where}: {number}.")
    if not tally.sent:
        say("Nothing was sent.")
    for why, number in tally.stayed.most_common():
        say(f"Stayed in {name}: {number}, because {why}.", error=True)
    if tally.undeleted:
        say(f"Sent but still in {name}: {tally.undeleted}; the next run sends them once more.", error=True)
    if tally.arrived:
        say(f"Arrived in {name} meanwhile: {tally.arrived}; run it again for those.")


def _how_many(shown: int, there: int, most: int) -> str:
    """Say how much of a queue was shown, and why not all of it."""
    if there <= shown:
        return "That is all." if shown else "It is empty."
    if shown == most:
        return f"{shown} of about {there} messages; --max shows more."
    return (
        f"{shown} of about {there} messages: the others are in somebody's hands, or a FIFO queue keeps them back "
        "behind those shown."
    )


def _letters(where: Place, found: Queue | Bucket, most: int) -> Generator[letters.Letter]:
    """Read letters; messages are given back when all were read, or no more are wanted."""
    if isinstance(found, Bucket):
        for key in itertools.islice(found.batches(), most):
            yield letters.of_object(key, found.read(key))
        return
    inventory.sources(where, found)
    with Hand(where.client("sqs"), found.url) as hand:
        while (left := most - len(hand)) and (messages := hand.take(left)):
            yield from map(letters.of_message, messages)


def _target(where: Place, found: Queue | Bucket, to: str | None) -> Queue | None:
    if to is None:
        return None
    if isinstance(found, Bucket):
        raise DlqError("--to is for messages: batches of records go back to their own stream")
    target = find_queue(where, to)
    if target is None:
        raise DlqError(f"There is no queue {to!r} in {where.name}, as --to names")
    check_target(found, target)
    return target


def _goal(where: Place, found: Queue | Bucket, target: Queue | None) -> str:
    """Where the letters go, in words.

    With --to, any queue will do: also one that nothing names as its dead-letter queue any more.
    """
    if target is not None:
        return target.name
    sources = found.streams if isinstance(found, Bucket) else inventory.sources(where, found)
    names = [_short(arn) for arn in sources]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}, where each came from"


def _place(endpoint: str | None, profile: str | None, region: str | None) -> Place:
    chosen = place(endpoint=endpoint, profile=profile, region=region)
    say(f"In {chosen.name}.", error=True)
    return chosen


def _print_table(holders: list[inventory.Holder]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("DEAD-LETTER QUEUE", "left"), ("FROM", "left"), ("COUNT", "right"), ("OLDEST", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for holder in holders:
        age = str(timedelta(seconds=round(holder.oldest))) if holder.oldest is not None else "?" if holder.count else ""
        table.add_row(holder.name, "\n".join(map(_short, holder.sources)), str(holder.count), age)
    # Names are there to be copied: the table is as wide as they are.
    Console(width=_WIDEST).print(table, highlight=False, markup=False)


def _short(arn: str) -> str:
    """A queue's or stream's name; of a DynamoDB stream, its table's."""
    resource = arn.split(":", 5)[5]
    return resource.split("/")[1] if "/" in resource else resource


def _ask(question: str) -> None:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise DlqError("Nothing was sent; answer y, or give --yes where nobody can answer")


@contextmanager
def _finishing_first() -> Iterator[threading.Event]:
    """Have the first signal finish what is in hand, and a second one end it at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def heed(number: int, frame: object) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in _SIGNALS:
        signal.signal(number, heed)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever ends a command early into one sentence and an exit code."""
    try:
        yield
    except DlqError as error:
        fail(str(error))
    except (ClientError, BotoCoreError) as error:
        fail(told(error))
    except KeyboardInterrupt:
        fail("Interrupted", code=INTERRUPTED)
