from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_first.local.emulator import Emulator
from tests.local.sides import Side, bare_emulator


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """The pinned emulator as it is, with no gap closed."""
    with bare_emulator(tmp_path_factory.mktemp("bare")) as side:
        yield side


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """The emulator as the local cloud runs it, with all gaps closed."""
    with Emulator(directory=tmp_path_factory.mktemp("closed"), persist=False) as emulator:
        yield Side(emulator.endpoint)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"
