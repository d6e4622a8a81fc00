import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from storage_first.jobs import retrying
from tests.client.api import Fault, failing

SEARCHING = {"status": "In Progress", "progress": {"percent": 40, "message": "Searching"}}
DONE = {"status": "Succeeded", "result": {"holes": 2}}
NAME_TAKEN = {"status": "Failed", "error": {"code": "NameTaken", "message": "There is a Gus."}}


def one_sentence(result, code=1):
    """What the command says on standard error at its end."""
    assert result.exit_code == code, result.output
    *_, line = result.stderr.strip().splitlines()
    assert line.startswith("storage-first: ")
    assert line.endswith(".")
    return line.removeprefix("storage-first: ")


def ago(**span):
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def attempts(api):
    return {id: job["attempt"] for id, job in api.jobs.items()}


def retries(api):
    return [path for path in api.asked if path.endswith("/retry")]


def test_jobs_are_listed_newest_first(api, run):
    api.add("a", **DONE)
    api.add("b", type="dig-hole", **SEARCHING)

    listed = run("list")

    heading, first, second = listed.stdout.splitlines()
    assert heading.split() == ["JOB", "TYPE", "STATUS", "ATTEMPT", "CREATED"]
    assert first.split() == ["b", "dig-hole", "In", "Progress", "1", "2026-01-01", "00:00:02", "UTC"]
    assert second.split()[0] == "a"


def test_programs_get_what_the_api_tells(api, run):
    api.add("a", **DONE)

    (job,) = json.loads(run("list", "--json").stdout)

    assert (job["id"], job["createdAt"]) == ("a", "2026-01-01T00:00:01.000Z")


def test_only_what_is_wanted_is_listed(api, run):
    api.add("a", type="dig-hole", **SEARCHING)
    api.add("b", **SEARCHING)
    api.add("c", type="dig-hole")

    listed = json.loads(run("list", "--status", "in progress", "--type", "dig-hole", "--json").stdout)

    assert [job["id"] for job in listed] == ["a"]


def test_a_page_that_is_too_old_is_the_last_to_be_asked_for(api, run):
    for number in range(9):
        api.add(f"old-{number}", createdAt=ago(hours=3))
    for number in range(4):
        api.add(f"new-{number}", createdAt=ago(minutes=90))

    listed = json.loads(run("list", "--since", "2h", "--json").stdout)

    assert [job["id"] for job in listed] == ["new-3", "new-2", "new-1", "new-0"]
    assert len(api.requests) == 2


def test_no_more_than_wanted_are_listed_and_it_says_that_there_are_more(api, run):
    for number in range(5):
        api.add(f"g-{number}")

    listed = run("list", "--max", "4", "--json")

    assert len(json.loads(listed.stdout)) == 4
    assert listed.stderr == "There are more than 4; --max shows more.\n"
    assert run("list", "--max", "5").stderr == ""


def test_no_jobs_are_said_to_be_none(run):
    assert run("list").stdout == "There are no such jobs.\n"
    assert run("list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("span", ["2", "h", "2 h", "1.5h", "-2h", "2w", ""])
def test_a_span_that_is_none_is_refused(run, span):
    refused = run("list", f"--since={span}")

    assert refused.exit_code == 2
    assert f"must be a number of s, m, h or d, such as 2h, got '{span}'" in refused.stderr


def test_a_span_of_which_there_is_no_date_is_refused(run):
    refused = run("list", "--since=999999d")

    assert refused.exit_code == 2
    assert "must be 36500d at most, got '999999d'" in refused.stderr


def test_a_status_that_is_none_is_refused(run):
    refused = run("list", "--status", "Done")

    assert refused.exit_code == 2
    assert "'pending', 'in progress', 'succeeded', 'failed', 'cancelled'" in refused.stderr


def test_a_job_is_shown_with_why_it_failed(api, run):
    api.add("gus", **NAME_TAKEN)

    shown = run("show", "gus").stdout

    assert shown.startswith("gus: Failed\n  type: add-gopher\n  attempt: 1\n")
    assert "  error: NameTaken: There is a Gus.\n" in shown


def test_a_job_is_shown_with_what_came_of_it(api, run):
    api.entities["gus"] = {}
    api.add("gus", **DONE)

    shown = run("show", f"{api.url}/jobs/gus").stdout

    assert '  result: {"holes": 2}\n' in shown
    assert f"  made: {api.url}/gophers/gus\n" in shown
    assert json.loads(run("show", "gus", "--json").stdout)["result"] == {"holes": 2}


def test_what_a_workflow_wrote_cannot_steer_the_terminal(api, run):
    api.add("gus", status="Failed", error={"code": "X", "message": "a\x1b[2Jb\nc\u202ed"})

    for shown in (run("show", "gus").stdout, run("watch", "gus").stderr):
        assert "a\\u001b[2Jb\\nc\\u202ed" in shown


def test_an_id_stays_within_the_jobs(api, run):
    assert one_sentence(run("show", "../gophers?x=1")) == "404 Refused: There is no such job (request id-1)."
    assert api.asked == ["GET /prod/jobs/..%2Fgophers%3Fx%3D1"]


def test_watching_tells_each_change_until_the_job_has_succeeded(api, run):
    api.add("gus", {}, SEARCHING, {}, DONE)

    watched = run("watch", "gus")

    assert watched.stdout.splitlines() == [
        "  0% Pending",
        " 40% In Progress: Searching",
        "100% Succeeded: Searching",
        "The job gus has succeeded.",
    ]
    assert watched.exit_code == 0


def test_programs_get_a_line_of_json_for_each_change(api, run):
    api.add("gus", {}, SEARCHING, {}, DONE)

    watched = run("watch", "gus", "--json")

    assert [json.loads(line)["status"] for line in watched.stdout.splitlines()] == [
        "Pending",
        "In Progress",
        "Succeeded",
    ]


@pytest.mark.parametrize(
    ("becomes", "told"),
    [
        (NAME_TAKEN, "The job gus has failed: NameTaken: There is a Gus."),
        ({"status": "Cancelled"}, "The job gus was cancelled."),
    ],
)
def test_watching_a_job_that_does_not_succeed_ends_with_1(api, run, becomes, told):
    api.add("gus", {}, becomes)

    assert one_sentence(run("watch", "gus"), code=1) == told


def test_watching_what_cannot_be_followed_ends_with_2(run):
    assert one_sentence(run("watch", "nobody"), code=2) == "404 Refused: There is no such job (request id-1)."


def test_watching_survives_an_outage(api, run):
    api.add("gus", {}, DONE)
    api.disturb(failing(503), Fault(lost=True), Fault(lost=True), failing(429, "60"))

    assert run("watch", "gus").exit_code == 0


def test_a_job_is_cancelled(api, run):
    api.add("gus")

    cancelled = run("cancel", "gus")

    assert cancelled.stdout.startswith("gus: Cancelled\n")
    assert api.jobs["gus"]["status"] == "Cancelled"


def test_what_has_ended_is_not_cancelled(api, run):
    api.add("gus", **DONE)

    assert one_sentence(run("cancel", "gus")) == "gus is Succeeded and has no link 'cancel'."


def test_jobs_are_retried_by_their_ids(api, run):
    for id in ("a", "b", "c"):
        api.add(id, status="Failed")

    result = run("retry", "a", "c", "a")

    assert "Retried: 2." in result.stdout
    assert (result.exit_code, attempts(api)) == (0, {"a": 2, "b": 1, "c": 2})


def test_an_unknown_id_keeps_the_others_from_being_retried(api, run):
    api.add("a", status="Failed")

    assert one_sentence(run("retry", "a", "nobody")).startswith("404 ")
    assert attempts(api) == {"a": 1}


def test_what_has_not_failed_is_not_retried_and_the_others_are(api, run):
    api.add("a", **SEARCHING)
    api.add("b", status="Cancelled")

    result = run("retry", "a", "b")

    assert (result.exit_code, attempts(api)) == (1, {"a": 1, "b": 2})
    assert "Not retried: 1, because they are In Progress." in result.stderr


@pytest.fixture
def many(api):
    """Jobs of which some have failed."""
    for number in range(4):
        api.add(f"old-{number}", status="Failed", createdAt=ago(hours=3))
    for number in range(4):
        api.add(f"failed-{number}", status="Failed", createdAt=ago(minutes=9))
        api.add(f"digging-{number}", status="Failed", type="dig-hole", createdAt=ago(minutes=9))
        api.add(f"cancelled-{number}", status="Cancelled", createdAt=ago(minutes=9))
        api.add(f"done-{number}", **DONE, createdAt=ago(minutes=9))


def test_all_that_have_failed_are_retried(api, many, run):
    result = run("retry", "--status", "Failed", "--type", "add-gopher", "--since", "2h", "--yes")

    assert "Retried: 4." in result.stdout
    assert {id for id, attempt in attempts(api).items() if attempt == 2} == {f"failed-{number}" for number in range(4)}


def test_no_more_than_wanted_are_retried(api, many, run):
    run("retry", "--status", "Cancelled", "--max", "3", "--yes")

    assert len(retries(api)) == 3


def test_before_many_are_retried_it_asks_and_says_how_many_where(api, many, run):
    result = run("retry", "--status", "Failed", "--since", "2h", "--type", "dig-hole", "--max", "3", answer="n\n")

    question = f"Retry 3 jobs at {api.url}: all Failed ones, of type dig-hole, created in the last 2:00:00, 3 at most?"
    assert question in result.stdout
    assert one_sentence(result) == "Nothing was retried; answer y, or give --yes where nobody can answer."
    assert retries(api) == []


def test_where_nobody_can_answer_nothing_is_retried(api, many, run):
    result = run("retry", "--status", "Failed", answer="")

    assert one_sentence(result) == "Nothing was retried; answer y, or give --yes where nobody can answer."
    assert retries(api) == []


def test_who_agrees_has_them_retried(api, many, run):
    run("retry", "--status", "Failed", answer="y\n")

    assert len(retries(api)) == 12


def test_a_dry_run_only_says_what_would_be_retried(api, many, run):
    result = run("retry", "--status", "Failed", "--type", "dig-hole", "--dry-run")

    first, *lines = result.stdout.splitlines()
    assert first == f"Would retry 4 jobs at {api.url}."
    assert [line.split()[0] for line in lines] == [f"digging-{number}" for number in (3, 2, 1, 0)]
    assert {request.method for request in api.requests} == {"GET"}


def test_nothing_to_retry_is_no_error(run):
    result = run("retry", "--status", "Failed")

    assert (result.exit_code, result.stdout) == (0, "There are no such jobs.\n")


def test_what_another_run_has_retried_is_left_to_it(api, many, run, monkeypatch):
    listed = api._list

    def and_then_retried(query):
        answer = listed(query)
        if "cursor" in query:  # the last page: another run is faster, and one of its jobs fails again
            api.change("digging-0", status="Failed", attempt=2)
            api.change("digging-1", status="Pending", attempt=2)
        return answer

    monkeypatch.setattr(api, "_list", and_then_retried)

    result = run("retry", "--status", "Failed", "--type", "dig-hole", "--yes")

    assert "Retried: 2." in result.stdout
    assert "Not retried: 2, because they were retried meanwhile." in result.stderr
    assert result.exit_code == 1
    assert all(attempts(api)[f"digging-{number}"] == 2 for number in range(4))


def test_a_run_that_was_interrupted_is_gone_on_with_and_retries_nothing_twice(api, many, run, monkeypatch):
    def interrupt(_):
        if len(retries(api)) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(retrying, "sleep", interrupt)
        first = run("retry", "--status", "Failed", "--yes")
    second = run("retry", "--status", "Failed", "--yes")

    assert one_sentence(first, code=130) == "Interrupted; run it again to retry the rest."
    assert "Retried: 3." in first.stdout
    assert "Retried: 9." in second.stdout
    assert len(set(retries(api))) == len(retries(api)) == 12


def test_an_api_that_goes_away_ends_the_run_which_says_how_far_it_came(api, many, run, monkeypatch):
    def gone(id):
        api.disturb(*[Fault(403, {}, b"")] * 9)
        return 202, {}, {"id": id, "status": "Pending", "links": []}

    monkeypatch.setattr(api, "_retry", gone)

    result = run("retry", "--status", "Failed", "--yes")

    assert one_sentence(result) == "403 Forbidden."
    assert "Retried: 1." in result.stdout


def test_jobs_are_retried_no_faster_than_wanted(api, many, run, clock):
    run("retry", "--status", "Cancelled", "--rate", "0.5", "--yes")

    assert clock.slept == [2, 2, 2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Give the ids of jobs, or --status for all that have failed or were cancelled."),
        (("a", "--status", "Failed"), "Give the ids of jobs, or --status for all that have failed or were cancelled."),
        (("a", "--since", "2h"), "--type, --since and --max belong to --status: leave them out, or the ids."),
    ],
)
def test_what_contradicts_itself_is_refused(api, run, arguments, told):
    assert one_sentence(run("retry", *arguments)) == told
    assert api.requests == []


def test_only_what_can_be_retried_can_be_asked_for(run):
    refused = run("retry", "--status", "Succeeded")

    assert refused.exit_code == 2
    assert "'failed', 'cancelled'" in refused.stderr


def test_credentials_go_with_each_request(api, run):
    run("list", "--header", "Authorization: Bearer a:b", "--header", "X-Odd:1", env={"STORAGE_FIRST_API_KEY": "key"})

    sent = {name.lower(): value for name, value in api.requests[0].headers.items()}
    assert (sent["authorization"], sent["x-odd"], sent["x-api-key"]) == ("Bearer a:b", "1", "key")


def test_a_header_that_http_cannot_send_is_refused_and_not_repeated(run):
    assert one_sentence(run("list", "--header", "X-Key: geheimnis-ü")) == (
        "--header must be of ASCII characters, as HTTP's headers are."
    )


def test_an_api_key_that_http_cannot_send_is_refused_and_not_repeated(run):
    told = one_sentence(run("list", env={"STORAGE_FIRST_API_KEY": "geheimnis-ü"}))

    assert told == "The API key must be of ASCII characters, as HTTP's headers are."


@pytest.mark.parametrize("header", ["secret", ": secret"])
def test_a_header_that_is_none_is_refused_and_not_repeated(run, header):
    told = one_sentence(run("list", "--header", header))

    assert told == "--header must be written as 'NAME: VALUE'."


def test_a_url_that_is_none_is_refused(run):
    told = one_sentence(run("list", "--url", "localhost:4700"))

    assert told == "--url must be the address of an API, such as https://api.example.com/prod, got 'localhost:4700'."


def test_without_a_url_it_asks_for_one(run):
    refused = run("list", url="")

    assert refused.exit_code == 2
    assert "--url" in refused.stderr


def test_an_api_that_is_not_there_is_one_sentence(run, jitter):
    jitter.of = lambda ceiling: ceiling
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    told = one_sentence(run("list", url=f"http://127.0.0.1:{port}"))

    assert told.startswith(f"There is no answer to GET http://127.0.0.1:{port}/jobs: ")
