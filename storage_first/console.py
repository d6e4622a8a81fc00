"""How the commands speak to whoever runs them."""

from typing import Final, NoReturn

import typer
from rich.console import Console

INTERRUPTED: Final = 130  # the exit code of what Ctrl-C ended


def say(sentence: str, *, error: bool = False) -> None:
    """Print a sentence, to standard error if it tells of an error."""
    Console(stderr=error).print(sentence, soft_wrap=True, highlight=False, markup=False)


def fail(sentence: str, *, code: int = 1) -> NoReturn:
    """Say why the command ends, and end it."""
    say(f"storage-first: {sentence.rstrip('.')}.", error=True)
    raise typer.Exit(code)
