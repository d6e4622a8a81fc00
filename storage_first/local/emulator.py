"""Starts and stops the emulator: ministack, in a process of its own, on loopback only."""

import contextlib
import http.client
import importlib.metadata
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Final, Self

from storage_first.local.aws import ACCOUNT, REGION
from storage_first.local.environment import essential
from storage_first.local.errors import LocalCloudError
from storage_first.local.process import Process

VERSION: Final = "1.5.33"
_HOST: Final = "127.0.0.1"
_START_TIMEOUT: Final = 60.0
# It waits for what runs, then writes its state: with a large table that takes longer than a process's usual grace.
_STOP_GRACE: Final = 20.0


class Emulator:
    """The emulator as a child process.

    Attributes:
        endpoint: Its address, for every AWS client.
        restored: Whether it found the state of an earlier run.
    """

    def __init__(self, *, directory: Path, persist: bool, port: int | None = None) -> None:
        """Start it, and wait until it answers.

        Args:
            directory: Where it keeps its log, its temporary files and its state.
            persist: Whether to load the state of an earlier run, and to save it when stopped.
            port: The port to listen on; a free one if not given. State that was saved refers to the port it was
                saved under (queue URLs hold it), so a run that persists comes back on the same one.

        Raises:
            LocalCloudError: If the emulator is not installed in the one version that the gaps were written for,
                its port is taken, or it does not start.
        """
        _require_version()
        self._directory = directory
        self._persist = persist
        for name in ("logs", "tmp"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        self.restored = persist and _forget_unfinished(directory)
        wanted = port if port is not None else _saved_port(directory) if self.restored else 0
        with _listen(wanted) as listener:
            self._port: int = listener.getsockname()[1]
            self.endpoint = f"http://{_HOST}:{self._port}"
            self._process = Process(
                [sys.executable, "-m", "storage_first.local.emulator_process", str(listener.fileno())],
                log=directory / "logs" / "emulator.log",
                environ={**essential(), **self._settings()},
                cwd=directory,
                pass_fds=[listener.fileno()],
                grace=_STOP_GRACE,
            )
        # The child alone listens from here on: if it dies, connections are refused rather than left hanging.
        try:
            self._wait_until_it_answers()
        except BaseException:
            self._process.kill()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file it logs to."""
        return self._process.log

    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop it with all its Lambda workers, after it has saved its state."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settings(self) -> dict[str, str]:
        return {
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": _HOST,
            "MINISTACK_HOST": _HOST,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent",  # what needs Docker fails at once instead of starting containers
            "LAMBDA_ACCOUNT_CONCURRENCY": "64",
            "LAMBDA_WARM_TTL_SECONDS": "60",
            "TMPDIR": str(self._directory / "tmp"),
            "PERSIST_STATE": "1" if self._persist else "0",
            "STATE_DIR": str(_state(self._directory)),
            "S3_PERSIST": "1" if self._persist else "0",
            "S3_DATA_DIR": str(self._directory / "s3"),
            "PYTHONUNBUFFERED": "1",
        }

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if not self.running():
                raise LocalCloudError(f"The emulator ended as it started: {_last_line(self.log)} (see {self.log}).")
            connection = http.client.HTTPConnection(_HOST, self._port, timeout=1)
            with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == http.client.OK:
                    return
        raise LocalCloudError(f"The emulator did not answer within {_START_TIMEOUT:.0f} s (see {self.log}).")


def _require_version() -> None:
    try:
        installed = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if installed != VERSION:
        raise LocalCloudError(
            f"The local cloud closes gaps of ministack {VERSION}, but {installed or 'none'} is installed: "
            "run pip install 'storage-first[local]'."
        )


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError:
        listener.close()
        raise LocalCloudError(f"Port {port}, which the emulator needs, is taken by another program.") from None
    listener.listen(128)
    return listener


def _state(directory: Path) -> Path:
    return directory / "state"


def _saved_port(directory: Path) -> int:
    return int((_state(directory) / "complete").read_text())


def _forget_unfinished(directory: Path) -> bool:
    """Whether there is saved state; objects in S3 that no saved state knows of are removed."""
    if (_state(directory) / "complete").exists():
        return True
    for leftover in (_state(directory), directory / "s3"):
        shutil.rmtree(leftover, ignore_errors=True)
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
