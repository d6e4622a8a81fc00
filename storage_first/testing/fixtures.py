"""pytest fixtures for tests of a whole app; needs pytest."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage_first.local.cloud import LocalCloud


def app_fixture(app: str = "python app.py", *, cwd: Path | None = None) -> Callable[[], Iterator[LocalCloud]]:
    """Make a fixture that runs an app on the local cloud, from the first test that asks for it to the last.

    Example, in a `conftest.py`:

        cloud = app_fixture("python app.py")

    and in a test, where `cloud.apis` has the addresses of the app's REST APIs, and `cloud.client` makes boto3 clients:

        def test_an_order_is_accepted(cloud):
            answer = httpx.post(f"{cloud.apis[0].url}orders", json={"sku": "A-1"})

            assert answer.status_code == 202

    Args:
        app: The command that synthesizes the app.
        cwd: Where the command runs; the current folder by default.
    """

    @pytest.fixture(scope="session")
    def cloud() -> Iterator[LocalCloud]:
        with LocalCloud.start(app=app, cwd=cwd or Path()) as cloud:
            yield cloud

    return cloud
