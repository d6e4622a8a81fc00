"""Tell those who have subscribed to a job of what has changed.

A subscriber hears everything, or finds its connection closed: then it connects again, and is told how things are. One
that is gone or slow costs the others nothing.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.clients import CALLS_AT_ONCE, connections
from lambdas.notifications import messages, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


class Outcome(StrEnum):
    """What became of a call about a connection."""

    DONE = "done"
    GONE = "gone"
    FAILED = "failed"


class NotToldError(Exception):
    """Some subscribers could neither be told nor disconnected. The event comes again, for all."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], _context: LambdaContext) -> None:
    """Tell the subscribers of one event.

    Raises:
        NotToldError: If any of them might wait for it in vain.
    """
    detail = event["detail"]
    tell = partial(_tell, messages.event(event["detail-type"], detail))
    listeners = subscriptions.listeners(detail["tenant"], detail["id"])
    connections()  # one client for all threads
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        outcomes = Counter(pool.map(tell, listeners, listeners.values()))
    logger.info("Told subscribers.", correlation_id=detail["id"], version=detail["version"], outcomes=outcomes)
    if outcomes[Outcome.FAILED]:
        raise NotToldError(f"{outcomes[Outcome.FAILED]} of {len(listeners)} subscribers")


def _tell(message: str, connection: str, topics: Collection[str]) -> Outcome:
    outcome = _call(connections().post_to_connection, connection, Data=message)
    if outcome is Outcome.FAILED:
        outcome = _call(connections().delete_connection, connection)
    if outcome is Outcome.GONE:
        _forget(connection, topics)
    return outcome


def _call(operation: Callable[..., object], connection: str, **arguments: str) -> Outcome:
    """Call the API about a connection; the client tries again where that may help, for a limited time."""
    try:
        operation(ConnectionId=connection, **arguments)
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "GoneException":
            return Outcome.GONE
        logger.warning("A connection cannot be reached.", connection=connection, error=str(error))
        return Outcome.FAILED
    return Outcome.DONE


def _forget(connection: str, topics: Collection[str]) -> None:
    try:
        subscriptions.forget(connection, topics)
    except (BotoCoreError, ClientError):
        # The next event finds it again, and it expires in the end.
        logger.exception("Could not remove a connection that is gone.", connection=connection)
