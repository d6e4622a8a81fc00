"""A small HTTP client for one plain-HTTP server, with connections kept open.

Nearly every request costs a call to the emulator. Through httpx's asynchronous client such a call takes about 3 ms
longer than the emulator needs to answer it; through this one, some tenths.
"""

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import h11

from storage_first.local.front.http import Headers, Response

_CHUNK = 64 * 1024
_OWN = frozenset({"host", "content-length"})


class KeepAliveClient:
    """Calls one server over connections that it keeps open."""

    def __init__(self, address: str) -> None:
        """Prepare to call.

        Args:
            address: The server's, for example `http://127.0.0.1:4566`.
        """
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._port = parts.port or 80
        self._idle: list[_Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are open and not in use."""
        while self._idle:
            await self._idle.pop().close()

    async def request(self, method: str, target: str, *, headers: Headers, body: bytes) -> Response:
        """Send a request and read its answer.

        Args:
            method: The HTTP method.
            target: The path, percent-encoded, and the query.
            headers: Headers to send; Host and Content-Length are added.
            body: The body.

        Raises:
            OSError: If the server cannot be reached, or hangs up.
            h11.ProtocolError: If it does not speak HTTP.
        """
        connection = await self._connect()
        try:
            answer = await connection.exchange(
                h11.Request(
                    method=method,
                    target=target,
                    headers=[
                        (b"Host", f"{self._host}:{self._port}".encode()),
                        *((name.encode(), value.encode()) for name, value in headers if name.lower() not in _OWN),
                        (b"Content-Length", str(len(body)).encode()),
                    ],
                ),
                body,
            )
        except BaseException:  # cancelled by a timeout, for one: what is left of the answer would meet the next request
            connection.abort()
            raise
        if connection.is_reusable():
            self._idle.append(connection)
        else:
            await connection.close()
        return answer

    async def _connect(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
            connection.abort()
        return _Connection(*await asyncio.open_connection(self._host, self._port))


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    def is_open(self) -> bool:
        return not self._reader.at_eof()

    def is_reusable(self) -> bool:
        """Get ready for another request, if both sides can."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def exchange(self, request: h11.Request, body: bytes) -> Response:
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()
        status = 0
        headers: list[tuple[str, str]] = []
        chunks: list[bytes] = []
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
            elif isinstance(event, h11.Data):
                chunks.append(bytes(event.data))
        return Response(status=status, headers=headers, body=b"".join(chunks))

    async def _next_event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the server hung up")
            if isinstance(event, h11.Event):
                return event
            self._http.receive_data(await self._reader.read(_CHUNK))
