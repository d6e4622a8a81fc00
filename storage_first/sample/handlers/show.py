"""`GET /gophers/{gopherId}`: a gopher and all holes that it lives in."""

import json
import os
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient


@cache
def dynamodb() -> "DynamoDBClient":
    """Open the client on first use, so that importing this module calls nothing."""
    return boto3.client("dynamodb", config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard"}))


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a proxied request."""
    gopher_id = event["pathParameters"]["gopherId"]
    gopher: dict[str, Any] | None = None
    holes = []
    for item in items(f"GOPHER#{gopher_id}"):
        if item["sk"]["S"] == "GOPHER":
            gopher = item
        else:
            holes.append(item["holeId"]["S"])
    if gopher is None:
        return answer(
            HTTPStatus.NOT_FOUND,
            {
                "type": "about:blank",
                "title": HTTPStatus.NOT_FOUND.phrase,
                "status": HTTPStatus.NOT_FOUND,
                "detail": "There is no such gopher.",
                "instance": event["requestContext"].get("extendedRequestId"),
            },
            content_type="application/problem+json",
        )
    return answer(
        HTTPStatus.OK,
        {
            "id": gopher_id,
            "name": gopher["name"]["S"],
            "location": gopher["location"]["S"],
            "holes": holes,
            "links": [{"rel": "self", "href": event["requestContext"]["path"]}],
        },
    )


def items(partition: str) -> "Iterator[dict[str, Any]]":
    """Read a whole partition, page by page."""
    pages = (
        dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=os.environ["TABLE"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )
    )
    for page in pages:
        yield from page["Items"]


def answer(status: HTTPStatus, body: dict[str, Any], *, content_type: str = "application/json") -> dict[str, Any]:
    """Shape an answer as API Gateway wants it."""
    return {
        "statusCode": status.value,
        "headers": {"Content-Type": content_type, "Access-Control-Allow-Origin": os.environ["CORS_ORIGIN"]},
        "body": json.dumps(body),
    }
