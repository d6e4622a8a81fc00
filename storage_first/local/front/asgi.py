"""ASGI on the outside, requests and responses on the inside."""

import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from storage_first.local.front.backends import Backends
from storage_first.local.front.gateway import Gateway, Write
from storage_first.local.front.http import Headers, Request, Response, safe_value
from storage_first.local.front.model import Api
from storage_first.local.front.validation import MAX_PAYLOAD

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RAW_HEADERS = "storage_first.raw_headers"
"""Where in a scope's state the server puts header names as the client spelt them."""

_BODYLESS = frozenset({204, 304})


def to_stderr(line: str) -> None:
    """Write a line for the developer."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - that is where developers look


def build_app(api: Api, backends: Backends, *, log: Write = to_stderr, access_log: Write = to_stderr) -> App:
    """Make the ASGI app that serves a REST API.

    Args:
        api: The API.
        backends: How to reach what its integrations call; whoever made it closes it.
        log: Takes one line for the developer: why a template failed, or what an integration could not reach.
        access_log: Takes the lines of the stages' access logs.
    """
    gateway = Gateway(api, backends, log=log, access_log=access_log)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"REST APIs have no {scope['type']}")
        try:
            request = await _request(scope, receive)
        except _ClientGoneError:
            return
        await _send(await gateway.answer(request), send)

    return app


def by_port(apps: Mapping[int, App]) -> App:
    """Make one app of several, each of which has a port of its own."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[scope["server"][1]](scope, receive, send)

    return app


class _ClientGoneError(Exception):
    """The client hung up before its request was complete."""


async def _request(scope: Scope, receive: Receive) -> Request:
    body, too_large = await _body(receive)
    client = scope.get("client") or ("127.0.0.1", 0)
    server = scope.get("server") or ("127.0.0.1", 80)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        raw_path=raw_path.decode("latin-1"),
        raw_query=scope["query_string"].decode("latin-1"),
        headers=_headers(scope),
        body=body,
        too_large=too_large,
        client=client[0],
        port=server[1] or 80,
        scheme=scope.get("scheme", "http"),
        protocol=f"HTTP/{scope['http_version']}",
    )


def _headers(scope: Scope) -> Headers:
    raw = scope.get("state", {}).get(RAW_HEADERS) or scope["headers"]
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


async def _body(receive: Receive) -> tuple[bytes, bool]:
    """Read a body to its end, but keep no more of it than API Gateway takes."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_PAYLOAD:
            chunks.append(chunk)
        more = message.get("more_body", False)
    too_large = size > MAX_PAYLOAD
    return b"" if too_large else b"".join(chunks), too_large


async def _send(response: Response, send: Send) -> None:
    body = b"" if response.status in _BODYLESS else response.body
    headers = [
        (name.encode("latin-1"), _encoded(safe_value(value)))
        for name, value in response.headers
        if name.lower() != "content-length"
    ]
    if response.status not in _BODYLESS:
        headers.append((b"Content-Length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encoded(value: str) -> bytes:
    """Encode a header's value the way that it was read, or where it holds other characters as UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
