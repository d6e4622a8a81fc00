"""Requests as API Gateway sends them, past the checks that an SDK makes of its own."""

import json
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from tests.local.sides import Side

TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "1.0"),
    "events": ("AWSEvents", "1.1"),
    "kinesis": ("Kinesis_20131202", "1.1"),
    "states": ("AWSStepFunctions", "1.0"),
}


def call(side: Side, service: str, action: str, body: dict[str, Any] | str) -> httpx.Response:
    """Call an action of a service that takes JSON."""
    target, version = TARGETS[service]
    headers = {"X-Amz-Target": f"{target}.{action}", "Content-Type": f"application/x-amz-json-{version}"}
    content = body if isinstance(body, str) else json.dumps(body)
    return httpx.post(side.endpoint, content=content, headers={**headers, **authorization(service)})


def query(side: Side, service: str, url: str, **parameters: str) -> httpx.Response:
    """Call an action of a service that takes a form, at the path of `url`."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", **authorization(service)}
    return httpx.post(side.endpoint + urlsplit(url).path, content=urlencode(parameters), headers=headers)


def authorization(service: str) -> dict[str, str]:
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request"}


def refusal(answer: httpx.Response) -> tuple[str, str]:
    """The code and the message of an error in JSON."""
    assert answer.status_code == 400, answer.text
    error = answer.json()
    return error["__type"], error["message"]


def xml_refusal(answer: httpx.Response) -> tuple[str, str]:
    """The code and the message of an error in XML."""
    assert answer.status_code in {400, 501}, answer.text
    code, message = (answer.text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("Code", "Message"))
    return code, message.replace("&apos;", "'").replace("&quot;", '"').replace("&#x27;", "'")
