import json
import uuid

import pytest

from tests.e2e_jobs.conftest import TERMINAL, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("jobs")]

BAD = set(range(5, 1000, 27))


def post(jobs, path, items, key=None):
    return jobs.http.post(path, json={"items": items}, headers={"Idempotency-Key": key or uuid.uuid4().hex})


def submit(jobs, path, items, key=None):
    answer = post(jobs, path, items, key)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def named(job):
    """The items that have failed, by their index, each with its error."""
    return {each["index"]: each["error"] for each in job["result"]["results"] if each["status"] == "Failed"}


def test_of_1000_items_37_bad_ones_are_named_and_963_succeed(jobs):
    items = [{"name": f"gopher {index}", "bad": index in BAD} for index in range(1000)]

    id = submit(jobs, "picky/batch", items)
    job = jobs.becomes(id, *TERMINAL, seconds=600)

    assert (job["type"], job["status"]) == ("picky.batch", "Failed")
    assert job["error"] == {"code": "ItemsFailed", "message": "37 of 1000 items failed"}
    assert job["progress"] == {"percent": 100, "message": "1000 of 1000 items, 37 failed"}
    counts = {name: job["result"][name] for name in ("items", "succeeded", "failed")}
    assert counts == {"items": 1000, "succeeded": 963, "failed": 37}
    assert named(job) == {index: {"code": "Bad", "message": f"gopher {index} is bad."} for index in BAD}
    succeeded = [each for each in job["result"]["results"] if each["index"] not in BAD]
    assert succeeded == [
        {"index": index, "id": f"{id}.{index}", "status": "Succeeded", "error": None}
        for index in range(1000)
        if index not in BAD
    ]
    assert len(jobs.executions(id)) == 1000 + 1  # of the items, and of the batch


def test_a_new_attempt_runs_only_what_has_not_succeeded(jobs):
    id = submit(jobs, "picky/batch", [{"name": "a"}, {"name": "b", "bad": "once"}, {"name": "c", "bad": True}])
    first = jobs.becomes(id, *TERMINAL)

    answer = jobs.http.post(f"jobs/{id}/retry")

    assert answer.status_code == 202
    second = wait_for(lambda: jobs.job(id), lambda job: job["status"] in TERMINAL and job["attempt"] == 2)
    assert (first["status"], list(named(first))) == ("Failed", [1, 2])
    assert (second["status"], list(named(second))) == ("Failed", [2])
    ran = {"1": "FAILED", "1.0": "SUCCEEDED", "1.1": "FAILED", "1.2": "FAILED"}
    ran |= {"2": "FAILED", "2.1": "SUCCEEDED", "2.2": "FAILED"}
    assert jobs.executions(id) == {f"{id}-{name}": status for name, status in ran.items()}


def test_a_machine_that_knows_nothing_of_jobs_works_on_items(jobs, cloud):
    id = submit(jobs, "existing/batch", [{"n": 1}, {"n": 2, "fail": True}])
    first = jobs.becomes(id, *TERMINAL)
    wait_for(lambda: record(cloud, f"default#{id}.0")["status"]["S"], "Succeeded".__eq__)

    jobs.http.post(f"jobs/{id}/retry")

    wait_for(lambda: jobs.job(id), lambda job: job["status"] in TERMINAL and job["attempt"] == 2)
    assert named(first) == {1: {"code": "Broken", "message": "For the test."}}
    assert json.loads(record(cloud, f"default#{id}.0")["result"]["S"]) == {"n": 1}
    assert jobs.executions(id).keys() == {f"{id}-{name}" for name in ("1", "1.0", "1.1", "2", "2.1")}


def test_a_key_that_is_used_again_works_on_its_own_items(jobs, cloud):
    id = submit(jobs, "picky/batch", [{"name": "a"}])
    jobs.becomes(id, "Succeeded")
    dynamodb, table = jobs_table(cloud)
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": f"default#{id}"}})  # it has expired, before its item
    before = record(cloud, f"default#{id}.0")

    submit(jobs, "picky/batch", [{"name": "b", "bad": True}], key=id)

    assert list(named(jobs.becomes(id, *TERMINAL))) == [0]
    after = record(cloud, f"default#{id}.0")
    assert (before["status"]["S"], after["status"]["S"]) == ("Succeeded", "Failed")


def record(cloud, key):
    dynamodb, table = jobs_table(cloud)
    return dynamodb.get_item(TableName=table, Key={"pk": {"S": key}})["Item"]


def jobs_table(cloud):
    dynamodb = cloud.client("dynamodb")
    (table,) = dynamodb.list_tables()["TableNames"]
    return dynamodb, table


def test_a_batch_without_failures_has_succeeded(jobs):
    id = submit(jobs, "picky/batch", [{"name": "a"}])

    job = jobs.becomes(id, *TERMINAL)

    assert (job["status"], job["error"]) == ("Succeeded", None)
    one = {"index": 0, "id": f"{id}.0", "status": "Succeeded", "error": None}
    assert job["result"] == {"items": 1, "succeeded": 1, "failed": 0, "results": [one]}
    assert jobs.http.post(f"jobs/{id}/retry").status_code == 409


def test_a_cancelled_batch_stops_its_items_and_starts_no_more(jobs):
    id = submit(jobs, "slow/batch", [{}] * 5)
    running = {f"{id}-1": "RUNNING", f"{id}-1.0": "RUNNING", f"{id}-1.1": "RUNNING"}
    wait_for(lambda: jobs.executions(id), running.__eq__)

    answer = jobs.http.delete(f"jobs/{id}")

    assert answer.json()["status"] == "Cancelled"
    wait_for(lambda: jobs.executions(id), dict.fromkeys(running, "ABORTED").__eq__)


def test_items_are_no_jobs_that_anyone_sees(jobs):
    id = submit(jobs, "picky/batch", [{"name": "a"}, {"name": "b", "bad": True}])
    jobs.becomes(id, *TERMINAL)

    listed = [job["id"] for job in jobs.listed()]

    assert id in listed
    assert not {f"{id}.0", f"{id}.1"} & set(listed)
    assert jobs.http.get(f"jobs/{id}.0").status_code == 404


@pytest.mark.parametrize(("items", "status"), [([{}] * 1001, 413), ([], 400), ({}, 400), ("many", 400), (None, 400)])
def test_what_is_no_batch_is_refused_at_the_door(jobs, items, status):
    answer = post(jobs, "picky/batch", items)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "1,000 items" in answer.json()["detail"]
