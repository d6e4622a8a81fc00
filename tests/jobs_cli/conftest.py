import pytest
from typer.testing import CliRunner

from storage_first.jobs.commands import jobs
from tests.client.conftest import api, clock, jitter

__all__ = ["api", "clock", "jitter"]


@pytest.fixture
def run(api):
    """Run `storage-first jobs` on the API."""

    def run(*arguments, answer=None, url=api.url, env=None):
        return CliRunner().invoke(jobs, arguments, input=answer, env={"STORAGE_FIRST_URL": url, **(env or {})})

    return run
