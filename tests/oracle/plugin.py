"""The `oracle` fixture. A conftest gets it with `from tests.oracle.plugin import oracle`."""

import os
from collections.abc import Iterator

import pytest

from tests.oracle.client import Oracle, missing, started


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """The Java originals; skips the test where they are not installed, unless they are required."""
    if lack := missing():
        reason = f"the Java oracle is not installed ({lack})"
        if os.environ.get("STORAGE_FIRST_REQUIRE_ORACLE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with started(tmp_path_factory.mktemp("oracle")) as running:
        yield running
