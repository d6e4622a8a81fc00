"""A Lambda function that stores a request, as one would without Storage First."""

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@cache
def dynamodb() -> "DynamoDBClient":
    """Open the client on first use, so that importing this module calls nothing."""
    return boto3.client("dynamodb")


def job_item(id: str, body: str) -> dict[str, Any]:
    """Make the item that a storage-first route stores, with as many attributes of the same size."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    texts = {
        "pk": f"default#{id}",
        "id": id,
        "tenant": "default",
        "type": "add-hole",
        "status": "Pending",
        "createdAt": now,
        "updatedAt": now,
        "checkAt": now,
        "requestId": id,
        "open": now[-2],
        "input": body,
    }
    return {"attempt": {"N": "1"}, "version": {"N": "1"}, **{name: {"S": text} for name, text in texts.items()}}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Store what API Gateway passes on."""
    id = event["requestContext"]["requestId"]  # noqa: A001 - as an item names it
    dynamodb().put_item(TableName=os.environ["TABLE"], Item=job_item(id, event["body"]))
    answer = {"id": id, "status": "Pending", "links": [{"rel": "job", "href": f"/prod/jobs/{id}"}]}
    return {"statusCode": 202, "headers": {"Content-Type": "application/json"}, "body": json.dumps(answer)}
