"""Tells apart what a service answers with a status of 400 and above: a refusal on purpose, a throttle, a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.integrations import Answer
from constructs_lib.storage_first_api.problems import Problem, choose
from constructs_lib.storage_first_api.templates import document, either

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.storage_first_api.templates import Raw

# Parts of the names by which services say that a caller should come back later.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html, and the service models
_THROTTLES = "Throttl|ThroughputExceeded|RequestLimitExceeded|ExecutionLimitExceeded|Conflict"


@dataclass(frozen=True, kw_only=True)
class ErrorFormat:
    """Where a protocol puts the type and the message of an error, as Velocity."""

    type: str
    message: str


AWS_JSON = ErrorFormat(type="$!input.path('$.__type')", message="$!input.path('$.message')$!input.path('$.Message')")
AWS_QUERY = ErrorFormat(type="$!input.path('$.Error.Code')", message="$!input.path('$.Error.Message')")
AWS_XML = ErrorFormat(type="$!input.body", message="$!input.body")


def is_type(name: str) -> str:
    """Write the condition that the name of the error contains `name`; it may follow a namespace and `#`."""
    return f"$type.contains('{name}')"


def says(text: str) -> str:
    """Write the condition that the message of the error contains `text`."""
    return f'$message.contains("{text}")'


def refused(
    cases: Sequence[tuple[str, Problem]] = (),
    *,
    outcome: str = r"[34]\d{2}",
    error_format: ErrorFormat = AWS_JSON,
    otherwise: Problem = problems.MISCONFIGURED,
    setup: str = "",
    unless: tuple[str, Raw] | None = None,
) -> Answer:
    """Answer a service's refusals: those in `cases`, throttling, and everything else, which is our own mistake.

    Args:
        cases: Conditions made by `is_type` and `says`, with what they mean.
        outcome: The statuses that the service refuses with, as a regular expression.
        error_format: Where the service says why.
        otherwise: What everything else is.
        setup: Directives that run first.
        unless: A condition under which nothing was refused after all, and what is answered then.
    """
    throttled = f"$type.matches('(?s).*({_THROTTLES}).*')"
    verdict = choose([*cases, (throttled, problems.THROTTLED)], otherwise=otherwise)
    setup = f"""
#set($type = "{error_format.type}")
#set($message = "{error_format.message}")
{setup}"""
    if unless:
        condition, answer = unless
        verdict = either(condition, answer, verdict)
    return Answer(
        outcome=outcome,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        template=document(verdict, setup=setup),
        headers={"Content-Type": problems.CONTENT_TYPE},
    )
