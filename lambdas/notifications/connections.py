"""Serve the connections of the WebSocket API: from `$connect` over what each subscribes to, to `$disconnect`."""

from __future__ import annotations

import os
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger

from lambdas.clients import dynamodb
from lambdas.jobs.events import detail as job_as_told
from lambdas.notifications import messages, subscriptions
from lambdas.notifications.messages import RefusedError, Request
from lambdas.notifications.subscriptions import NotConnectedError, TooManySubscriptionsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()

SINGLE_TENANT: Final = "default"  # of connections that tell no tenants
_TENANT: Final = re.compile(r"[A-Za-z0-9_.:@|+=,-]{1,128}")
# All that is told of a job: the rest of its item can be large.
_TOLD: Final = (
    *("id", "type", "tenant", "status", "attempt", "version", "progress", "error"),
    *("updatedAt", "expiresAt"),
)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Handle one event of one connection.

    Returns:
        The status of a connection that was asked for, or the answer to a message.
    """
    known: Mapping[str, Any] = event["requestContext"]
    connection: str = known["connectionId"]
    # Not by the route, which a client chooses with the action in its message.
    match known["eventType"]:
        case "CONNECT":
            return {"statusCode": _connect(connection, known)}
        case "DISCONNECT":
            subscriptions.forget(connection)
            return {"statusCode": HTTPStatus.OK}
        case _:
            return {"statusCode": HTTPStatus.OK, "body": _answer(connection, event.get("body") or "")}


def _connect(connection: str, known: Mapping[str, Any]) -> HTTPStatus:
    tenant = _tenant_of(known)
    if tenant is None:
        logger.warning("Refused a connection: its tenant is none that can have jobs.")
        return HTTPStatus.FORBIDDEN
    subscriptions.connect(connection, tenant)
    return HTTPStatus.OK


def _tenant_of(known: Mapping[str, Any]) -> str | None:
    """Tell whose a connection is, by the rules of the REST API; None if it must be refused."""
    name = os.environ["TENANT"]
    if not name:
        return SINGLE_TENANT
    tenant = str(known.get("authorizer", {}).get(name, ""))
    return tenant if _TENANT.fullmatch(tenant) and tenant != SINGLE_TENANT else None


def _answer(connection: str, body: str) -> str:
    try:
        request = messages.read(body)
        if request.action == messages.SUBSCRIBE:
            return _subscribe(connection, request)
        subscriptions.unsubscribe(connection, request.job or subscriptions.ALL)
        return messages.answer("Unsubscribed", request.job)
    except NotConnectedError:
        return RefusedError("NotConnected", "This connection is not known any more: connect again.").answer
    except RefusedError as refusal:
        return refusal.answer


def _subscribe(connection: str, request: Request) -> str:
    try:
        topic = subscriptions.subscribe(connection, request.job or subscriptions.ALL)
    except TooManySubscriptionsError:
        rule = f"A connection has at most {subscriptions.MOST} subscriptions"
        advice = "Unsubscribe from jobs that have ended, or leave job out to subscribe to all of your own"
        raise RefusedError("TooManySubscriptions", f"{rule}. {advice}.", request.job) from None
    if request.job is None:
        return messages.answer("Subscribed", None)
    # Read once the subscription is there: what changed before is in the job, what changes from now on is told.
    job = _read(topic)
    if job is None:
        subscriptions.unsubscribe(connection, request.job)
        raise RefusedError("NoSuchJob", f"There is no job {request.job}.", request.job)
    return messages.answer("Subscribed", request.job, job_as_told(job, {}))


def _read(key: str) -> Mapping[str, Any] | None:
    """Read what is told of a job; None if there is none, or it has expired."""
    answer = dynamodb().get_item(
        TableName=os.environ["JOBS_TABLE"],
        Key={"pk": {"S": key}},
        ConsistentRead=True,
        ProjectionExpression=", ".join(f"#{name}" for name in _TOLD),
        ExpressionAttributeNames={f"#{name}": name for name in _TOLD},
    )
    job = answer.get("Item")
    # DynamoDB deletes what has expired days later.
    return None if job is None or float(job.get("expiresAt", {}).get("N", "inf")) <= time.time() else job
