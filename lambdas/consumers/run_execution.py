"""Run an Express execution for each message of a queue or stream, and wait for its end.

Nobody else would hear of an Express execution that fails: so a message stays in its queue or stream until its
execution has succeeded.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.consumers import messages
from lambdas.consumers.messages import NotJsonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from types_boto3_stepfunctions import SFNClient

    from lambdas.consumers.messages import Message

logger = Logger()

MAX_AT_ONCE = 10
# The five minutes that an Express execution may take, and some for the way. Repeating is up to the queue.
_CONFIG = Config(
    connect_timeout=1, read_timeout=310, retries={"total_max_attempts": 1}, max_pool_connections=MAX_AT_ONCE
)


@cache
def stepfunctions() -> SFNClient:
    """Open a client with an execution's patience on first use."""
    return cast("SFNClient", botocore.session.get_session().create_client("stepfunctions", config=_CONFIG))


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Run the executions of one batch side by side.

    Returns:
        The messages whose executions did not succeed, as Lambda's partial batch response wants them.
    """
    batch = [messages.read(record) for record in event["Records"]]
    stepfunctions()  # before there are threads that would each open one
    with ThreadPoolExecutor(MAX_AT_ONCE) as pool:
        succeeded = list(pool.map(_run, batch))
    failed = [message.item for message, good in zip(batch, succeeded, strict=True) if not good]
    return {"batchItemFailures": [{"itemIdentifier": item} for item in failed]}


def _run(message: Message) -> bool:
    machine = os.environ["STATE_MACHINE_ARN"]
    try:
        execution = stepfunctions().start_sync_execution(
            stateMachineArn=machine, name=message.id, input=message.execution_input()
        )
    except (BotoCoreError, ClientError, NotJsonError):
        logger.exception("Could not run an execution.", correlation_id=message.id)
        return False
    if execution["status"] == "SUCCEEDED":
        return True
    logger.error(
        "An execution did not succeed.",
        correlation_id=message.id,
        execution=execution["executionArn"],
        status=execution["status"],
        error=execution.get("error"),
        cause=execution.get("cause"),
    )
    return False
