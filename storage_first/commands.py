"""What the `storage-first` command does."""

import importlib.metadata
import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
from rich.console import Console

from storage_first.console import INTERRUPTED, fail
from storage_first.dlq.commands import dlq
from storage_first.jobs.commands import jobs
from storage_first.local.cloud import LocalCloud
from storage_first.local.errors import LocalCloudError
from storage_first.local.report import report_to
from storage_first.local.velocity import TemplateError
from storage_first.local.velocity import render as render_mapping
from storage_first.testing import EventError, load_event

_PORT: Final = 4700

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
cli.add_typer(dlq, name="dlq")
cli.add_typer(jobs, name="jobs")
_Port = Annotated[int, typer.Option(help="Where the first REST API is served.", min=0, max=65_535)]


def run() -> None:
    """Run the command line."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)  # all ways to end it run the same clean-up
    cli()


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(importlib.metadata.version("storage-first"))
        raise typer.Exit


@cli.callback()
def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """APIs that never lose a request, on your own machine."""
    del version  # its callback has shown it


@cli.command()
def up(
    app: Annotated[
        str | None,
        typer.Option(help="The command that synthesizes the app.", show_default="cdk.json's, or python app.py"),
    ] = None,
    port: _Port = _PORT,
    data: Annotated[Path | None, typer.Option(help="Keep all state in this directory.", file_okay=False)] = None,
) -> None:
    """Deploy a CDK app to this machine and serve it until Ctrl-C."""
    console = Console()
    with _told(), _started(console, app=app or _app_of(Path()), cwd=Path(), port=port, data=data) as cloud:
        for api in cloud.apis:
            console.print(f"{api.stack}/{api.name} ({api.stage}): {api.url}", soft_wrap=True, highlight=False)
        console.print(f"AWS endpoint: {cloud.endpoint}", soft_wrap=True, highlight=False)
        console.print(f"Logs: {cloud.logs}", soft_wrap=True, highlight=False)
        with suppress(KeyboardInterrupt):
            console.print("Serving. Press Ctrl-C to stop.")
            cloud.serve()


@cli.command()
def demo(port: _Port = _PORT) -> None:
    """Deploy the sample, Gopher Holes, and tell its story with real requests."""
    console = Console()
    app = shlex.join([sys.executable, "-m", "storage_first.sample"])
    with _told(), _started(console, app=app, cwd=_sample(), port=port) as cloud:
        story = importlib.import_module("storage_first.sample.demo")
        if not story.run(cloud, console):
            raise typer.Exit(1)


@cli.command()
def render(
    template: Annotated[Path, typer.Argument(help="The mapping template.", exists=True, dir_okay=False)],
    event: Annotated[Path, typer.Option(help="What it is given, as JSON.", exists=True, dir_okay=False)],
) -> None:
    """Render one API Gateway mapping template."""
    try:
        rendered = render_mapping(template.read_text("utf-8"), load_event(event))
    except (EventError, TemplateError, OSError, UnicodeDecodeError) as error:
        fail(str(error))
    typer.echo(rendered.text)


class _Format(StrEnum):
    JSON = "json"
    YAML = "yaml"


@cli.command()
def openapi(
    app: Annotated[
        str | None,
        typer.Option(help="The command that synthesizes the app.", show_default="cdk.json's, or python app.py"),
    ] = None,
    assembly: Annotated[
        Path | None, typer.Option(help="Read this cloud assembly, such as cdk.out, instead.", file_okay=False)
    ] = None,
    stack: Annotated[str | None, typer.Option(help="The stack of the API, if there are several.")] = None,
    api: Annotated[str | None, typer.Option(help="The API's construct, such as Api, if there are several.")] = None,
    format: Annotated[_Format, typer.Option(help="How the document is written.")] = _Format.JSON,
    server: Annotated[str | None, typer.Option(help="The address that the API is called at, stage included.")] = None,
) -> None:
    """Describe an app's StorageFirstApi in OpenAPI 3.1."""
    documents = importlib.import_module("storage_first.openapi")  # takes a while that other commands do without
    try:
        with _told():
            read = nullcontext(assembly) if assembly else documents.synthesized(app or _app_of(Path()), Path())
            with read as directory:
                found = documents.choose(documents.read_apis(directory), stack=stack, api=api)
                document = documents.describe(found, server=server)
    except documents.OpenApiError as error:
        fail(str(error))
    typer.echo(documents.written(document, format))


@contextmanager
def _started(console: Console, *, app: str, cwd: Path, port: int, data: Path | None = None) -> Iterator[LocalCloud]:
    with LocalCloud.start(app=app, cwd=cwd, port=port, data=data, report=report_to(console)) as cloud:
        for missing in cloud.not_emulated:
            console.print(f"not emulated: {missing}", soft_wrap=True, highlight=False, markup=False)
        yield cloud


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever ends the command early into one sentence and an exit code."""
    try:
        yield
    except LocalCloudError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("Interrupted; everything that was started has been stopped.", code=INTERRUPTED)


def _app_of(project: Path) -> str:
    """The command that cdk.json names, or the usual one."""
    settings = project / "cdk.json"
    try:
        app = json.loads(settings.read_text()).get("app") if settings.exists() else None
    except ValueError as error:
        raise LocalCloudError(f"{settings} is not JSON: {error}.") from None
    return app or "python app.py"


def _sample() -> Path:
    """Where the sample is synthesized: the checkout, for its cdk.json, else the installed package."""
    checkout = Path(__file__).parents[1]
    return checkout if (checkout / "cdk.json").exists() else Path(__file__).parent / "sample"


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
