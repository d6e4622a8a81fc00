"""How the commands speak to whoever runs them."""

import unicodedata
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


def harmless(text: str) -> str:
    r"""`text` with everything that could steer a terminal or deceive a reader as an escape, but for `\n` and `\t`."""
    return "".join(char if _shows_itself(char) else _escape(char) for char in text)


def one_line(text: str) -> str:
    """The same in one line."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def _shows_itself(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"  # noqa: PLR2004 - the last of \u
