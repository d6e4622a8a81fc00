"""What the local cloud tells while it works."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Report(Protocol):
    """Where progress goes."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """Show that `text` is going on, until the context ends."""

    def note(self, text: str) -> None:
        """Tell something that stays on the screen."""


class Spinner:
    """Progress on a terminal: a line that moves and counts the seconds, and goes away."""

    def __init__(self, console: Console) -> None:
        """Report to `console`."""
        self._console = console

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show a spinner beside `text`."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            progress.add_task(text, total=None)
            yield

    def note(self, text: str) -> None:
        """Print `text`."""
        self._console.print(text, highlight=False, markup=False)


class Lines:
    """Progress where nothing can move, a log file for example: one line for each step."""

    def __init__(self, console: Console) -> None:
        """Report to `console`."""
        self._console = console

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print `text` as the step begins."""
        self.note(f"{text} ...")
        yield

    def note(self, text: str) -> None:
        """Print `text`."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


class Silence:
    """No progress at all: for tests, and for whoever reports in another way."""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say nothing."""
        del text
        yield

    def note(self, text: str) -> None:
        """Say nothing."""


def report_to(console: Console) -> Report:
    """The way to report that suits `console`."""
    return Spinner(console) if console.is_terminal else Lines(console)
