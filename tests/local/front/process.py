"""The front as a process of its own, as the local cloud runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Process:
    """A running front, and what it said."""

    process: subprocess.Popen[str]
    errors: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def wait_until_ready(self) -> None:
        assert self.process.stdout
        while {"ready": True} not in self.lines:
            line = self.process.stdout.readline()
            assert line, f"the front did not get ready: {self.errors.read_text()}"
            self.lines.append(json.loads(line))

    def url(self, logical_id: str) -> str:
        """Tell where an API is served, by the start of its logical id."""
        return next(str(line["url"]) for line in self.lines if line.get("logicalId", "").startswith(logical_id))


def command(emulator: str, assembly: Path, *more: str) -> list[str]:
    """The command that serves what an assembly deployed."""
    front = [sys.executable, "-m", "storage_first.local.front", "--emulator", emulator]
    return [*front, "--assembly", str(assembly), *more]


def start(command: list[str], errors: Path) -> Process:
    """Start a front whose complaints go to a file; whoever asks for it stops it."""
    with errors.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True, env=environment())
    return Process(process, errors)


@contextmanager
def serving(emulator: str, assembly: Path, errors: Path) -> Iterator[Process]:
    """Serve what an assembly deployed, on free ports."""
    front = start(command(emulator, assembly, "--port", "0"), errors)
    with front.process:
        try:
            front.wait_until_ready()
            yield front
        finally:
            front.process.terminate()


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
