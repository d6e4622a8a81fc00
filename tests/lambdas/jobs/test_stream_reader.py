import json
import re
from io import StringIO
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import constructs_lib
from lambdas import clients
from lambdas.jobs import execution_ended, executions, stream_reader
from lambdas.jobs.jobs import FIRST_CHECK, Job
from lambdas.jobs.workflows import workflow_of
from tests.lambdas.jobs.test_execution_ended import ended
from tests.lambdas.jobs.world import (
    BUS,
    ago,
    batch,
    execution_arn,
    execution_name,
    failures,
    image,
    in_progress,
    of_name,
    of_tenant,
    pending,
    record,
)

NOTHING_FAILED = {"batchItemFailures": []}
SCHEMAS = Path(constructs_lib.__file__).parent / "job_tracker" / "events"


class Crash(BaseException):
    """The function's sandbox is gone."""


pytestmark = pytest.mark.usefixtures("executions", "bus")


def test_a_stored_job_is_claimed_and_started(jobs, executions, context):
    stored = jobs.put(pending())

    result = stream_reader.handler(batch(record(stored)), context)

    assert result == NOTHING_FAILED
    assert executions() == ["j-1-1"]
    job = jobs.get()
    assert (job["status"], job["version"], job["executionArn"]) == ("In Progress", 2, execution_arn("j-1-1"))
    assert job["startedAt"] == job["updatedAt"] > job["createdAt"]
    assert job["open"] == "3"
    assert job["checkAt"] > job["startedAt"], "the reconciler leaves it alone for a while"


def test_the_execution_gets_the_input_verbatim(jobs, executions, context):
    body = '{ "b":1.10, "a":"\\u00fc\\"",\n "b": 100000000000000000000001, "€": "😀" }'
    stored = jobs.put(pending(input=body))

    stream_reader.handler(batch(record(stored)), context)

    head = '{"id":"j-1","tenant":"default","type":"AddGopher","attempt":1,"createdAt":"' + stored["createdAt"]
    assert executions.input() == head + '","input":' + body + "}"


def test_a_redelivered_record_starts_no_second_execution(jobs, executions, context):
    stored = record(jobs.put(pending()))
    stream_reader.handler(batch(stored), context)

    result = stream_reader.handler(batch(stored), context)

    assert result == NOTHING_FAILED
    assert executions() == ["j-1-1"]
    assert jobs.get()["version"] == 2


def test_the_same_record_twice_in_a_batch_starts_one_execution(jobs, executions, context):
    stored = jobs.put(pending())

    result = stream_reader.handler(batch(record(stored), record(stored)), context)

    assert result == NOTHING_FAILED
    assert executions() == ["j-1-1"]


def test_a_crash_between_claim_and_start_loses_nothing(jobs, executions, context, monkeypatch):
    stored = record(jobs.put(pending()))
    with monkeypatch.context() as dying:
        dying.setattr(clients.stepfunctions(), "start_execution", _crash)
        with pytest.raises(Crash):
            stream_reader.handler(batch(stored), context)
    assert jobs.get()["status"] == "In Progress"
    assert executions() == []

    result = stream_reader.handler(batch(stored), context)

    assert result == NOTHING_FAILED
    assert executions() == ["j-1-1"]
    assert jobs.get()["version"] == 2


def test_an_execution_that_has_ended_is_not_started_again(jobs, executions, context):
    stored = record(jobs.put(pending()))
    stream_reader.handler(batch(stored), context)
    executions.end()

    result = stream_reader.handler(batch(stored), context)

    assert result == NOTHING_FAILED
    assert executions() == ["j-1-1"]


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Cancelled"])
def test_an_old_record_starts_nothing_for_a_job_that_has_ended(jobs, executions, context, status):
    stored = pending()
    jobs.put(stored | {"status": status})

    result = stream_reader.handler(batch(record(stored)), context)

    assert result == NOTHING_FAILED
    assert executions() == []
    assert jobs.get()["status"] == status


def test_the_record_of_an_earlier_attempt_starts_nothing(jobs, executions, context):
    jobs.put(in_progress(attempt=2, executionArn=execution_arn("j-1-2")))

    result = stream_reader.handler(batch(record(pending())), context)

    assert result == NOTHING_FAILED
    assert executions() == []


def test_the_record_of_a_job_that_is_gone_starts_nothing(jobs, executions, context):
    result = stream_reader.handler(batch(record(pending())), context)

    assert result == NOTHING_FAILED
    assert executions() == []
    assert not jobs.has("j-1")


def test_a_job_that_became_pending_again_is_started_under_a_new_name(jobs, executions, context):
    again = jobs.put(pending(attempt=2, version=5))

    stream_reader.handler(batch(record(again, in_progress(status="Failed", version=4))), context)

    assert executions() == ["j-1-2"]


def cancelled(job):
    """What a caller's cancel makes of a job."""
    return job | {"status": "Cancelled", "checkAt": ago(seconds=1)}


def test_a_cancelled_job_s_execution_is_stopped(jobs, executions, context):
    executions.start()
    job = jobs.put(cancelled(in_progress()))

    answer = stream_reader.handler(batch(record(job, in_progress())), context)

    assert answer == NOTHING_FAILED
    assert executions.status("j-1-1") == "ABORTED"
    assert jobs.get() == {name: value for name, value in job.items() if name not in {"open", "checkAt"}}


def test_a_cancelled_job_that_the_reconciler_comes_to_again_stays_to_be_stopped(jobs, executions, context):
    before = cancelled(in_progress())
    postponed = jobs.put(before | {"checkAt": ago(minutes=-5)})

    stream_reader.handler(batch(record(postponed, before)), context)

    assert jobs.get() == postponed


def test_a_cancelled_job_whose_execution_is_about_to_start_stays_to_be_stopped(jobs, executions, context):
    job = jobs.put(cancelled(in_progress()))

    stream_reader.handler(batch(record(job, in_progress())), context)

    assert jobs.get() == job


@pytest.mark.parametrize(("error", "status"), [(None, "ABORTED"), ({"code": "Boom", "message": ""}, "RUNNING")])
def test_a_new_attempt_ends_one_that_was_cancelled_and_runs_on(jobs, executions, context, error, status):
    executions.start()
    again = jobs.put(pending(attempt=2, version=4, error=error))

    stream_reader.handler(batch(record(again, cancelled(in_progress()))), context)

    assert executions.status("j-1-1") == status, "one that has failed has ended by itself"
    assert executions.status("j-1-2") == "RUNNING"


def test_a_job_that_was_cancelled_before_it_ran_is_not_started(jobs, executions, context):
    job = jobs.put(cancelled(pending()))

    answer = stream_reader.handler(batch(record(pending()), record(job, pending())), context)

    assert answer == NOTHING_FAILED
    assert executions() == []
    assert jobs.get()["status"] == "Cancelled"


def test_a_cancel_between_claim_and_start_finds_nothing_to_stop(jobs, executions, context):
    job = jobs.put(cancelled(in_progress()))

    assert stream_reader.handler(batch(record(job, in_progress())), context) == NOTHING_FAILED
    assert executions() == []


def test_an_execution_that_has_ended_before_its_job_is_cancelled_is_left_alone(
    jobs, executions, context, step_functions_refuses
):
    job = jobs.put(cancelled(in_progress()))
    step_functions_refuses("stop_execution", "ValidationException")

    assert stream_reader.handler(batch(record(job, in_progress())), context) == NOTHING_FAILED
    assert executions() == []


def test_an_execution_that_cannot_be_stopped_now_is_stopped_later(jobs, executions, context, step_functions_refuses):
    job = jobs.put(cancelled(in_progress()))
    late = record(job, in_progress())
    step_functions_refuses("stop_execution", "ThrottlingException")

    assert stream_reader.handler(batch(late), context) == failures(late)
    assert jobs.get() == job, "the reconciler finds it, should the reader give up"


def test_a_replayed_request_stops_nothing_of_a_cancelled_job(jobs, executions, context):
    executions.start()
    job = jobs.put(cancelled(in_progress()))

    stream_reader.handler(batch(record({**job, "open": "1", "checkAt": ago(seconds=1)}, job)), context)

    assert executions.status("j-1-1") == "RUNNING"


def test_a_change_of_a_pending_job_that_keeps_it_pending_starts_nothing(jobs, executions, context):
    before = jobs.put(pending())

    stream_reader.handler(batch(record(before | {"checkAt": ago(seconds=0)}, before)), context)

    assert executions() == []
    assert jobs.get()["status"] == "Pending"


@pytest.mark.parametrize("body", ["not json", "", "{", '{"n": NaN}', "[" * 100_000])
def test_a_job_whose_input_is_not_json_fails_and_says_so(jobs, executions, context, body):
    stored = jobs.put(pending(input=body))

    result = stream_reader.handler(batch(record(stored)), context)

    assert result == NOTHING_FAILED
    assert executions() == []
    job = jobs.get()
    assert (job["status"], job["error"]["code"]) == ("Failed", "InputNotJson")
    assert "open" not in job
    assert "checkAt" not in job
    assert job["expiresAt"] > 0


def test_a_number_of_any_length_is_json():
    job = Job.from_image(image(pending(input="9" * 10_000)))

    text = executions.execution_input(job, workflow_of(job.type))

    assert text.endswith("9" * 10_000 + "}")


@pytest.mark.parametrize(("size", "status"), [(262_144, "In Progress"), (262_145, "Failed")])
def test_a_job_whose_execution_input_would_be_too_large_fails_and_says_so(jobs, context, size, status):
    known = '{"id":"j-1","tenant":"default","type":"AddGopher","attempt":1,"createdAt":"2026-11-21T20:12:29.123Z",'
    head = len(known + '"input":}')
    stored = jobs.put(pending(input='"' + "x" * (size - head - 2) + '"'))

    result = stream_reader.handler(batch(record(stored)), context)

    assert result == NOTHING_FAILED
    job = jobs.get()
    assert job["status"] == status
    assert job.get("error", {}).get("code") == ("InputTooLarge" if status == "Failed" else None)


def test_the_size_of_the_execution_input_is_counted_in_bytes(jobs, context):
    stored = jobs.put(pending(input='"' + "ü" * 140_000 + '"'))

    stream_reader.handler(batch(record(stored)), context)

    assert jobs.get()["error"]["code"] == "InputTooLarge"


def test_an_input_that_step_functions_refuses_fails_its_job(jobs, context, step_functions_refuses):
    stored = jobs.put(pending())
    step_functions_refuses("start_execution", "InvalidExecutionInput")

    result = stream_reader.handler(batch(record(stored)), context)

    assert result == NOTHING_FAILED
    assert (jobs.get()["status"], jobs.get()["error"]["code"]) == ("Failed", "InputRefused")


@pytest.mark.parametrize(
    "code", ["ExecutionLimitExceeded", "ThrottlingException", "StateMachineDoesNotExist", "AccessDeniedException"]
)
def test_a_start_that_is_refused_for_now_is_tried_again(jobs, executions, context, step_functions_refuses, code):
    first, second = record(jobs.put(pending("j-1"))), record(jobs.put(pending("j-2")))
    step_functions_refuses("start_execution", code)

    result = stream_reader.handler(batch(first, second), context)

    assert result == failures(first, second)
    assert jobs.get()["status"] == "In Progress"
    assert executions() == []


def test_a_job_of_an_unknown_type_holds_nothing_up_and_waits_for_the_reconciler(jobs, executions, context):
    unknown, known = jobs.put(pending("j-1", type="DigHole")), jobs.put(pending("j-2"))

    result = stream_reader.handler(batch(record(unknown), record(known)), context)

    assert result == NOTHING_FAILED
    assert executions() == ["j-2-1"]
    assert jobs.get("j-1")["status"] == "Pending"
    assert "open" in jobs.get("j-1")


@pytest.mark.parametrize(
    "broken", [{"tenant": None}, {"id": None}, {"status": "Sleeping"}, {"attempt": "one"}, {"createdAt": "yesterday"}]
)
def test_a_record_that_is_no_job_fails_alone(jobs, executions, context, broken):
    poison, healthy = record(pending("j-1", **broken)), record(jobs.put(pending("j-2")))

    result = stream_reader.handler(batch(poison, healthy), context)

    assert result == failures(poison)
    assert executions() == ["j-2-1"], "Lambda may drop this record together with the bad one"


def test_a_batch_that_runs_out_of_time_is_done_as_far_as_it_got(jobs, executions, context, bus):
    records = [record(jobs.put(pending(f"j-{number}"))) for number in range(3)]
    context.remaining_ms = stream_reader.RESERVE_MS - 1

    result = stream_reader.handler(batch(*records), context)

    assert result == failures(*records[1:])
    assert executions() == ["j-0-1"]
    assert [detail["id"] for _, detail in bus.told] == ["j-0"]


def test_every_change_of_status_is_published_once(jobs, context, bus):
    job = jobs.put(pending())
    running = in_progress()
    failed = running | {"status": "Failed", "version": 3, "error": {"code": "Boom", "message": "It broke."}}

    stream_reader.handler(batch(record(job), record(running, job), record(failed, running)), context)

    assert [(kind, it["previousStatus"], it["status"], it["version"]) for kind, it in bus.told] == [
        ("Job Status Changed", None, "Pending", 1),
        ("Job Status Changed", "Pending", "In Progress", 2),
        ("Job Status Changed", "In Progress", "Failed", 3),
    ]
    assert bus.told[-1][1]["error"] == {"code": "Boom", "message": "It broke."}
    assert {(entry["Source"], entry["EventBusName"]) for entry in bus.entries} == {("storage-first", BUS)}


def test_every_progress_is_published(context, bus):
    before = in_progress()
    after = before | {"progress": {"percent": 60, "message": "Searching for holes"}, "version": 3}

    stream_reader.handler(batch(record(after, before)), context)

    ((kind, detail),) = bus.told
    assert kind == "Job Progressed"
    assert detail["progress"] == {"percent": 60, "message": "Searching for holes"}


def test_what_changes_neither_status_nor_progress_is_not_published(context, bus):
    before = in_progress(progress={"percent": 60, "message": "Searching for holes"})

    result = stream_reader.handler(
        batch(record(before | {"checkAt": ago(seconds=0)}, before), record(None, before)), context
    )

    assert result == NOTHING_FAILED
    assert bus.entries == []


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (pending(), None),
        (in_progress(), pending()),
        (in_progress(progress={"percent": 0, "message": "Starting"}), in_progress()),
        (in_progress(status="Succeeded", progress={"percent": 100, "message": "Linked"}, result="{}"), in_progress()),
        (in_progress(status="Failed", error={"code": "Boom", "message": ""}), in_progress()),
    ],
)
def test_events_keep_to_their_published_schemas(jobs, context, bus, new, old):
    jobs.put(new)

    stream_reader.handler(batch(record(new, old)), context)

    ((kind, detail),) = bus.told
    schema = json.loads((SCHEMAS / f"{kind.lower().replace(' ', '_')}.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(detail)


def test_events_leave_ten_to_a_call_in_the_order_of_the_stream(context, bus):
    records = [record(in_progress(f"j-{number}"), pending(f"j-{number}")) for number in range(23)]

    stream_reader.handler(batch(*records), context)

    assert bus.calls == 3
    assert [detail["id"] for _, detail in bus.told] == [f"j-{number}" for number in range(23)]


def test_an_event_that_the_bus_refuses_comes_again_and_what_follows_of_its_job_waits(context, bus):
    versions = [in_progress(version=version, progress={"percent": version, "message": "On"}) for version in range(2, 5)]
    others = [record(in_progress(f"k-{number}"), pending(f"k-{number}")) for number in range(9)]
    first = record(versions[0], pending())
    second = record(versions[1], versions[0])
    third = record(versions[2], versions[1])
    bus.refused = {("j-1", 2)}

    result = stream_reader.handler(batch(first, *others, second, third), context)

    assert result == failures(first, second, third)
    assert [detail["id"] for _, detail in bus.told] == [f"k-{number}" for number in range(9)]


def test_a_bus_that_is_down_fails_the_batch_but_starts_its_jobs(jobs, executions, context, bus):
    records = [record(jobs.put(pending(f"j-{number:02}"))) for number in range(15)]
    bus.down = True

    result = stream_reader.handler(batch(*records), context)

    assert result == failures(*records)
    assert len(executions()) == 15
    assert bus.calls == 1, "one time-out is enough"


def test_a_job_that_cannot_be_started_is_published_all_the_same(jobs, context, bus, step_functions_refuses):
    stored = record(jobs.put(pending()))
    step_functions_refuses("start_execution", "AccessDeniedException")

    result = stream_reader.handler(batch(stored), context)

    assert result == failures(stored)
    assert [detail["status"] for _, detail in bus.told] == ["Pending"]


def test_what_is_logged_carries_the_job_id(jobs, context, monkeypatch):
    log = StringIO()
    monkeypatch.setattr(stream_reader.logger.registered_handler, "stream", log)
    stored = jobs.put(pending(type="DigHole"))

    stream_reader.handler(batch(record(stored)), context)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["correlation_id"] for line in lines if "reconciler" in line["message"]] == ["j-1"]


def test_a_claimed_job_is_first_checked_long_after_a_start_takes(jobs):
    assert FIRST_CHECK.total_seconds() > 120, "two minutes is what the reader itself may take"


def test_two_tenants_with_one_key_get_an_execution_each(jobs, executions, context):
    ours = jobs.put(of_tenant("acme", "k-1", input='{"whose": "acme"}'))
    theirs = jobs.put(of_tenant("globex", "k-1", input='{"whose": "globex"}'))
    nobodys = jobs.put(pending("k-1", input='{"whose": "default"}'))
    stored = [record(job) for job in (ours, theirs, nobodys)]

    for _delivery in range(2):
        assert stream_reader.handler(batch(*stored), context) == NOTHING_FAILED

    started = {json.loads(executions.input(name))["tenant"]: name for name in executions.names()}
    assert started.keys() == {"acme", "globex", "default"}
    for tenant, name in started.items():
        assert json.loads(executions.input(name))["input"] == {"whose": tenant}
        assert jobs.get("k-1", tenant)["executionArn"] == of_name(name)
        assert name.startswith("k-1-1-")
    assert len(executions()) == 3


def test_a_key_used_again_has_an_execution_of_its_own_while_the_earlier_one_runs_on(jobs, executions, context):
    for created in (ago(days=40), ago(minutes=1)):  # the first has expired meanwhile
        stored = jobs.put(pending(createdAt=created))
        stream_reader.handler(batch(record(stored)), context)

    assert executions() == ["j-1-1", "j-1-1"]
    first, second = (of_name(name) for name in executions.names())
    assert jobs.get()["executionArn"] == second != first

    execution_ended.handler(ended("FAILED", arn=first), context)

    assert jobs.get()["status"] == "In Progress"


@pytest.mark.parametrize("tenant", ["default", "eu|acme:42"])
@pytest.mark.parametrize("id", ["j", "0f8fad5b-d9cb-469f-a165-70867728950e", "a" * 64, "_-" * 32])
def test_an_execution_has_a_name_that_step_functions_logs_and_tells_its_job(id, tenant):
    job = pending(id, pk=f"{tenant}#{id}", tenant=tenant, attempt=12345)

    name = executions.execution_arn(Job.from_image(image(job))).rpartition(":")[2]

    assert re.fullmatch("[A-Za-z0-9_-]{1,80}", name)
    assert name == execution_name(job)
    assert name.startswith(f"{id[:40]}-12345-")
    assert re.fullmatch("[A-Za-z0-9_.-]{1,80}", f"{name}.999"), "which that of a batch's item has"


@pytest.mark.parametrize(
    "other",
    [{"id": "a" * 63 + "b"}, {"tenant": "globex"}, {"attempt": 2}, {"created_at": "2026-11-21T20:12:29.124Z"}],
    ids=str,
)
def test_what_differs_in_anything_has_a_name_of_its_own(other):
    known = {"tenant": "acme", "id": "a" * 64, "attempt": 1, "created_at": "2026-11-21T20:12:29.123Z"}

    one, two = (Job(type="AddGopher", status="Pending", **about) for about in (known, known | other))

    assert executions.execution_arn(one) != executions.execution_arn(two)


def test_jobs_that_have_ended_are_counted_by_how(jobs, context, capsys):
    ended = [in_progress(f"j-{n}", status="Failed" if n else "Succeeded", open=None, checkAt=None) for n in range(3)]

    stream_reader.handler(batch(*(record(jobs.put(job), in_progress(job["id"])) for job in ended)), context)

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert (line["JobsSucceeded"], line["JobsFailed"], line["JobsTable"]) == ([1.0], [2.0], "jobs")


def test_the_log_tells_by_which_request_and_execution_a_job_was_started(jobs, context, monkeypatch):
    log = StringIO()
    monkeypatch.setattr(stream_reader.logger.registered_handler, "stream", log)
    stored = jobs.put(pending(requestId="JKJaXmPLvHcESHA="))

    stream_reader.handler(batch(record(stored)), context)

    (started,) = [line for line in map(json.loads, log.getvalue().splitlines()) if "Started" in line["message"]]
    assert (started["correlation_id"], started["request_id"], started["execution"]) == (
        "j-1",
        "JKJaXmPLvHcESHA=",
        execution_arn("j-1-1"),
    )


def _crash(**_arguments):
    raise Crash


def test_a_replay_of_a_finished_job_leaves_it_out_of_the_open_ones(jobs, executions, bus, context):
    ended = {"status": "Succeeded", "version": 3, "expiresAt": 4_000_000_000}
    before = pending(open=None, checkAt=None, **ended)
    replayed = jobs.put(pending(**ended))

    result = stream_reader.handler(batch(record(replayed, before)), context)

    assert result == NOTHING_FAILED
    assert jobs.get() == before | {name: jobs.get()[name] for name in ("createdAt", "updatedAt")}
    assert executions() == []
    assert bus.entries == []


def test_a_finished_job_with_a_new_attempt_stays_open(jobs, executions, context):
    replayed = pending(status="Failed", version=3)
    jobs.put(pending(attempt=2, version=4))

    stream_reader.handler(batch(record(replayed, replayed)), context)

    assert jobs.get()["open"] == "3"
