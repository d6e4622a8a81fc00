"""Calls over real sockets: what is slow, gone, or odd."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from storage_first.local.front.backends import Backends
from storage_first.local.front.errors import GatewayError
from storage_first.local.front.http import Response

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def serving(handler: Handler, use: Callable[[Backends, str], Awaitable[None]]) -> None:
    """Serve with `handler`, and call that server as the emulator."""
    handled: list[asyncio.Event] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = asyncio.Event()
        handled.append(done)
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            done.set()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        async with Backends(address) as backends:
            await use(backends, address)
        for event in handled:
            await asyncio.wait_for(event.wait(), 10)


async def call(backends: Backends, url: str, seconds: float = 10, **headers: str) -> Response:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return await backends.call("POST", url, headers=pairs, body=b"body", seconds=seconds)


def answers(*replies: bytes, requests: list[bytes], close: bool = False) -> Handler:
    """Answers the requests of each connection in turn."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            request = await reader.readuntil(b"body")
            requests.append(request)
            writer.write(reply)
        if not close:
            await reader.read()

    return handle


def test_connections_are_kept():
    requests: list[bytes] = []

    async def use(backends: Backends, address: str) -> None:
        assert [(await call(backends, f"{address}/")).text for _ in range(3)] == ["ok"] * 3

    asyncio.run(serving(answers(OK, OK, OK, requests=requests), use))

    assert len(requests) == 3


def test_a_connection_that_the_server_closed_is_replaced():
    connections: list[bytes] = []

    async def use(backends: Backends, address: str) -> None:
        await call(backends, f"{address}/")
        await asyncio.wait_for(_closed(backends), 10)
        assert (await call(backends, f"{address}/")).text == "ok"

    async def _closed(backends: Backends) -> None:
        (connection,) = backends._services._idle
        while connection.is_open():  # noqa: ASYNC110 - the system tells no event
            await asyncio.sleep(0)

    asyncio.run(serving(answers(OK, requests=connections, close=True), use))

    assert len(connections) == 2


def test_an_answer_in_chunks_arrives_whole_and_says_nothing_of_chunks():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Kept: 1\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"

    async def use(backends: Backends, address: str) -> None:
        answer = await call(backends, f"{address}/")
        assert (answer.text, answer.headers) == ("abc", [("x-kept", "1")])

    asyncio.run(serving(answers(chunked, requests=[]), use))


@pytest.mark.parametrize("own", [True, False])
def test_an_answer_that_takes_too_long_is_a_timeout(own):
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def use(backends: Backends, address: str) -> None:
        host = "127.0.0.1" if own else "localhost"
        with pytest.raises(GatewayError, match="INTEGRATION_TIMEOUT"):
            await call(backends, f"{address.replace('127.0.0.1', host)}/", seconds=0.05)

    asyncio.run(serving(never, use))


def test_what_is_left_of_a_late_answer_never_meets_the_next_request():
    requests: list[bytes] = []

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"body"))
        if len(requests) > 1:
            writer.write(OK)
        await reader.read()

    async def use(backends: Backends, address: str) -> None:
        with pytest.raises(GatewayError):
            await call(backends, f"{address}/", seconds=0.05)
        assert (await call(backends, f"{address}/")).text == "ok"

    asyncio.run(serving(late, use))


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_an_answer_that_is_none_is_a_failure(reply: bytes):
    async def use(backends: Backends, address: str) -> None:
        with pytest.raises(GatewayError, match="INTEGRATION_FAILURE"):
            await call(backends, f"{address}/")

    asyncio.run(serving(answers(reply, requests=[], close=True), use))


@pytest.mark.parametrize("own", [True, False])
def test_a_refused_connection_is_a_failure(own):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def use() -> None:
        async with Backends(url if own else "http://127.0.0.1:1") as backends:
            with pytest.raises(GatewayError, match="INTEGRATION_FAILURE"):
                await call(backends, f"{url}/")

    asyncio.run(use())


def test_a_line_break_in_a_header_starts_no_other_header():
    requests: list[bytes] = []

    async def use(backends: Backends, address: str) -> None:
        await call(backends, f"{address}/", X_One="1\r\nX-Two: 2")

    asyncio.run(serving(answers(OK, requests=requests), use))

    assert b"X-One: 1  X-Two: 2\r\n" in requests[0]
