"""What AWS's services say when a parameter breaks the rules of their model; no gap in itself."""

import re
from collections.abc import Sequence
from typing import Any

from ministack.core.responses import error_response_json


def violations(
    name: str, value: object, *, shortest: int = 0, longest: int | None = None, pattern: str | None = None
) -> list[str]:
    """The rules that `value` breaks, as AWS words them.

    Args:
        name: The parameter as AWS names it, for example `partitionKey`.
        value: What was given; `None` breaks no rule.
        shortest: The fewest characters.
        longest: The most characters.
        pattern: What it has to match as a whole.
    """
    if value is None:
        return []
    text = str(value)
    broken = []
    if pattern is not None and not re.fullmatch(pattern, text):
        broken.append(f"satisfy regular expression pattern: {pattern}")
    if len(text) < shortest:
        broken.append(f"have length greater than or equal to {shortest}")
    if longest is not None and len(text) > longest:
        broken.append(f"have length less than or equal to {longest}")
    return [f"Value '{text}' at '{name}' failed to satisfy constraint: Member must {rule}" for rule in broken]


def missing(name: str) -> str:
    """The rule that a required parameter breaks by not being there."""
    return f"Value null at '{name}' failed to satisfy constraint: Member must not be null"


def validation_message(broken: Sequence[str]) -> str:
    """What a service says of the rules that a request broke, at least one."""
    errors = "1 validation error" if len(broken) == 1 else f"{len(broken)} validation errors"
    return f"{errors} detected: {'; '.join(broken)}"


def validation_exception(broken: Sequence[str]) -> Any:
    """The answer of a service that takes JSON to a request that broke rules, at least one."""
    return error_response_json("ValidationException", validation_message(broken), 400)
