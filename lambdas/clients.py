"""AWS clients with bounded patience, opened on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_stepfunctions import SFNClient

CALLS_AT_ONCE = 32  # of one client, on threads: a connection is kept for each
# One call and its retries end well within a function's timeout: a batch that is cut off in the middle is repeated as a
# whole, one that reports its failures is not. Standard mode backs off with jitter, by a second and then by two at most.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=CALLS_AT_ONCE,
)
LONGEST_CALL_MS = 3 * (1_000 + 3_000) + 1_000 + 2_000


@cache
def _client(service: str) -> object:
    """Open a bare botocore client: boto3 adds a third to the import time, and nothing that is used here."""
    return botocore.session.get_session().create_client(service, config=_CONFIG)


def connections() -> ApiGatewayManagementApiClient:
    """Return the client for the connections of one WebSocket API: AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI names it."""
    return cast("ApiGatewayManagementApiClient", _client("apigatewaymanagementapi"))


def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client."""
    return cast("DynamoDBClient", _client("dynamodb"))


def eventbridge() -> EventBridgeClient:
    """Return the EventBridge client."""
    return cast("EventBridgeClient", _client("events"))


def stepfunctions() -> SFNClient:
    """Return the Step Functions client."""
    return cast("SFNClient", _client("stepfunctions"))
