"""`GET` of a gopher, a hole or a photograph, with all that is known of it."""

import json
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .entities import dynamodb

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = dict[str, Any]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer a proxied request."""
    ((name, entity_id),) = event["pathParameters"].items()
    kind, shown = ENTITIES[name]
    found = {item["sk"]["S"]: item for item in items(f"{kind}#{entity_id}")}
    if kind not in found:
        return problem(HTTPStatus.NOT_FOUND, f"There is no such {kind.lower()}.", event)
    links = [{"rel": "self", "href": event["requestContext"]["path"]}]
    return answer(HTTPStatus.OK, {"id": entity_id, **shown(found), "links": links})


def gopher(found: Mapping[str, Item]) -> dict[str, Any]:
    """Show a gopher, the holes that it lives in, and where it was last seen."""
    sighting = found.get("SIGHTING")
    return {
        "name": found["GOPHER"]["name"]["S"],
        "location": found["GOPHER"]["location"]["S"],
        "holes": [item["holeId"]["S"] for key, item in found.items() if key.startswith("HOLE#")],
        "lastSeen": sighting and sighting["location"]["S"],
    }


def hole(found: Mapping[str, Item]) -> dict[str, Any]:
    """Show a hole and its last temperature."""
    reading = found.get("READING")
    return {
        "location": found["HOLE"]["holeLocation"]["S"],
        "depth": float(found["HOLE"]["depth"]["N"]),
        "temperature": reading and float(reading["temperature"]["N"]),
    }


def photo(found: Mapping[str, Item]) -> dict[str, Any]:
    """Show what is known of a photograph."""
    return {"size": int(found["PHOTO"]["size"]["N"]), "etag": found["PHOTO"]["etag"]["S"]}


ENTITIES: dict[str, tuple[str, Callable[[Mapping[str, Item]], dict[str, Any]]]] = {
    "gopherId": ("GOPHER", gopher),
    "holeId": ("HOLE", hole),
    "name": ("PHOTO", photo),
}


def items(partition: str) -> "Iterator[Item]":
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


def problem(status: HTTPStatus, detail: str, event: dict[str, Any]) -> dict[str, Any]:
    """Shape a refusal as RFC 9457 has it."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": detail,
        "instance": event["requestContext"].get("extendedRequestId"),
    }
    return answer(status, body, content_type="application/problem+json")


def answer(status: HTTPStatus, body: dict[str, Any], *, content_type: str = "application/json") -> dict[str, Any]:
    """Shape an answer as API Gateway wants it."""
    return {
        "statusCode": status.value,
        "headers": {"Content-Type": content_type, "Access-Control-Allow-Origin": os.environ["CORS_ORIGIN"]},
        "body": json.dumps(body),
    }
