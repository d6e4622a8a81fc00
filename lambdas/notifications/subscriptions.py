"""Who hears of which jobs: the connections of a WebSocket API, and what each has subscribed to.

The `sk` of every item is a connection. Its `pk` is a topic that the connection has subscribed to (the key of a job, or
all jobs of a tenant), or the connection again, for the one item that knows its tenant and what it has subscribed to.
That one learns of a topic before there is a subscription, and forgets it afterwards: a crash in between leaves no
subscription that cannot be found from its connection. Whatever else goes wrong, all items expire with the connection.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from lambdas.clients import dynamodb

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ALL: Final = "*"  # in the place of a job's id
MOST: Final = 100  # subscriptions of one connection: their ids fit into one small item
# API Gateway ends a connection after two hours.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
_LIFETIME_SECONDS: Final = 2 * 3600 + 600


class NotConnectedError(Exception):
    """The connection is not known, or no longer."""


class TooManySubscriptionsError(Exception):
    """The connection has as many subscriptions as one may have."""


def connect(connection: str, tenant: str) -> None:
    """Remember a new connection, and whose it is."""
    expires = str(int(time.time()) + _LIFETIME_SECONDS)
    item = {**_key(connection, connection), "tenant": {"S": tenant}, "expiresAt": {"N": expires}}
    dynamodb().put_item(TableName=_table(), Item=item)


def subscribe(connection: str, job: str) -> str:
    """Subscribe to a job or to `ALL`, once, however often it is asked for.

    Returns:
        The topic; for a job, the key of the job.

    Raises:
        NotConnectedError: If the connection is not known.
        TooManySubscriptionsError: If it has too many subscriptions.
    """
    try:
        known = dynamodb().update_item(
            TableName=_table(),
            Key=_key(connection, connection),
            UpdateExpression="ADD #jobs :jobs",
            ConditionExpression="attribute_exists(pk) AND "
            "(attribute_not_exists(#jobs) OR size(#jobs) < :most OR contains(#jobs, :job))",
            ExpressionAttributeNames={"#jobs": "jobs"},
            ExpressionAttributeValues={":jobs": {"SS": [job]}, ":job": {"S": job}, ":most": {"N": str(MOST)}},
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        if "Item" in error.response:
            raise TooManySubscriptionsError(connection) from error
        raise NotConnectedError(connection) from error
    topic = _topic(known["tenant"]["S"], job)
    dynamodb().put_item(TableName=_table(), Item={**_key(topic, connection), "expiresAt": known["expiresAt"]})
    return topic


def unsubscribe(connection: str, job: str) -> None:
    """End the subscription to a job or to `ALL`; there may be none.

    Raises:
        NotConnectedError: If the connection is not known.
    """
    known = _look_up(connection)
    if known is None:
        raise NotConnectedError(connection)
    _delete(_topic(known["tenant"]["S"], job), connection)
    dynamodb().update_item(
        TableName=_table(),
        Key=_key(connection, connection),
        UpdateExpression="DELETE #jobs :jobs",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeNames={"#jobs": "jobs"},
        ExpressionAttributeValues={":jobs": {"SS": [job]}},
    )


def forget(connection: str, topics: Collection[str] = ()) -> None:
    """Remove a connection that is gone, with its subscriptions.

    Args:
        connection: The connection.
        topics: Those that it is known to have subscribed to, in case that it has been removed before.
    """
    known = _look_up(connection) or {}
    own = {_topic(known["tenant"]["S"], job) for job in known.get("jobs", {}).get("SS", ())}
    for topic in own.union(topics):
        _delete(topic, connection)
    _delete(connection, connection)


def listeners(tenant: str, job: str) -> dict[str, list[str]]:
    """Find the connections that have subscribed to a job or to all jobs of its tenant, each with those topics."""
    found: dict[str, list[str]] = {}
    for topic in (_topic(tenant, job), _topic(tenant, ALL)):
        pages = (
            dynamodb()
            .get_paginator("query")
            .paginate(
                TableName=_table(),
                KeyConditionExpression="pk = :topic",
                ExpressionAttributeValues={":topic": {"S": topic}},
                ProjectionExpression="sk",
                # Who subscribed before the job changed must be found: what was read of the job is older.
                ConsistentRead=True,
            )
        )
        for page in pages:
            for item in page["Items"]:
                found.setdefault(item["sk"]["S"], []).append(topic)
    return found


def _look_up(connection: str) -> Mapping[str, Any] | None:
    key = _key(connection, connection)
    return dynamodb().get_item(TableName=_table(), Key=key, ConsistentRead=True).get("Item")


def _delete(about: str, connection: str) -> None:
    dynamodb().delete_item(TableName=_table(), Key=_key(about, connection))


def _topic(tenant: str, job: str) -> str:
    return f"{tenant}#{job}"


def _key(about: str, connection: str) -> dict[str, Any]:
    return {"pk": {"S": about}, "sk": {"S": connection}}


def _table() -> str:
    return os.environ["CONNECTIONS_TABLE"]
