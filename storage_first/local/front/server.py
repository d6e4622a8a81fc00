"""Serve REST APIs, each on a port of its own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from storage_first.local.front.asgi import RAW_HEADERS, build_app, by_port, to_stderr
from storage_first.local.front.backends import Backends
from storage_first.local.front.gateway import Write
from storage_first.local.front.model import Api

_HOST = "127.0.0.1"
_PARENT_POLL = 0.5
_GRACE = 5


class PortTakenError(Exception):
    """A port that an API should be served on is in use; the message is one sentence that says which."""


def listen(first_port: int, count: int) -> list[socket.socket]:
    """Listen on loopback, on as many ports in a row as there are APIs.

    Args:
        first_port: The first one; 0 takes any free ones.
        count: How many.

    Raises:
        PortTakenError: If one of them is taken.
    """
    with contextlib.ExitStack() as opened:
        sockets: list[socket.socket] = []
        for offset in range(count):
            port = first_port + offset if first_port else 0
            # With its protocol named: asyncio sets TCP_NODELAY only then, and answers would else wait for 40 ms.
            listener = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((_HOST, port))
                listener.listen()
            except OSError as error:
                raise PortTakenError(
                    f"cannot serve on {_HOST}:{port}: {error.strerror}; choose another --port"
                ) from error
            sockets.append(listener)
        opened.pop_all()
        return sockets


def serve(
    apis: Sequence[Api],
    sockets: Sequence[socket.socket],
    *,
    emulator: str,
    announce: Write = print,
    access_log: Write = to_stderr,
) -> None:
    """Serve APIs until SIGTERM or SIGINT, or until the process that started this one is gone.

    Args:
        apis: The APIs.
        sockets: One for each, from `listen`.
        emulator: The emulator's address.
        announce: Takes one line of JSON for each stage, and one when all are served.
        access_log: Takes the lines of the stages' access logs.
    """
    asyncio.run(_serve(apis, sockets, emulator=emulator, announce=announce, access_log=access_log))


async def _serve(
    apis: Sequence[Api], sockets: Sequence[socket.socket], *, emulator: str, announce: Write, access_log: Write
) -> None:
    ports = [listener.getsockname()[1] for listener in sockets]
    async with Backends(emulator) as backends:
        apps = {port: build_app(api, backends, access_log=access_log) for port, api in zip(ports, apis, strict=True)}
        server = _Server(
            uvicorn.Config(
                by_port(apps),
                http=_SpellingProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE,
                timeout_keep_alive=75,
            ),
            [line for api, port in zip(apis, ports, strict=True) for line in _lines(api, port)],
            announce,
        )
        stop = asyncio.create_task(_stop_without_parent(server))
        await server.serve(sockets=list(sockets))
        stop.cancel()


def _lines(api: Api, port: int) -> Iterator[str]:
    for stage in api.stages:
        url = f"http://{_HOST}:{port}/{stage}/"
        yield json.dumps(
            {"stack": api.stack, "logicalId": api.logical_id, "name": api.name, "stage": stage, "url": url}
        )


async def _stop_without_parent(server: uvicorn.Server) -> None:
    """Stop once this process belongs to another parent than the one that started it.

    Polled, because Linux's signal for it is sent when the starting *thread* ends, and other systems have none.
    """
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(_PARENT_POLL)
    server.should_exit = True


class _Server(uvicorn.Server):
    """Tells when it listens, and ends with exit code 0 on SIGTERM."""

    def __init__(self, config: uvicorn.Config, lines: Sequence[str], announce: Write) -> None:
        super().__init__(config)
        self._lines = lines
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for line in [*self._lines, json.dumps({"ready": True})]:
            self._announce(line)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replaces uvicorn's, which raises each signal once more after a clean stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


class _Connection(h11.Connection):
    """Remembers the headers of the last request as the client spelt them."""

    spelt: list[tuple[bytes, bytes]] | None = None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.spelt = event.headers.raw_items()
        return event


class _SpellingProtocol(H11Protocol):
    """Hands header names on as the client spelt them; ASGI has them in lower case, and templates see the difference."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Connection(h11.SERVER)
        self.app_state = _State(self.conn)


class _State(dict[str, Any]):
    """What uvicorn copies into each scope: always with the request that was just read."""

    def __init__(self, connection: _Connection) -> None:
        super().__init__()
        self._connection = connection

    def copy(self) -> dict[str, Any]:
        return {RAW_HEADERS: self._connection.spelt}
