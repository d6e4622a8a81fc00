"""What a tracker and its workflows cannot be, told at synth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_stepfunctions as sfn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

EXPRESS_TIMEOUT = Duration.minutes(5)  # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html


def require_existing(scope: Construct, machine: sfn.IStateMachine, given: Sequence[str]) -> None:
    """Refuse a machine whose executions cannot be followed, and settings that are its own."""
    if given:
        raise ValueError(f"{', '.join(given)} of workflow cannot be given for a state_machine, which has its own.")
    if getattr(machine, "state_machine_type", None) == sfn.StateMachineType.EXPRESS:
        raise ValueError(
            "state_machine must be a Standard one: nobody tells of the end of Express executions. Give its definition, "
            "with state_machine_type=StateMachineType.EXPRESS."
        )
    here, there = Stack.of(scope), machine.env
    for name, mine, its in (("account", here.account, there.account), ("Region", here.region, there.region)):
        if mine != its and not Token.is_unresolved(mine) and not Token.is_unresolved(its):
            raise ValueError(
                f"state_machine must be of the tracker's {name}, where Step Functions tells of its executions: "
                f"{mine}, got {its}."
            )


def require_express(attempts: int, timeout: Duration | None) -> None:
    """Refuse what an Express workflow cannot do."""
    if attempts > 1:
        raise ValueError(
            f"attempts of an Express workflow must be 1, got {attempts}: nobody tells of the end of its executions. "
            "Add a Retry to its states."
        )
    if timeout is not None and not timeout.is_unresolved() and timeout.to_seconds() > EXPRESS_TIMEOUT.to_seconds():
        raise ValueError(
            f"timeout of an Express workflow must be at most {EXPRESS_TIMEOUT.to_human_string()}, "
            f"got {timeout.to_human_string()}."
        )


def require_at_least(argument: str, value: Duration, least: Duration) -> None:
    """Refuse a duration that is too short."""
    if not value.is_unresolved() and value.to_seconds() < least.to_seconds():
        raise ValueError(f"{argument} must be at least {least.to_human_string()}, got {value.to_human_string()}.")
