"""Tell how far a job is, from a Lambda function that a workflow calls.

`JobTracker.add_progress_to(function)` brings this module into the function. It needs nothing but the AWS SDK that
Lambda's runtime has.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_MESSAGE = 256


class JobMovedOnError(Exception):
    """The job is not this execution's any more: it was cancelled, or has ended. There is no need to go on."""


def progress(job: Mapping[str, str], percent: int, message: str) -> None:
    """Tell how far a job is. To repeat it is harmless.

    Args:
        job: What the workflow passed on: `JobTracker.THIS_JOB`, with `key` and `execution`.
        percent: How much is done, from 0 to 100.
        message: What happens now, for the one who waits: 1 to 256 characters.

    Raises:
        JobMovedOnError: If the job is not this execution's any more. Let it end the function.
        ValueError: If `percent` or `message` is out of bounds, or `job` is no such thing.
        ClientError: If DynamoDB did not take it. It is up to you whether that matters.
    """
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= 100:  # noqa: PLR2004  (per cent)
        raise ValueError(f"percent must be a whole number from 0 to 100, got {percent!r}.")
    if not 1 <= len(message) <= _MAX_MESSAGE:
        raise ValueError(f"message must have 1 to {_MAX_MESSAGE} characters, got {len(message)}.")
    try:
        key, execution = job["key"], job["execution"]
    except (KeyError, TypeError):
        raise ValueError(
            'job must be JobTracker.THIS_JOB, as the workflow\'s task passes it on: {"key": ..., "execution": ...}; '
            f"got {job!r}."
        ) from None
    try:
        _dynamodb().update_item(
            TableName=os.environ["JOBS_TABLE"],
            Key={"pk": {"S": key}},
            UpdateExpression="SET #progress = :progress, #updatedAt = :now, #version = #version + :one",
            ConditionExpression="#status = :status AND #executionArn = :execution",
            ExpressionAttributeNames={
                f"#{name}": name for name in ("progress", "updatedAt", "version", "status", "executionArn")
            },
            ExpressionAttributeValues={
                ":progress": {"M": {"percent": {"N": str(percent)}, "message": {"S": message}}},
                ":now": {"S": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")},
                ":one": {"N": "1"},
                ":status": {"S": "In Progress"},
                ":execution": {"S": execution},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise JobMovedOnError(f"The job {key!r} is not that of {execution} any more.") from error
        raise


@cache
def _dynamodb() -> Any:  # noqa: ANN401  (the stubs of boto3 are not in a layer)
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
    return botocore.session.get_session().create_client("dynamodb", config=config)
