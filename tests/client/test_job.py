from datetime import UTC, datetime

import pytest

from storage_first.client import (
    AnswerError,
    JobCancelledError,
    JobFailedError,
    JobTimeoutError,
    LinkError,
    ProblemError,
    Progress,
    UnreachableError,
)
from tests.client.api import Fault, failing, redirect

SEARCHING = {"status": "In Progress", "progress": {"percent": 40, "message": "Searching"}}
LINKING = {"status": "In Progress", "progress": {"percent": 80, "message": "Linking"}}
DONE = {"status": "Succeeded", "result": {"holes": 2}}
NAME_TAKEN = {"status": "Failed", "error": {"code": "NameTaken", "message": "There is a Gus."}}


@pytest.fixture
def submit(api, client):
    def submit(*becomes):
        api.coming["gus"].extend(becomes)
        return client.submit("gophers", {}, idempotency_key="gus")

    return submit


def test_a_job_is_followed_until_it_has_succeeded(submit):
    job = submit(SEARCHING, LINKING, DONE)

    ended = job.wait()

    assert ended is job
    assert (job.status, job.result, job.ended) == ("Succeeded", {"holes": 2}, True)


def test_the_api_says_how_often_it_is_asked(api, submit, clock):
    api.retry_after = "7"

    submit(SEARCHING, LINKING, DONE).wait()

    assert clock.slept == [7, 7, 7]


def test_time_that_has_passed_otherwise_is_not_waited_for_again(api, submit, clock):
    api.retry_after = "7"
    job = submit(DONE)
    clock.now += 5

    job.wait()

    assert clock.slept == [2]


@pytest.mark.parametrize("wish", ["", "0", "soon", "-1", "1.5", "Mon, 99 Foo 2026"])
def test_without_a_clear_wish_it_is_asked_each_second(api, submit, clock, wish):
    api.retry_after = wish

    submit(SEARCHING, DONE).wait()

    assert clock.slept == [1, 1]


def test_only_changes_are_told_and_each_of_them_once(submit):
    told = []
    job = submit(SEARCHING, {}, {}, LINKING, DONE)

    job.wait(on_progress=lambda job: told.append((job.version, job.status, job.progress)))

    assert told == [
        (2, "In Progress", Progress(40, "Searching")),
        (3, "In Progress", Progress(80, "Linking")),
        (4, "Succeeded", Progress(80, "Linking")),
    ]


def test_a_failed_job_is_an_error_with_its_reason(submit):
    with pytest.raises(JobFailedError, match="The job gus has failed: NameTaken: There is a Gus") as failed:
        submit(NAME_TAKEN).wait()

    assert (failed.value.code, failed.value.message) == ("NameTaken", "There is a Gus.")
    assert failed.value.job.status == "Failed"


def test_a_failed_job_without_a_reason_is_one_too(submit):
    with pytest.raises(JobFailedError, match=r"The job gus has failed$"):
        submit({"status": "Failed"}).wait()


def test_a_cancelled_job_is_an_error(submit):
    with pytest.raises(JobCancelledError, match="The job gus was cancelled"):
        submit({"status": "Cancelled"}).wait()


def test_waiting_ends_in_time_and_can_go_on(api, submit, clock):
    job = submit(SEARCHING, {}, {}, {}, {})

    with pytest.raises(TimeoutError, match="The job gus is still In Progress") as late:
        job.wait(timeout=3)

    assert isinstance(late.value, JobTimeoutError)
    assert sum(clock.slept) <= 3
    api.coming["gus"].clear()
    api.change("gus", **DONE)
    assert job.wait(timeout=3).result == {"holes": 2}


def test_an_outage_does_not_make_waiting_longer(api, submit, clock, jitter):
    jitter.of = lambda ceiling: ceiling
    job = submit(SEARCHING)
    api.disturb(*[failing(503)] * 9)

    with pytest.raises(JobTimeoutError) as late:
        job.wait(timeout=10)

    assert sum(clock.slept) <= 10
    assert isinstance(late.value.__cause__, ProblemError)


def test_waiting_survives_an_outage(api, submit):
    job = submit(SEARCHING, DONE)
    api.disturb(failing(503), Fault(lost=True), failing(429, "3"), Fault(lost=True))

    assert job.wait().result == {"holes": 2}


def test_an_outage_that_lasts_as_long_as_the_client_s_timeout_ends_waiting(api, submit, clock, jitter):
    jitter.of = lambda ceiling: ceiling / 2
    job = submit(SEARCHING)
    api.disturb(*[Fault(lost=True)] * 20)

    with pytest.raises(UnreachableError):
        job.wait()

    assert 50 < sum(clock.slept) < 60


def test_a_look_that_is_due_is_taken_even_if_there_is_no_time_left(api, client):
    api.add("gus")
    api.change("gus", **DONE)

    assert client.job("jobs/gus").wait(timeout=0).result == {"holes": 2}


def test_a_job_that_has_expired_ends_waiting(api, submit):
    job = submit()
    del api.jobs["gus"]

    with pytest.raises(ProblemError) as gone:
        job.wait(timeout=30)

    assert gone.value.status == 404


def test_a_job_that_has_moved_is_followed(api, submit):
    job = submit(DONE)
    api.disturb(redirect(308, f"{api.url}/jobs/gus?moved"))

    job.wait()

    assert api.asked == ["POST /prod/gophers", "GET /prod/jobs/gus", "GET /prod/jobs/gus?moved"]


def test_a_job_is_found_by_its_location_alone(api, client):
    api.add("gus", DONE)
    api.disturb(Fault(202, {"Location": "/prod/jobs/gus"}, b'{"id":"gus","status":"Pending"}'))

    assert client.submit("gophers", {}).wait().result == {"holes": 2}


def test_only_what_the_api_links_to_is_called(api, client):
    body = (
        b'{"id":"gus","status":"Failed","links":[{"rel":"self","href":"odd/1"},{"rel":"retry","href":"../again?x=1"}]}'
    )
    api.disturb(Fault(200, {}, body), Fault(200, {}, body), Fault(202, {}, body))
    job = client.job("some/place")

    job.refresh()
    job.retry()

    assert api.asked == ["GET /prod/some/place", "GET /prod/some/odd/1", "POST /prod/some/again?x=1"]


def test_what_the_api_tells_is_there_to_be_read(api, client):
    told = api.add("gus", **SEARCHING, startedAt="2026-01-01T00:00:02.500Z")

    job = client.job("jobs/gus")

    assert (job.type, job.attempt, job.version) == ("add-gopher", 1, 1)
    assert job.created_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert job.started_at == datetime(2026, 1, 1, 0, 0, 2, 500_000, tzinfo=UTC)
    assert job.finished_at is None
    assert job.links["collection"] == f"{api.url}/jobs"
    assert {**job.data, "links": None} == {**told, "links": None}


def test_a_job_is_found_again_by_its_address(api, client):
    api.add("gus")
    address = client.job("/jobs/gus").links["self"]

    assert client.job(address).id == "gus"


def test_an_unknown_job_is_a_problem(client):
    with pytest.raises(ProblemError, match="404 Refused: There is no such job"):
        client.job("jobs/nobody")


def test_what_a_job_has_made_is_read(api, submit):
    api.entities["gus"] = {"name": "Gus"}

    assert submit(DONE).wait().entity() == {"name": "Gus"}


def test_a_job_that_has_made_nothing_says_so(submit):
    with pytest.raises(LinkError, match="gus is Succeeded and has no link 'entity'"):
        submit(DONE).wait().entity()


def test_a_job_is_cancelled(api, submit):
    job = submit()

    job.cancel()

    assert (job.status, api.jobs["gus"]["status"]) == ("Cancelled", "Cancelled")


def test_cancelling_again_changes_nothing(api, client):
    api.add("gus", status="Cancelled")

    assert client.job("jobs/gus").cancel().status == "Cancelled"
    assert api.jobs["gus"]["version"] == 1


def test_a_cancel_whose_answer_was_lost_is_one_cancel(api, client):
    api.add("gus")
    job = client.job("jobs/gus")
    api.disturb(Fault(lost=True))

    assert job.cancel().status == "Cancelled"
    assert api.jobs["gus"]["version"] == 2


def test_what_has_ended_is_not_cancelled(api, client):
    api.add("gus", **DONE)

    with pytest.raises(LinkError, match="gus is Succeeded and has no link 'cancel'"):
        client.job("jobs/gus").cancel()


def test_what_ends_before_it_can_be_cancelled_is_a_problem(api, client):
    api.add("gus")
    job = client.job("jobs/gus")
    api.change("gus", **DONE)

    with pytest.raises(ProblemError) as refused:
        job.cancel()

    assert refused.value.status == 409


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_job_gets_a_new_attempt(api, client, status):
    api.add("gus", status=status)

    job = client.job("jobs/gus").retry()

    assert (job.status, job.refresh().attempt) == ("Pending", 2)


def test_a_retry_whose_answer_was_lost_is_one_attempt(api, client):
    api.add("gus", **NAME_TAKEN)
    job = client.job("jobs/gus")
    api.disturb(Fault(lost=True))

    job.retry()

    assert (job.attempt, api.jobs["gus"]["attempt"]) == (2, 2)


def test_a_retry_whose_answer_was_lost_is_one_attempt_even_if_it_fails_at_once(api, client, monkeypatch):
    api.add("gus", **NAME_TAKEN)
    job = client.job("jobs/gus")
    retry = api._retry

    def and_fail(id):
        answer = retry(id)
        api.change(id, **NAME_TAKEN)
        return answer

    monkeypatch.setattr(api, "_retry", and_fail)
    api.disturb(Fault(lost=True))

    job.retry()

    assert (job.status, api.jobs["gus"]["attempt"]) == ("Failed", 2)


def test_a_retry_that_comes_through_while_it_is_repeated_is_one_attempt(api, client):
    api.add("gus", **NAME_TAKEN)
    job = client.job("jobs/gus")
    api.disturb(failing(503), Fault(), failing(409))
    api.coming["gus"].extend([{}, {"attempt": 2, "status": "Pending"}])

    job.retry()

    assert (job.attempt, api.jobs["gus"]["attempt"]) == (2, 2)


def test_a_retry_that_had_no_effect_is_repeated(api, client):
    api.add("gus", **NAME_TAKEN)
    job = client.job("jobs/gus")
    api.disturb(failing(503))

    job.retry()

    assert api.jobs["gus"]["attempt"] == 2


def test_a_retry_that_is_refused_for_good_is_a_problem(api, client):
    api.add("gus", **NAME_TAKEN)
    job = client.job("jobs/gus")
    api.disturb(failing(409))

    with pytest.raises(ProblemError):
        job.retry()


def test_what_has_not_failed_is_not_retried(api, client):
    api.add("gus")

    with pytest.raises(LinkError, match="gus is Pending and has no link 'retry'"):
        client.job("jobs/gus").retry()


def test_a_retried_job_can_be_waited_for(api, client):
    api.add("gus", **NAME_TAKEN)
    job = client.job("jobs/gus").retry()
    api.coming["gus"].append(DONE)

    assert job.wait().result == {"holes": 2}


def test_all_pages_are_listed(api, client):
    for number in range(8):
        api.add(f"g-{number}")

    assert [job.id for job in client.jobs()] == [f"g-{number}" for number in reversed(range(8))]
    assert len(api.requests) == 3


def test_no_page_is_asked_for_before_it_is_needed(api, client):
    for number in range(8):
        api.add(f"g-{number}")

    listed = client.jobs()
    assert api.requests == []
    ids = [next(listed).id for _ in range(3)]

    assert ids == ["g-7", "g-6", "g-5"]
    assert len(api.requests) == 1


def test_an_empty_page_is_not_the_end(api, client):
    api.add("gus")
    empty = b'{"jobs":[],"links":[{"rel":"next","href":"/prod/jobs?cursor=0"}]}'
    api.disturb(Fault(200, {}, empty))

    assert [job.id for job in client.jobs()] == ["gus"]


def test_jobs_are_listed_by_status_and_type(api, client):
    api.add("a", status="In Progress", type="make & send")
    api.add("b", type="make & send")
    api.add("c", status="In Progress")

    assert [job.id for job in client.jobs(status="In Progress", type="make & send")] == ["a"]
    assert api.asked == ["GET /prod/jobs?status=In%20Progress&type=make%20%26%20send"]


def test_a_listed_job_is_followed_from_there(api, client):
    api.add("gus", **NAME_TAKEN)
    (job,) = client.jobs()

    job.retry()

    assert api.asked[1:] == ["GET /prod/jobs/gus", "POST /prod/jobs/gus/retry"]


def test_a_next_page_of_another_origin_is_not_asked_for(api, client, elsewhere):
    page = f'{{"jobs":[],"links":[{{"rel":"next","href":"{elsewhere.url}/jobs"}}]}}'
    api.disturb(Fault(200, {}, page.encode()))

    with pytest.raises(AnswerError, match="whose credentials it must not see"):
        list(client.jobs())

    assert elsewhere.requests == []


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"jobs":{}}', b'{"jobs":[7]}', b'{"jobs":[],"links":[{}]}'])
def test_what_is_no_list_of_jobs_is_told(api, client, body):
    api.disturb(Fault(200, {}, body))

    with pytest.raises(AnswerError):
        list(client.jobs())
