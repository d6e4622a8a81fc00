"""Where one local cloud keeps its files: the user's data directory, or a temporary one."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage_first.local.errors import LocalCloudError

# Written anew by every run; the rest of a data directory is the emulator's.
_OF_ONE_RUN: Final = ("cdk.out", "assembly", "tmp", "logs")


@dataclass(kw_only=True)
class Workplace:
    """A directory for one run.

    Attributes:
        path: The directory.
        keep_logs: Whether the logs stay when the run ends, because a message names them.
    """

    path: Path
    keep_logs: bool = False

    @property
    def logs(self) -> Path:
        """Where the processes log to."""
        return self.path / "logs"


@contextmanager
def workplace(data: Path | None) -> Iterator[Workplace]:
    """A workplace in `data`, for one run at a time, or in a temporary directory that is removed at the end.

    Raises:
        LocalCloudError: If another run uses `data`, or it cannot be written to.
    """
    place = Workplace(path=data.resolve() if data else Path(tempfile.mkdtemp(prefix="storage-first-")))
    try:
        with _locked(place.path):
            for name in _OF_ONE_RUN:
                shutil.rmtree(place.path / name, ignore_errors=True)
            place.logs.mkdir()
            yield place
    except LocalCloudError:
        place.keep_logs = True
        raise
    finally:
        _tidy(place, whole=data is None)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise LocalCloudError(f"The data directory {directory} cannot be written to: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalCloudError(f"The data directory {directory} is in use by another local cloud.") from None
        yield


def _tidy(place: Workplace, *, whole: bool) -> None:
    if whole and not place.keep_logs:
        shutil.rmtree(place.path, ignore_errors=True)
        return
    for entry in place.path.iterdir() if place.path.is_dir() else ():
        if entry.name in {"cdk.out", "assembly", "tmp"} or (whole and entry != place.logs):
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
