import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e_jobs.conftest import TERMINAL, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("jobs")]


def link(body, rel):
    (href,) = (each["href"] for each in body["links"] if each["rel"] == rel)
    return href


def test_a_running_job_is_cancelled_and_its_execution_stopped(jobs):
    id = jobs.submit("slow")
    running = jobs.becomes(id, "In Progress")

    answer = jobs.http.request("DELETE", f"jobs/{id}")

    assert answer.status_code == 200
    assert answer.json()["status"] == "Cancelled"
    assert answer.json()["version"] == running["version"] + 1
    wait_for(lambda: jobs.executions(id), {f"{id}-1": "ABORTED"}.__eq__)
    assert jobs.job(id) == answer.json()  # its end changed nothing
    again = jobs.http.request("DELETE", f"jobs/{id}")
    assert (again.status_code, again.json()) == (200, answer.json())


@pytest.mark.parametrize("type", ["quick", "broken"])
def test_a_job_that_has_ended_is_not_cancelled(jobs, type):
    id = jobs.submit(type)
    ended = jobs.becomes(id, *TERMINAL)

    answer = jobs.http.request("DELETE", f"jobs/{id}")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert jobs.job(id) == ended


def test_a_cancelled_job_is_given_a_new_attempt(jobs):
    id = jobs.submit("slow")
    jobs.becomes(id, "In Progress")
    cancelled = jobs.http.request("DELETE", f"jobs/{id}").json()

    answer = jobs.http.post(link(cancelled, "retry").removeprefix("/prod/"))

    assert answer.status_code == 202
    assert answer.headers["location"].endswith(f"/jobs/{id}")
    running = jobs.becomes(id, "In Progress")
    assert (running["attempt"], running["finishedAt"], running["error"]) == (2, None, None)
    wait_for(lambda: jobs.executions(id), {f"{id}-1": "ABORTED", f"{id}-2": "RUNNING"}.__eq__)
    jobs.http.request("DELETE", f"jobs/{id}")


def test_a_failed_job_that_is_retried_runs_again_once(jobs):
    id = jobs.submit("broken")
    failed = jobs.becomes(id, "Failed")

    with ThreadPoolExecutor(max_workers=8) as callers:
        answers = list(callers.map(lambda _: jobs.http.post(f"jobs/{id}/retry"), range(8)))

    assert {answer.status_code for answer in answers} <= {202}
    again = wait_for(lambda: jobs.job(id), lambda job: job["status"] == "Failed" and job["attempt"] > 1)
    assert failed["error"]["code"] == again["error"]["code"] == "Broken"
    assert len(jobs.executions(id)) == again["attempt"]
    assert again["version"] == failed["version"] * again["attempt"]


def test_a_job_that_has_succeeded_is_not_tried_again_and_links_to_what_it_made(jobs):
    id = jobs.submit("quick")
    done = jobs.becomes(id, "Succeeded")

    answer = jobs.http.post(f"jobs/{id}/retry")

    assert answer.status_code == 409
    assert link(done, "entity") == f"/prod/things/{id}"


@pytest.mark.parametrize("id", ["no-such-job", "a" * 65, "%22quote"])
def test_what_is_no_job_is_the_same_404_for_all(jobs, id):
    answers = [jobs.http.get(f"jobs/{id}"), jobs.http.delete(f"jobs/{id}"), jobs.http.post(f"jobs/{id}/retry")]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str({**answer.json(), "instance": ""}) for answer in answers}) == 1


def test_jobs_are_listed_newest_first_page_by_page_and_by_what_is_asked_for(jobs):
    ids = [jobs.submit("quick", uuid.uuid4().hex) for _ in range(120)]
    broken = jobs.submit("broken")
    for id in (*ids, broken):
        jobs.becomes(id, *TERMINAL, seconds=120)

    listed = list(jobs.listed())
    quick = [job["id"] for job in jobs.listed(type="quick")]

    assert listed[0]["id"] == broken
    assert [job["createdAt"] for job in listed] == sorted((job["createdAt"] for job in listed), reverse=True)
    assert len({job["id"] for job in listed}) == len(listed)
    assert set(quick) >= set(ids)
    assert broken not in quick
    assert broken in {job["id"] for job in jobs.listed(status="Failed")}
    assert broken in {job["id"] for job in jobs.listed(status="Failed", type="broken")}
    assert list(jobs.listed(status="Failed", type="quick")) == []
    assert {job["status"] for job in jobs.listed(status="Succeeded")} == {"Succeeded"}


@pytest.mark.parametrize("query", [{"status": "failed"}, {"type": "a b"}, {"cursor": "x"}])
def test_a_list_of_what_cannot_be_is_a_bad_request(jobs, query):
    answer = jobs.http.get("jobs", params=query)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
