from pathlib import Path

import pytest

from storage_first.testing.fixtures import app_fixture
from tests.hostile.calls import Routes
from tests.hostile.deployed import Deployed
from tests.oracle.plugin import oracle

__all__ = ["oracle"]

cloud = app_fixture("python -m tests.hostile.app", cwd=Path(__file__).parents[2])


@pytest.fixture(scope="session")
def routes():
    return Routes()


@pytest.fixture(scope="session")
def deployed(cloud):
    with Deployed(cloud) as deployed:
        yield deployed
