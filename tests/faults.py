"""Services that fail on command: a proxy before the emulator, with the real front behind it.

    with Faults(cloud_endpoint) as faults, serving(faults.url, assembly, errors) as front:
        with faults.at("dynamodb", THROTTLED["dynamodb"]) as calls:
            answer = httpx.post(front.url("Api") + "orders", json={})

        assert calls, "the fault was met"

Only calls that the front makes as an integration fail; everything else reaches the emulator. To see a timeout without
waiting for API Gateway's 29 seconds, serve `with_timeout(assembly, seconds, directory)`.
"""

import http.client
import json
import re
import shutil
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

INTERNAL = "arn:aws:iam::123456789012:role/internal"
"""What every refusal's message names, and no caller may read."""

_SERVICE = re.compile(r"Credential=[^/]+/\d+/[\w-]+/(?P<service>[\w-]+)/")
_GATEWAY = "AmazonAPIGateway_"
_NOT_FORWARDED = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


@dataclass(frozen=True)
class Call:
    """What the front asked of a service."""

    service: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Refusal:
    """An error of a service, written in the protocol that the call is made in."""

    status: int
    code: str
    message: str = f"{INTERNAL} may not do this"

    def answer(self, call: Call) -> "Answer":
        """Write the answer as the service would."""
        message = self.message
        if call.service == "s3":
            error = f"<Error><Code>{self.code}</Code><Message>{message}</Message></Error>"
            return Answer(self.status, f'<?xml version="1.0" encoding="UTF-8"?>{error}'.encode(), "application/xml")
        if "x-amz-target" in call.headers:
            document: object = {"__type": self.code, "message": message}
            return Answer(self.status, json.dumps(document).encode(), "application/x-amz-json-1.0")
        # Query services write JSON for API Gateway, which asks for it.
        document = {"Error": {"Code": self.code, "Message": message, "Type": "Sender"}, "RequestId": "r-1"}
        return Answer(self.status, json.dumps(document).encode())


@dataclass(frozen=True)
class Answer:
    """Any answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Break(Enum):
    """No answer, or no whole one."""

    TIMEOUT = auto()
    RESET = auto()
    TRUNCATED = auto()
    NOT_HTTP = auto()


Fault = Refusal | Answer | Break

# Statuses and codes: botocore's service models, and S3's list of error responses.
CONDITIONAL: Mapping[str, Refusal] = {
    "dynamodb": Refusal(400, "ConditionalCheckFailedException"),
    "s3": Refusal(412, "PreconditionFailed"),
    "states": Refusal(400, "ExecutionAlreadyExists"),
}
INVALID: Mapping[str, Refusal] = {
    "dynamodb": Refusal(400, "ValidationException"),
    "events": Refusal(400, "ValidationException"),
    "kinesis": Refusal(400, "ValidationException"),
    "s3": Refusal(400, "InvalidRequest"),
    "sns": Refusal(400, "InvalidParameter"),
    "sqs": Refusal(400, "InvalidMessageContents"),
    "states": Refusal(400, "InvalidExecutionInput"),
}
THROTTLED: Mapping[str, Refusal] = {
    "dynamodb": Refusal(400, "ProvisionedThroughputExceededException"),
    "events": Refusal(400, "ThrottlingException"),
    "kinesis": Refusal(400, "ProvisionedThroughputExceededException"),
    "s3": Refusal(503, "SlowDown"),
    "sns": Refusal(429, "Throttled"),
    "sqs": Refusal(403, "RequestThrottled"),
    "states": Refusal(400, "ThrottlingException"),
}
DENIED: Mapping[str, Refusal] = {
    "dynamodb": Refusal(400, "AccessDeniedException"),
    "events": Refusal(400, "AccessDeniedException"),
    "kinesis": Refusal(400, "AccessDeniedException"),
    "s3": Refusal(403, "AccessDenied"),
    "sns": Refusal(403, "AuthorizationError"),
    "sqs": Refusal(403, "AccessDenied"),
    "states": Refusal(400, "AccessDeniedException"),
}
FAILED: Mapping[str, Refusal] = {
    "dynamodb": Refusal(500, "InternalServerError"),
    "events": Refusal(500, "InternalException"),
    "kinesis": Refusal(500, "InternalFailure"),
    "s3": Refusal(500, "InternalError"),
    "sns": Refusal(500, "InternalError"),
    "sqs": Refusal(500, "InternalError"),
    "states": Refusal(500, "InternalFailure"),
}
UNAVAILABLE: Mapping[str, Refusal] = {
    service: Refusal(503, "ServiceUnavailable")
    for service in ("dynamodb", "events", "kinesis", "s3", "sns", "sqs", "states")
}
ENTRY_FAILED = Answer(
    200,
    json.dumps(
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": INTERNAL}]}
    ).encode(),
)
"""What PutEvents answers when it has not taken the only event."""

GARBAGE: Mapping[str, Answer] = {
    "nothing": Answer(200, b""),
    "a page": Answer(200, f"<html><h1>{INTERNAL}</h1>".encode(), "text/html"),
    "half of an object": Answer(200, b'{"a": {"b'),
    "null": Answer(200, b"null"),
    "a list": Answer(200, b"[]"),
    "a text": Answer(200, b'"text"'),
    "no UTF-8": Answer(200, b"\xff\xfe\x00"),
    "depth": Answer(200, b"[" * 100_000),
    "a page of an error": Answer(502, b"<html><h1>Bad Gateway</h1></html>", "text/html"),
    "nothing of an error": Answer(500, b""),
}
"""Answers that are none of any service's."""


def faults_of(service: str) -> dict[str, Fault]:
    """Name every fault that a service can be made to have."""
    refusals = {
        "conditional": CONDITIONAL,
        "invalid": INVALID,
        "throttled": THROTTLED,
        "denied": DENIED,
        "failed": FAILED,
        "unavailable": UNAVAILABLE,
    }
    faults: dict[str, Fault] = {name: kinds[service] for name, kinds in refusals.items() if service in kinds}
    if service == "events":
        faults["entry failed"] = ENTRY_FAILED
    return faults | dict(GARBAGE) | {fault.name.lower(): fault for fault in Break}


class Faults:
    """A proxy before the emulator.

    Attributes:
        url: Where it listens: the emulator's address for whoever should meet faults.
    """

    def __init__(self, emulator: str) -> None:
        """Start to forward.

        Args:
            emulator: The emulator's address.
        """
        self._emulator = urlsplit(emulator)
        self._faults: dict[str, tuple[Fault, list[Call]]] = {}
        self._released = threading.Event()
        proxy = self

        class Handler(_Handler):
            faults = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextmanager
    def at(self, service: str, fault: Fault) -> Iterator[list[Call]]:
        """Let a service fail for a while.

        Args:
            service: As signatures name it: `dynamodb`, `sqs`, `states` ...
            fault: How.

        Yields:
            The calls that met the fault, as they come.
        """
        calls: list[Call] = []
        self._faults[service] = (fault, calls)
        try:
            yield calls
        finally:
            del self._faults[service]

    def meet(self, call: Call) -> Fault | None:
        """Tell which fault a call meets, and remember the call."""
        fault, calls = self._faults.get(call.service, (None, []))
        if fault is None or not call.headers.get("user-agent", "").startswith(_GATEWAY):
            return None
        calls.append(call)
        return fault

    def forward(self, call: Call) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the emulator."""
        connection = http.client.HTTPConnection(self._emulator.hostname or "", self._emulator.port)
        try:
            connection.request(call.method, call.target, call.body, dict(call.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def wait(self) -> None:
        """Wait until nobody wants an answer any more."""
        self._released.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of callers who were killed before they had their answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    faults: Faults
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        service = _SERVICE.search(headers.get("authorization", ""))
        call = Call(service["service"] if service else "", self.command, self.path, headers, body)
        match self.faults.meet(call):
            case None:
                status, answered, content = self.faults.forward(call)
                self._answer(status, [pair for pair in answered if pair[0].lower() not in _NOT_FORWARDED], content)
            case Refusal() as refusal:
                self._say(refusal.answer(call))
            case Answer() as answer:
                self._say(answer)
            case Break() as fault:
                self._break(fault)

    def _say(self, answer: Answer) -> None:
        self._answer(answer.status, [("Content-Type", answer.content_type)], answer.body)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _break(self, fault: Break) -> None:
        self.close_connection = True
        match fault:
            case Break.TIMEOUT:
                self.faults.wait()
            case Break.RESET:
                # With no time to linger, closing resets.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case Break.TRUNCATED:
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a')
            case Break.NOT_HTTP:
                self.wfile.write(b"220 mail.example.com ESMTP\r\n")


def with_timeout(assembly: Path, seconds: float, directory: Path) -> Path:
    """Copy a cloud assembly, with a time-out for every integration; the front reads it from there.

    Args:
        assembly: What was deployed.
        seconds: The time-out.
        directory: Where the copy goes; it must not be there yet.
    """
    shutil.copytree(assembly, directory)
    for file in directory.rglob("*.template.json"):
        template = json.loads(file.read_text())
        for resource in template.get("Resources", {}).values():
            if resource["Type"] == "AWS::ApiGateway::Method":
                resource["Properties"].get("Integration", {})["TimeoutInMillis"] = int(seconds * 1000)
        file.write_text(json.dumps(template))
    return directory
