import asyncio
from collections.abc import Iterator

import pytest

from tests.local.front.rest import Fronts


@pytest.fixture
def fronts() -> Iterator[Fronts]:
    """Serves REST APIs in this process, until the test ends."""
    with asyncio.Runner() as runner:
        opened = Fronts(runner)
        try:
            yield opened
        finally:
            runner.run(opened.close())
