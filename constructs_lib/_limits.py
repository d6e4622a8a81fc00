"""AWS's limits, checked at synth, where the mistake is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Token

if TYPE_CHECKING:
    from aws_cdk import Duration


def require_between(argument: str, value: float, least: int, most: int, *, because: str = "") -> None:
    """Refuse a number outside of AWS's limits; one that only deployment knows passes.

    Args:
        argument: As the caller typed it.
        value: What was given.
        least: The smallest number allowed.
        most: The largest number allowed.
        because: Why, or what to do instead.

    Raises:
        ValueError: If it is smaller or larger.
    """
    if not Token.is_unresolved(value) and not least <= value <= most:
        raise ValueError(f"{argument} must be {least:,} to {most:,}, got {value:,}.{because and ' ' + because}")


def require_duration(argument: str, value: Duration, least: Duration, most: Duration, *, because: str = "") -> None:
    """Refuse a duration outside of AWS's limits; one that only deployment knows passes.

    Raises:
        ValueError: If it is shorter or longer.
    """
    if not value.is_unresolved() and not least.to_seconds() <= value.to_seconds() <= most.to_seconds():
        raise ValueError(
            f"{argument} must be {least.to_human_string()} to {most.to_human_string()}, "
            f"got {value.to_human_string()}.{because and ' ' + because}"
        )
