"""Start a Standard execution for each message of a queue or stream, under a name that comes from the message.

A message that is delivered again finds its execution there, and starts none. From its start on, the execution is
what answers for the message.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.clients import LONGEST_CALL_MS, stepfunctions
from lambdas.consumers import messages
from lambdas.consumers.messages import NotJsonError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from lambdas.consumers.messages import Message

logger = Logger()


class FirstRecordFailedError(Exception):
    """A batch of a stream could not get past its first record; Lambda is to split it."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Start the executions of one batch.

    Returns:
        The messages to deliver again, as Lambda's partial batch response wants them.

    Raises:
        FirstRecordFailedError: If the first of several records of a stream failed. A response could only have Lambda
            repeat the same batch, and in the end put all of it aside; after an exception it halves the batch, until
            the bad record is alone.
    """
    batch = [messages.read(record) for record in event["Records"]]
    failed = _start_all(batch, context)
    if batch[0].is_stream and len(batch) > 1 and batch[0].item in failed:
        raise FirstRecordFailedError(batch[0].id)
    return {"batchItemFailures": [{"itemIdentifier": item} for item in failed]}


def _start_all(batch: Sequence[Message], context: LambdaContext) -> list[str]:
    failed: list[str] = []
    for position, message in enumerate(batch):
        if position and context.get_remaining_time_in_millis() < LONGEST_CALL_MS:
            logger.warning("Out of time; the rest of the batch comes again.", messages=len(batch) - position)
            return failed + [late.item for late in batch[position:]]
        if _start(message):
            continue
        if message.is_fifo:  # what is behind it must not overtake it
            return failed + [behind.item for behind in batch[position:]]
        failed.append(message.item)
    return failed


def _start(message: Message) -> bool:
    """Start the execution of a message, once, however often it is delivered; False if that has to be tried again."""
    machine = os.environ["STATE_MACHINE_ARN"]
    try:
        stepfunctions().start_execution(stateMachineArn=machine, name=message.id, input=message.execution_input())
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
            return True
        logger.exception("Could not start an execution.", correlation_id=message.id)
        return False
    except (BotoCoreError, NotJsonError):
        logger.exception("Could not start an execution.", correlation_id=message.id)
        return False
    return True
