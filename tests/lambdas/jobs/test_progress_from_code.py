"""The module that users' functions import: the real code, on a pretended table."""

import ast
import inspect
import sys

import pytest

from lambdas.layers import storage_first_jobs
from lambdas.layers.storage_first_jobs import JobMovedOnError, progress
from tests.lambdas.jobs.world import execution_arn, in_progress

JOB = {"key": "default#j-1", "execution": execution_arn("j-1-1")}


@pytest.fixture(autouse=True)
def _new_client():
    storage_first_jobs._dynamodb.cache_clear()


def test_progress_is_on_the_job(jobs):
    jobs.put(in_progress())

    progress(JOB, 60, "Searching for holes")

    job = jobs.get()
    assert job["progress"] == {"percent": 60, "message": "Searching for holes"}
    assert (job["version"], job["status"]) == (3, "In Progress")
    assert job["updatedAt"] > job["startedAt"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "Cancelled"},
        {"status": "Succeeded"},
        {"status": "Pending", "attempt": 2, "executionArn": None},
        {"attempt": 2, "executionArn": execution_arn("j-1-2")},
    ],
)
def test_a_job_that_has_moved_on_says_so_and_stays_as_it_is(jobs, changes):
    jobs.put(in_progress(**changes))
    before = jobs.get()

    with pytest.raises(JobMovedOnError, match=r"The job 'default#j-1' is not that of .*:j-1-1-[a-z2-7]+ any more"):
        progress(JOB, 60, "Searching for holes")

    assert jobs.get() == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((JOB, 101, "m"), "percent must be a whole number from 0 to 100, got 101"),
        ((JOB, -1, "m"), "percent .* got -1"),
        ((JOB, 0.5, "m"), "percent .* got 0.5"),
        ((JOB, True, "m"), "percent .* got True"),
        ((JOB, 1, ""), "message must have 1 to 256 characters, got 0"),
        ((JOB, 1, "x" * 257), "message must have 1 to 256 characters, got 257"),
        (({"id": "j-1"}, 1, "m"), r"job must be JobTracker\.THIS_JOB"),
        ((None, 1, "m"), r"job must be JobTracker\.THIS_JOB.* got None"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(jobs, given, said):
    jobs.put(in_progress())

    with pytest.raises(ValueError, match=said):
        progress(*given)

    assert "progress" not in jobs.get()


def test_the_layer_needs_what_lambda_s_runtime_has_and_nothing_else():
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(inspect.getsource(storage_first_jobs)))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }

    assert imported - sys.stdlib_module_names == {"botocore"}
