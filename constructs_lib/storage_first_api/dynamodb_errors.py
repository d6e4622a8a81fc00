"""Tells apart what DynamoDB answers with status 400: a failed condition, a throttle and a mistake alike."""

from collections.abc import Sequence
from http import HTTPStatus

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.integrations import Answer
from constructs_lib.storage_first_api.problems import Problem, choose
from constructs_lib.storage_first_api.templates import document

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_THROTTLES = ("Throttling", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "TransactionConflict")


def is_type(name: str) -> str:
    """Write the condition that DynamoDB's error is of a type; its name follows a namespace and `#`."""
    return f'$type.contains("{name}")'


def says(text: str) -> str:
    """Write the condition that the message of DynamoDB's error contains `text`."""
    return f'$message.contains("{text}")'


def refused(cases: Sequence[tuple[str, Problem]] = ()) -> Answer:
    """Answer DynamoDB's refusals: those in `cases`, throttling, and everything else as our own mistake.

    Args:
        cases: Conditions made by `is_type` and `says`, with what they mean.
    """
    throttled = " || ".join(map(is_type, _THROTTLES))
    verdict = choose([*cases, (throttled, problems.THROTTLED)], otherwise=problems.MISCONFIGURED)
    setup = """
#set($type = "$!input.path('$.__type')")
#set($message = "$!input.path('$.message')$!input.path('$.Message')")"""
    return Answer(
        outcome="400",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        template=document(verdict, setup=setup),
        headers={"Content-Type": problems.CONTENT_TYPE},
    )
