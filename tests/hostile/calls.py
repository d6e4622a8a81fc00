"""What the routes of the hostile app ask of their services, without deploying anything."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import App

from tests.constructs_lib.storage_first_api.routes import Route
from tests.hostile.app import HostileStack

Content = dict[str, Any]

BODY = '{"text":"-"}'
BENIGN: Mapping[str, Mapping[str, Any]] = {
    "POST /dynamodb/{part}": {"body": BODY, "path": {"part": "p"}, "headers": {"Idempotency-Key": "k"}},
    "POST /jobs": {"body": BODY, "headers": {"Idempotency-Key": "k"}},
    "POST /sqs": {"body": BODY, "query": {"group": "g"}},
    "POST /fifo": {"body": BODY, "headers": {"X-Text": "x"}},
    "POST /sns": {"body": BODY},
    "POST /topics/{group}": {"body": BODY, "path": {"group": "g"}, "headers": {"Idempotency-Key": "k"}},
    "POST /kinesis/{key}": {"body": BODY, "path": {"key": "k"}},
    "POST /events/{kind}": {"body": BODY, "path": {"kind": "k"}, "headers": {"X-Text": "x"}},
    "POST /states": {"body": BODY, "headers": {"Idempotency-Key": "k"}},
}
"""A harmless request to each route that has a template, in the terms of `render_template`."""


@dataclass(frozen=True)
class Call:
    """What a service is asked.

    Attributes:
        content: The request, without the fingerprint of its body that a message's id ends with.
        marker: Of the reason, where the service is asked for what it must refuse.
    """

    content: Content
    marker: str | None


class Routes:
    """The routes of the hostile app."""

    def __init__(self) -> None:
        self.all = Route.all_of(HostileStack(App()))

    def call(self, name: str, **event: Any) -> Call:
        """Tell what a request, put on top of the harmless one, asks of the service."""
        content = self.all[name].request(**self.event(name, **event))
        if "MessageDeduplicationId" in content:
            content["MessageDeduplicationId"] = _FINGERPRINT.sub("", content["MessageDeduplicationId"])
        return Call(content, _marker(content))

    @staticmethod
    def event(name: str, **event: Any) -> Mapping[str, Any]:
        """Put a request on top of the harmless one; None takes a parameter away."""
        merged = dict(BENIGN[name])
        for place, value in event.items():
            if isinstance(value, Mapping):
                named = {**merged.get(place, {}), **value}
                merged[place] = {name: text for name, text in named.items() if text is not None}
            else:
                merged[place] = value
        return merged

    def problem(self, name: str, marker: str) -> tuple[int, str]:
        """Tell the status and the detail that a caller gets where the service's refusal names a marker."""
        message = f"1 validation error detected: Value '{marker}' failed to satisfy constraint"
        errors = {
            "json": {"__type": "com.amazon.coral.validate#ValidationException", "message": message},
            "form": {"Error": {"Code": "InvalidParameterValue", "Message": message}},
        }
        sent = self.all[name].integration["RequestParameters"]
        kind = "form" if "urlencoded" in sent.get("integration.request.header.Content-Type", "") else "json"
        status, headers, body = self.all[name].answer(400, errors[kind])
        assert headers["Content-Type"] == "application/problem+json"
        assert body["status"] == status
        return status, body["detail"]


_FINGERPRINT = re.compile(r"\.\d+\.-?\d+\.-?\d+$")
_MARKER = re.compile(r"Refused_\d+_")


def _marker(content: Content) -> str | None:
    """Take the marker out of a call that the service must refuse, by its own model; None of any other call."""
    found = [content[place] for place in _IMPOSSIBLE if _IMPOSSIBLE[place](content)]
    if not found:
        return None
    (text,) = found
    marker = text.strip("<>")
    assert _MARKER.fullmatch(marker), content
    return marker


_IMPOSSIBLE: Mapping[str, Callable[[Content], object]] = {
    "ReturnValues": lambda call: set(call) == {"TableName", "Key", "ReturnValues"},
    "MessageAttribute.1.Name": lambda call: call.get("MessageAttribute.1.Value.DataType") == "Refused",
    "MessageAttributes.entry.1.Name": lambda call: call.get("MessageAttributes.entry.1.Value.DataType") == "Refused",
    "ExplicitHashKey": lambda call: "ExplicitHashKey" in call,
    "EndpointId": lambda call: "EndpointId" in call,
    "name": lambda call: call.get("name", "").startswith("<") and "input" not in call,
}
