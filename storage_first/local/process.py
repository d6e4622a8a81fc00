"""Child processes that never outlive the local cloud."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from storage_first.local import lifeline

_GRACE: Final = 3.0
_PROC: Final = Path("/proc")


class Process:
    """A child in a process group of its own, which is stopped as a whole.

    It has no terminal: Ctrl-C reaches only the parent, which then stops its children in the order they need.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        stdout: IO[bytes] | int | None = None,
        pass_fds: Sequence[int] = (),
        grace: float = _GRACE,
    ) -> None:
        """Start `command`.

        Args:
            command: The program and its arguments. It has to watch its lifeline; see `tied`.
            log: Where its output is appended to.
            environ: All of its environment.
            cwd: Where it runs.
            stdout: Where its standard output goes instead of to `log`.
            pass_fds: File descriptors that it inherits.
            grace: How many seconds it may take to stop before it is killed.
        """
        self.log = log
        self._grace = grace
        self._swept = False
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,  # the lifeline
                stdout=output if stdout is None else stdout,
                stderr=output,
                cwd=cwd,
                env=dict(environ),
                pass_fds=pass_fds,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._popen.pid

    @property
    def stdout(self) -> IO[bytes]:
        """The process's output, if it was started with `stdout=subprocess.PIPE`."""
        if self._popen.stdout is None:
            raise ValueError("stdout was not asked for: start the process with stdout=subprocess.PIPE")
        return self._popen.stdout

    def poll(self) -> int | None:
        """The exit code, or `None` while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float) -> int:
        """Wait for it to end by itself, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: If it runs for longer than `timeout` seconds.
        """
        return self._popen.wait(timeout)

    def stop(self) -> None:
        """Let it end by itself for its grace time, then kill whatever is left of its group."""
        try:
            if self._popen.poll() is None:
                self._popen.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._popen.wait(self._grace)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the whole group at once."""
        if self._swept:
            return  # the id may belong to somebody else by now
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None:
                stream.close()
        self._swept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def tied(command: Sequence[str], *, grace: float = _GRACE) -> list[str]:
    """`command`, made to end with the process that starts it."""
    return [sys.executable, "-I", "-S", lifeline.__file__, str(grace), *command]


def group_members(group: int) -> Sequence[int]:
    """The ids of the processes in a process group that still run."""
    if _PROC.exists():
        return [pid for pid, (pgid, state) in _processes() if pgid == group and state != "Z"]
    listing = subprocess.run(["ps", "-A", "-o", "pgid=,pid=,stat="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    return [int(pid) for pgid, pid, state, *_ in rows if int(pgid) == group and not state.startswith("Z")]


def _processes() -> Iterator[tuple[int, tuple[int, str]]]:
    """Linux's processes with their group and state; a minimal image has no `ps`."""
    for stat in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, pgid, *_ = stat.read_text().rpartition(")")[2].split()
            yield int(stat.parent.name), (int(pgid), state)
