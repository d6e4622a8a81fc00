"""What a type of jobs can be given, on the local cloud."""

import time
import uuid

import pytest

from tests.e2e_jobs.conftest import wait_for


@pytest.fixture
def submit(jobs):
    def submit(job_type, **body):
        answer = jobs.http.post(job_type, json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    return submit


@pytest.fixture
def reconcile(cloud):
    """Have the reconciler look at one job now, whatever its schedule says."""
    functions = cloud.client("lambda").list_functions()["Functions"]
    (reconciler,) = (each["FunctionName"] for each in functions if "Reconciler" in each["FunctionName"])
    dynamodb = cloud.client("dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "JobsTable" in name)

    def reconcile(id):
        dynamodb.update_item(
            TableName=table,
            Key={"pk": {"S": f"default#{id}"}},
            UpdateExpression="SET checkAt = :past",
            ConditionExpression="attribute_exists(checkAt)",
            ExpressionAttributeValues={":past": {"S": "2020-01-01T00:00:00.000Z"}},
        )
        answer = cloud.client("lambda").invoke(FunctionName=reconciler)
        assert "FunctionError" not in answer, answer["Payload"].read()

    return reconcile


@pytest.mark.parametrize("job_type", ["express", "existing"])
def test_a_job_ends_with_its_execution_of_another_kind(jobs, submit, job_type):
    good, bad = submit(job_type, hole=7), submit(job_type, fail=True)

    done, failed = jobs.becomes(good, "Succeeded"), jobs.becomes(bad, "Failed")

    assert done["result"] == ("done at once" if job_type == "express" else {"hole": 7})
    assert failed["error"] == {"code": "Broken", "message": "For the test."}


def test_a_job_that_fails_is_pending_again_and_says_why_until_its_next_attempt(jobs, submit, reconcile):
    id = submit("flaky")
    again = wait_for(lambda: jobs.job(id), lambda job: job["attempt"] == 2)
    assert (again["status"], again["error"]["code"]) == ("Pending", "Broken")

    reconcile(id)

    done = jobs.becomes(id, "Succeeded", "Failed")
    assert (done["status"], done["attempt"], done["error"]) == ("Succeeded", 2, None)
    assert jobs.executions(id) == {f"{id}-1": "FAILED", f"{id}-2": "SUCCEEDED"}


def test_no_more_jobs_run_at_once_than_may_and_all_have_their_turn(jobs, submit):
    ids = [submit("limited") for _ in range(7)]
    most = 0

    deadline = time.monotonic() + 60
    while (statuses := [jobs.job(id)["status"] for id in ids]) != ["Succeeded"] * 7:
        most = max(most, statuses.count("In Progress"))
        assert time.monotonic() < deadline, statuses

    assert most == 2


def test_code_tells_progress_too(jobs, submit):
    id = submit("told")

    job = jobs.becomes(id, "Succeeded", "Failed")

    assert (job["status"], job["result"]) == ("Succeeded", "told")
    assert job["progress"] == {"percent": 60, "message": "Searching for holes"}


def test_a_result_that_does_not_fit_beside_its_input_is_a_named_failure(jobs, submit):
    id = submit("large", hundreds=2_000, fill="x" * 220_000)

    job = jobs.becomes(id, "Succeeded", "Failed")

    assert (job["status"], job["error"]["code"]) == ("Failed", "ResultTooLarge")
    assert "400 KB" in job["error"]["message"]


def test_a_result_of_300_kb_is_a_named_failure(jobs, submit):
    id = submit("large", hundreds=3_000)

    job = jobs.becomes(id, "Succeeded", "Failed")

    assert (job["status"], job["error"]["code"]) == ("Failed", "States.DataLimitExceeded")
