import re
import socket

import httpx
import pytest

from storage_first.client import AnswerError, Client, LinkError, ProblemError, UnreachableError
from tests.client.api import Fault, failing, redirect

GUS = {"name": "Gus", "location": "Hole 19 ⛳"}


def test_what_is_submitted_is_stored_as_it_is(api, client):
    job = client.submit("gophers", GUS)

    (request,) = api.requests
    assert request.path == "/prod/gophers"
    assert request.body == '{"name":"Gus","location":"Hole 19 ⛳"}'.encode()
    assert request.headers["Content-Type"] == "application/json"
    assert (job.id, job.status) == (request.headers["Idempotency-Key"], "Pending")


def test_each_submit_is_a_request_of_its_own(api, client):
    first, second = client.submit("gophers", GUS), client.submit("gophers", GUS)

    assert first.id != second.id


def test_the_same_key_is_the_same_job_as_it_is_by_now(api, client):
    client.submit("gophers", GUS, idempotency_key="gus")
    api.change("gus", status="Succeeded")

    again = client.submit("gophers", GUS, idempotency_key="gus")

    assert (again.id, again.status) == ("gus", "Succeeded")
    assert len(api.jobs) == 1


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 65, "a\n"])
def test_a_key_that_is_none_is_refused_before_anything_is_sent(api, client, key):
    with pytest.raises(ValueError, match=r"idempotency_key must be 1 to 64 characters .* got"):
        client.submit("gophers", GUS, idempotency_key=key)

    assert api.requests == []


def test_what_is_not_json_is_refused_before_anything_is_sent(api, client):
    with pytest.raises(ValueError, match="JSON"):
        client.submit("gophers", {"depth": float("nan")})

    assert api.requests == []


def test_after_a_lost_answer_the_same_is_sent_again_and_stored_once(api, client):
    api.disturb(Fault(lost=True), Fault(lost=True))

    job = client.submit("gophers", GUS)

    first, *others = api.requests
    assert len(others) == 2
    assert all(other == first for other in others)
    assert list(api.jobs) == [job.id]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_refusal_is_waited_out(api, client, status):
    api.disturb(failing(status), failing(status))

    job = client.submit("gophers", GUS)

    assert list(api.jobs) == [job.id]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500])
def test_a_refusal_that_stays_is_told_at_once_with_its_details(api, client, clock, status):
    api.disturb(failing(status))

    with pytest.raises(ProblemError) as refused:
        client.submit("gophers", GUS)

    problem = refused.value
    assert (problem.status, problem.title, problem.detail, problem.instance) == (status, "Refused", "Later.", "id-1")
    assert not problem.transient
    assert str(problem) == f"{status} Refused: Later (request id-1)"
    assert (len(api.requests), clock.slept) == (1, [])


def test_another_payload_under_a_used_key_is_a_problem(client):
    client.submit("gophers", GUS, idempotency_key="gus")

    with pytest.raises(ProblemError, match="422 Refused: This key belongs to another payload"):
        client.submit("gophers", GUS | {"name": "Impostor"}, idempotency_key="gus")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"message":"Forbidden"}', "403 Forbidden: Forbidden"),
        (b"<html>no</html>", "403 Forbidden"),
        (b"", "403 Forbidden"),
        (b"[1]", "403 Forbidden"),
        (b'{"title":7,"detail":["x"]}', "403 Forbidden"),
    ],
)
def test_a_refusal_in_other_words_is_told_all_the_same(api, client, body, told):
    api.disturb(Fault(403, {}, body))

    with pytest.raises(ProblemError) as refused:
        client.submit("gophers", GUS)

    assert str(refused.value) == told


def test_pauses_grow_at_random_and_end(api, client, clock, jitter):
    jitter.of = lambda ceiling: ceiling / 2
    api.disturb(*[failing(503)] * 20)

    with pytest.raises(ProblemError) as refused:
        client.submit("gophers", GUS)

    assert refused.value.transient
    assert jitter.ceilings == [0.5, 1, 2, 4, 8, 16, 20, 20, 20, 20, 20]
    assert clock.slept == [0.25, 0.5, 1, 2, 4, 8, 10, 10, 10, 10], "one more would take longer than its timeout"
    assert len(api.requests) == 11


def test_no_pause_is_shorter_than_the_api_asks_for(api, client, clock, jitter):
    jitter.of = lambda ceiling: ceiling
    api.disturb(failing(429, "7"), failing(503, "0"))

    client.submit("gophers", GUS)

    assert clock.slept == [7.5, 1]


def test_what_would_take_longer_than_the_timeout_is_told_at_once(api, client, clock):
    api.disturb(failing(503, "61"))

    with pytest.raises(ProblemError) as refused:
        client.submit("gophers", GUS)

    assert (refused.value.retry_after, clock.slept) == (61, [])


def test_all_repetitions_end_within_the_timeout(api, clock, jitter):
    jitter.of = lambda ceiling: ceiling
    api.disturb(*[failing(503)] * 9)
    before = clock.now

    with Client(api.url, timeout=5) as client, pytest.raises(ProblemError):
        client.submit("gophers", GUS)

    assert clock.now - before == 0.5 + 1 + 2


def test_an_api_that_is_not_there_is_told_as_one_error(jitter):
    jitter.of = lambda ceiling: ceiling
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with (
        Client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(UnreachableError, match=r"There is no answer to POST http.*: ") as lost,
    ):
        client.submit("gophers", GUS)

    assert lost.value.transient


def test_an_address_that_is_another_site_s_is_told(api, client):
    api.disturb(Fault(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"))

    with pytest.raises(AnswerError, match="is it the address of an API, with its stage"):
        client.submit("gophers", GUS)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'"x"', b"null", b'{"id":"a"}', b'{"id":"a","status":"b","links":7}'])
def test_an_answer_that_is_no_job_is_told(api, client, body):
    api.disturb(Fault(200, {}, body))

    with pytest.raises(AnswerError, match=r"is no job|links that are none"):
        client.submit("gophers", GUS)


def test_what_is_stored_but_no_job_has_nothing_to_follow(client):
    stored = client.submit("signals", {})

    assert stored.id == "m-1"
    with pytest.raises(LinkError, match="m-1 is Stored and has no link 'self'"):
        stored.wait()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_takes_the_request_with_it(api, client, status):
    api.disturb(redirect(status, "/prod/moved"))

    job = client.submit("gophers", GUS, idempotency_key="gus")

    first, second = api.requests
    assert (second.method, second.path, second.body) == ("POST", "/prod/moved", first.body)
    assert second.headers["Idempotency-Key"] == "gus"
    assert job.id == "gus"


def test_see_other_leads_to_an_answer_that_is_read(api, client):
    api.add("gus")
    api.disturb(redirect(303, "/prod/jobs/gus"))

    job = client.submit("gophers", GUS)

    assert api.asked[1] == "GET /prod/jobs/gus"
    assert job.attempt == 1


def test_redirects_end(api, client):
    api.disturb(*[redirect(307, "/prod/gophers")] * 9)

    with pytest.raises(AnswerError, match="was redirected more than 5 times"):
        client.submit("gophers", GUS)


class Signature(httpx.Auth):
    requires_request_body = True

    def auth_flow(self, request):
        request.headers["Authorization"] = f"signed {request.method} {request.url.path} {len(request.content)}"
        yield request


SECRETS = {"x-api-key": "secret-1", "Cookie": "secret-2"}


def test_credentials_go_with_each_request(api):
    with Client(api.url, headers=SECRETS, auth=Signature()) as client:
        job = client.submit("gophers", {})
        job.refresh()

    submitted, looked = (request.headers for request in api.requests)
    assert submitted["Authorization"] == "signed POST /prod/gophers 2"
    assert looked["Authorization"] == f"signed GET /prod/jobs/{job.id} 0"
    assert {"secret-1", "secret-2"} <= set(submitted.values()) & set(looked.values())


def test_what_is_redirected_or_repeated_is_signed_anew(api):
    api.disturb(redirect(307, "/prod/moved"), failing(503))

    with Client(api.url, auth=Signature()) as client:
        client.submit("gophers", {})

    signed = [request.headers["Authorization"].split()[2] for request in api.requests]
    assert signed == ["/prod/gophers", "/prod/moved", "/prod/gophers"]


def test_another_origin_sees_no_credentials(api, elsewhere):
    api.disturb(redirect(307, f"{elsewhere.url}/gophers"))

    with Client(api.url, headers=SECRETS, auth=Signature()) as client:
        client.submit("gophers", GUS)

    (seen,) = elsewhere.requests
    assert seen.body
    assert "Idempotency-Key" in seen.headers
    assert not {"authorization", "x-api-key", "cookie"} & {name.lower() for name in seen.headers}


def test_links_to_another_origin_are_not_followed(api, elsewhere):
    api.disturb(redirect(307, f"{elsewhere.url}/gophers"))

    with Client(api.url, headers=SECRETS) as client:
        job = client.submit("gophers", GUS)
        with pytest.raises(
            AnswerError, match=f"{re.escape(elsewhere.url)}/jobs/.* is not of {re.escape(api.origin)}, "
        ):
            job.wait()

    assert len(elsewhere.requests) == 1


@pytest.mark.parametrize("other", ["http://127.0.0.1:1/prod/jobs/x", "https://evil.example/jobs/x", "//evil.example/x"])
def test_a_job_of_another_origin_is_not_asked_for(api, client, other):
    api.disturb(Fault(202, {}, b'{"id":"x","status":"Pending","links":[{"rel":"job","href":"%s"}]}' % other.encode()))
    job = client.submit("gophers", GUS)

    with pytest.raises(AnswerError, match="whose credentials it must not see"):
        job.refresh()

    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "url", ["", "api.example.com", "ftp://a/b", "http://", "https://a/b?c=d", "https://a/#b", "http://a:b"]
)
def test_a_url_that_is_no_api_s_is_refused(url):
    with pytest.raises(ValueError, match=r"url must be the address of an API, such as https://.*, got"):
        Client(url)


def test_credentials_in_the_url_are_refused_and_not_repeated():
    with pytest.raises(ValueError, match="url must have no user and password") as refused:
        Client("https://gus:hunter2@api.example.com")

    assert "hunter2" not in str(refused.value)
