"""Keeps the API Gateway front running, as a process of its own."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from storage_first.local.assembly import Assembly
from storage_first.local.environment import isolated
from storage_first.local.errors import LocalCloudError
from storage_first.local.process import Process

_START_TIMEOUT: Final = 30.0
_RESTARTS: Final = 5
_RESTARTS_WITHIN: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Api:
    """An API that the app deployed.

    Attributes:
        stack: The stack that it is part of.
        logical_id: Its logical id there.
        name: Its name.
        stage: The deployed stage.
        url: Where it is served.
        protocol: `REST`, which the front serves, or `HTTP` or `WEBSOCKET`, which the emulator does.
    """

    stack: str
    logical_id: str
    name: str
    stage: str
    url: str
    protocol: str = "REST"


class Front:
    """The front's process, which is started again whenever it dies.

    Attributes:
        apis: What it serves, and then what the emulator serves.
    """

    def __init__(self, *, endpoint: str, assembly: Assembly, port: int, log: Path) -> None:
        """Start it, and wait until it serves.

        Args:
            endpoint: The emulator's address.
            assembly: What was deployed.
            port: Where the first API is served.
            log: Where its output goes; access logs go to access.log beside it.

        Raises:
            LocalCloudError: If it does not start.
        """
        self._command = [
            *(sys.executable, "-m", "storage_first.local.front"),
            *("--emulator", endpoint, "--assembly", str(assembly.directory), "--port", str(port)),
            *("--access-log", str(log.with_name("access.log"))),
        ]
        self._environ = isolated(endpoint)
        self._log = log
        self._restarts: list[float] = []
        self._process, self.apis = self._start()

    @property
    def pid(self) -> int:
        """The id of the process that serves now."""
        return self._process.pid

    def revive(self) -> None:
        """Start it again, where it was, if it has died.

        Raises:
            LocalCloudError: If it keeps dying, or does not start.
        """
        if self._process.poll() is None:
            return
        self._process.stop()
        recent = time.monotonic() - _RESTARTS_WITHIN
        self._restarts = [*(moment for moment in self._restarts if moment > recent), time.monotonic()]
        if len(self._restarts) > _RESTARTS:
            raise LocalCloudError(f"The API Gateway front keeps dying (see {self._log}).")
        self._process, apis = self._start()
        if apis != self.apis:
            raise LocalCloudError("The API Gateway front died, and its ports were taken by another program meanwhile.")

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()

    def _start(self) -> tuple[Process, Sequence[Api]]:
        process = Process(self._command, log=self._log, environ=self._environ, stdout=subprocess.PIPE)
        try:
            return process, self._wait_until_it_serves(process)
        except BaseException:
            process.kill()
            raise

    def _wait_until_it_serves(self, process: Process) -> Sequence[Api]:
        lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process.stdout, lines), name="front-output", daemon=True).start()
        apis: list[Api] = []
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                line = lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise LocalCloudError(
                    f"The API Gateway front did not start within {_START_TIMEOUT:.0f} s (see {self._log})."
                ) from None
            if line is None:
                raise LocalCloudError(f"The API Gateway front ended as it started: {self._last_words()}")
            said = json.loads(line)
            if said.get("ready"):
                return tuple(sorted(apis, key=lambda api: api.protocol != "REST"))
            apis.append(_api(said))

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return f"{lines[-1].rstrip('.')} (see {self._log})." if lines else f"it said nothing (see {self._log})."


def _api(said: dict[str, Any]) -> Api:
    return Api(
        stack=said["stack"],
        logical_id=said["logicalId"],
        name=said["name"],
        stage=said["stage"],
        url=said["url"],
        protocol=said.get("protocol", "REST"),
    )


def _read(stream: IO[bytes], lines: "queue.SimpleQueue[bytes | None]") -> None:
    """Pass on what the process says, and that it says no more; reading on to the end lets it never block."""
    for line in stream:
        lines.put(line)
    lines.put(None)
