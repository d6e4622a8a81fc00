"""What a type of jobs may be given: further attempts, a limit to what runs at once, Express, an existing machine."""

import json

import pytest

from lambdas import clients
from lambdas.jobs import execution_ended, reconciler, slots, stream_reader
from lambdas.jobs import jobs as jobs_table
from lambdas.jobs.jobs import SHORTEST_PAUSE
from tests.lambdas.jobs.test_execution_ended import ended
from tests.lambdas.jobs.world import (
    MACHINE,
    TABLE,
    ago,
    batch,
    execution_arn,
    execution_name,
    in_progress,
    of_name,
    pending,
    record,
)

NOTHING_FAILED = {"batchItemFailures": []}

pytestmark = pytest.mark.usefixtures("bus")


@pytest.fixture
def registered(monkeypatch):
    """Say what else is known of the one workflow."""

    def register(**settings):
        monkeypatch.setenv("WORKFLOWS", json.dumps({"AddGopher": {"name": "AddGopher", **settings}}))

    return register


def running():
    item = clients.dynamodb().get_item(TableName=TABLE, Key={"pk": {"S": "~AddGopher"}}).get("Item", {})
    slots = [name.split(" ") for name in item.get("running", {}).get("SS", [])]
    return sorted(f"{attempt} {key}" for attempt, _, key in slots)


class Stream:
    """Hands the reader what has changed since it last did."""

    def __init__(self, jobs, context):
        self._jobs, self._context = jobs, context
        self._seen = {}

    def submit(self, *ids):
        for number, id in enumerate(ids):
            self._jobs.put(pending(id, createdAt=ago(seconds=60 - number)))
            self._seen[id] = None
        return self.deliver(*ids)

    def deliver(self, *ids):
        changed = [id for id in ids if self._jobs.get(id) != self._seen[id]]
        records = [record(self._jobs.get(id), self._seen[id]) for id in changed]
        self._seen |= {id: self._jobs.get(id) for id in ids}
        return stream_reader.handler(batch(*records), self._context)


@pytest.fixture
def stream(jobs, context):
    return Stream(jobs, context)


# Attempts


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_a_job_with_attempts_left_is_pending_again_and_tells_why(registered, jobs, context, status):
    registered(attempts=2)
    jobs.put(in_progress(progress={"percent": 40, "message": "Digging"}, result='{"items": 2}'))

    execution_ended.handler(ended(status, error="NoSpade", cause="It broke."), context)

    job = jobs.get()
    assert (job["status"], job["attempt"], job["version"]) == ("Pending", 2, 3)
    assert job["error"] == {"code": "NoSpade", "message": "It broke."}
    assert not {"executionArn", "startedAt", "progress", "result", "expiresAt", "finishedAt"} & job.keys()
    assert job["open"]
    assert ago() < job["checkAt"] < ago(seconds=-SHORTEST_PAUSE.total_seconds())


def test_a_job_without_attempts_left_is_failed(registered, jobs, context):
    registered(attempts=2)
    jobs.put(in_progress(attempt=2, executionArn=execution_arn("j-1-2")))
    of_second = ended("FAILED", arn=execution_arn("j-1-2"), error="NoSpade")
    of_second["detail"]["input"] = of_second["detail"]["input"].replace('"attempt": 1', '"attempt": 2')

    execution_ended.handler(of_second, context)

    assert jobs.get()["status"] == "Failed"


def test_an_execution_that_was_aborted_is_not_attempted_again(registered, jobs, context):
    registered(attempts=2)
    jobs.put(in_progress())

    execution_ended.handler(ended("ABORTED"), context)

    assert jobs.get()["status"] == "Failed"


def test_the_next_attempt_is_started_by_the_reconciler_when_its_pause_is_over(
    registered, jobs, executions, stream, context
):
    registered(attempts=2)
    stream.submit("j-1")
    execution_ended.handler(ended("FAILED", arn=jobs.get()["executionArn"], error="NoSpade"), context)

    assert stream.deliver("j-1") == NOTHING_FAILED
    assert executions() == ["j-1-1"], "not at once"
    jobs.change(checkAt=ago(minutes=2))
    reconciler.handler({}, context)

    assert executions() == ["j-1-1", "j-1-2"]
    job = jobs.get()
    assert (job["status"], job["attempt"]) == ("In Progress", 2)
    assert "error" not in job


def test_pauses_grow_and_end(registered, jobs, context):
    registered(attempts=10)
    job = jobs_table.Job(tenant="default", id="j-1", type="AddGopher", status="In Progress", attempt=9)
    jobs.put(in_progress(attempt=9))

    assert jobs_table.try_again(job, "NoSpade", "")

    assert ago(minutes=-29) < jobs.get()["checkAt"] < ago(minutes=-61)


def test_an_end_that_is_told_twice_costs_one_attempt(registered, jobs, context):
    registered(attempts=3)
    jobs.put(in_progress())

    for _ in range(2):
        execution_ended.handler(ended("FAILED"), context)

    assert jobs.get()["attempt"] == 2


# Slots


def test_no_more_jobs_run_than_may(registered, jobs, executions, stream):
    registered(max_running=2)

    assert stream.submit("a", "b", "c") == NOTHING_FAILED

    assert executions() == ["a-1", "b-1"]
    assert running() == ["1 default#a", "1 default#b"]
    waits = jobs.get("c")
    assert (waits["status"], waits["version"], waits["waitingFor"]) == ("Pending", 1, "AddGopher")


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Cancelled", "Pending"])
def test_a_slot_that_is_left_goes_to_the_one_that_has_waited_longest(registered, jobs, executions, stream, status):
    registered(max_running=1)
    stream.submit("a", "b", "c")
    stream.deliver("a", "b", "c")
    jobs.change("a", status=status)

    assert stream.deliver("a") == NOTHING_FAILED

    assert executions() == ["a-1", "b-1"]
    assert running() == ["1 default#b"]
    assert "waitingFor" not in jobs.get("b")


def test_a_slot_left_between_the_try_and_the_wait_is_not_lost(registered, jobs, executions, stream, monkeypatch):
    registered(max_running=1)
    stream.submit("a")
    wait = jobs_table.wait

    def leave_first(job):
        jobs.change("a", status="Succeeded")
        stream.deliver("a")
        wait(job)

    monkeypatch.setattr(jobs_table, "wait", leave_first)
    stream.submit("b")
    assert executions() == ["a-1"]

    stream.deliver("b")

    assert executions() == ["a-1", "b-1"]


def test_a_job_that_waits_and_is_cancelled_is_not_started(registered, jobs, executions, stream):
    registered(max_running=1)
    stream.submit("a", "b")
    jobs.change("b", status="Cancelled")
    stream.deliver("b")
    jobs.change("a", status="Succeeded")

    stream.deliver("a")

    assert executions() == ["a-1"]
    assert running() == []


def test_a_record_that_comes_late_takes_no_slot_for_good(registered, jobs, executions, stream, context):
    registered(max_running=1)
    stream.submit("a")
    stored = pending("a")
    jobs.change("a", status="Succeeded")
    stream.deliver("a")

    stream_reader.handler(batch(record(stored)), context)

    assert running() == []


def test_a_slot_whose_job_is_gone_is_found_by_the_reconciler(registered, jobs, executions, stream, context):
    registered(max_running=2)
    stream.submit("a", "b", "c")
    stream.deliver("c")
    jobs.change("a", status="Succeeded")  # and no record tells of it
    clients.dynamodb().delete_item(TableName=TABLE, Key={"pk": {"S": "default#b"}})

    reconciler.handler({}, context)

    assert running() == ["1 default#c"]
    assert executions() == ["a-1", "b-1", "c-1"]


def test_a_type_whose_jobs_cannot_be_started_holds_up_no_other(jobs, executions, context, monkeypatch):
    known = {name: {"name": name, "max_running": 1} for name in ("Aardvark", "AddGopher")}  # the first has no machine
    monkeypatch.setenv("WORKFLOWS", json.dumps(known))
    for type in known:
        jobs.put(pending(type, type=type, waitingFor=type, checkAt=ago(minutes=-50)))

    with pytest.raises(reconciler.ReconcileError):
        reconciler.handler({}, context)

    assert executions() == ["AddGopher-1"]


def test_the_slot_of_a_running_job_is_kept_by_the_reconciler(registered, jobs, executions, stream, context):
    registered(max_running=1)
    stream.submit("a", "b")
    stream.deliver("b")

    reconciler.handler({}, context)

    assert running() == ["1 default#a"]
    assert executions() == ["a-1"]


def test_the_slot_of_a_cancelled_job_is_kept_until_it_is_stopped(
    registered, jobs, executions, stream, context, step_functions_refuses
):
    registered(max_running=1)
    stream.submit("a", "b")
    jobs.change("a", status="Cancelled", checkAt=ago(minutes=2))
    step_functions_refuses("stop_execution", "ThrottlingException")

    with pytest.raises(reconciler.ReconcileError):
        reconciler.handler({}, context)

    assert executions() == ["a-1"]
    assert running() == ["1 default#a"]


def test_the_reconciler_looks_rarely_at_jobs_that_wait(registered, jobs, stream, context):
    registered(max_running=1)
    stream.submit("a", "b")
    jobs.change("b", checkAt=ago(minutes=2))

    reconciler.handler({}, context)

    assert jobs.get("b")["checkAt"] > ago(minutes=-50)


def test_a_crash_between_slot_and_claim_costs_nothing(registered, jobs, executions, stream, monkeypatch, context):
    registered(max_running=1)

    class Crash(BaseException):
        pass

    def crash(*_args, **_kwargs):
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(jobs_table, "claim", crash)
        with pytest.raises(Crash):
            stream.submit("a")
    assert running() == ["1 default#a"]

    stream_reader.handler(batch(record(jobs.get("a"))), context)

    assert executions() == ["a-1"]
    assert running() == ["1 default#a"]


def test_a_job_cancelled_while_another_s_end_starts_it_is_stopped(registered, jobs, executions, stream, monkeypatch):
    registered(max_running=1)
    stream.submit("a", "b")
    stream.deliver("b")
    start = clients.stepfunctions().start_execution

    def cancel_before(**arguments):
        jobs.change("b", status="Cancelled")
        return start(**arguments)

    monkeypatch.setattr(clients.stepfunctions(), "start_execution", cancel_before)
    jobs.change("a", status="Succeeded")

    stream.deliver("a")

    assert executions.status("b-1") == "ABORTED"


def test_types_without_a_limit_take_no_slots(jobs, executions, stream):
    stream.submit("a", "b")

    assert executions() == ["a-1", "b-1"]
    assert running() == []
    assert not slots.WAITING.startswith("~")


# Express


def test_an_express_execution_is_known_by_its_name(registered, jobs, executions, stream):
    registered(express=True)

    stream.submit("a")

    job = jobs.get("a")
    assert job["executionArn"] == f"{MACHINE.replace(':stateMachine:', ':express:')}:{execution_name(job)}"


def test_the_express_execution_of_a_cancelled_job_is_left_alone(registered, jobs, stream, step_functions_refuses):
    registered(express=True)
    stream.submit("a")
    jobs.change("a", status="Cancelled")
    step_functions_refuses("stop_execution", "InvalidArn")

    assert stream.deliver("a") == NOTHING_FAILED


def test_an_express_execution_that_has_not_told_of_its_end_is_lost(registered, jobs, context, step_functions_refuses):
    registered(express=True)
    step_functions_refuses("describe_execution", "InvalidArn")
    arn = MACHINE.replace(":stateMachine:", ":express:") + ":j-1-1"
    jobs.put(in_progress(executionArn=arn))

    reconciler.handler({}, context)

    job = jobs.get()
    assert (job["status"], job["error"]["code"]) == ("Failed", "ExecutionLost")


# An existing state machine


def test_an_existing_machine_gets_what_was_sent_and_nothing_else(registered, jobs, executions, stream):
    registered(existing=True)

    stream.submit("a")

    assert executions.input("a-1") == '{"name": "Gordon"}'


def test_the_end_of_an_existing_machine_s_execution_is_that_of_its_job(registered, jobs, executions, stream, context):
    registered(existing=True)
    stream.submit("a")

    arn = jobs.get("a")["executionArn"]
    execution_ended.handler(ended("SUCCEEDED", arn=arn, input='{"name": "Gordon"}', output='{"holes":2}'), context)

    job = jobs.get("a")
    assert (job["status"], job["result"]) == ("Succeeded", '{"holes":2}')


def test_nobody_can_end_another_s_job_by_what_they_send(registered, jobs, executions, stream, context):
    registered(existing=True)
    stream.submit("a", "b")
    forged = json.dumps({"id": "a", "tenant": "default", "type": "AddGopher", "attempt": 1})

    execution_ended.handler(ended("FAILED", arn=jobs.get("b")["executionArn"], input=forged, error="NoHole"), context)

    assert (jobs.get("a")["status"], jobs.get("b")["status"]) == ("In Progress", "Failed")


def test_an_execution_of_an_existing_machine_that_no_job_has_started_is_none_of_the_tracker_s(
    registered, jobs, executions, stream, context
):
    registered(existing=True)
    stream.submit("a")

    execution_ended.handler(ended("FAILED", arn=of_name("nightly"), input='{"name": "Gordon"}'), context)

    assert jobs.get("a")["status"] == "In Progress"


def test_an_old_attempt_of_an_existing_machine_does_not_end_the_new_one(registered, jobs, executions, stream, context):
    registered(existing=True, attempts=2)
    stream.submit("a")
    first = jobs.get("a")["executionArn"]
    jobs.change("a", attempt=2, executionArn=execution_arn("a-2"))

    execution_ended.handler(ended("FAILED", arn=first, input='{"name": "Gordon"}'), context)

    job = jobs.get("a")
    assert (job["status"], job["attempt"]) == ("In Progress", 2)
