import json

import pytest

from lambdas import clients
from lambdas.jobs import jobs as jobs_table
from lambdas.jobs import reconciler
from tests.lambdas.jobs.world import MACHINE, ago, execution_arn, in_progress, of_name, of_tenant, pending, refusal


def test_a_job_that_never_started_is_started(jobs, executions, context):
    jobs.put(pending(checkAt=ago(minutes=5)))

    reconciler.handler({}, context)

    assert executions() == ["j-1-1"]
    assert json.loads(executions.input())["input"] == {"name": "Gordon"}
    assert jobs.get()["status"] == "In Progress"


def test_a_tenant_s_job_that_never_started_is_started_though_another_tenant_used_its_key(jobs, executions, context):
    jobs.put(of_tenant("acme", checkAt=ago(minutes=5)))
    jobs.put(of_tenant("globex", checkAt=ago(minutes=5)))

    reconciler.handler({}, context)

    assert {json.loads(executions.input(name))["tenant"] for name in executions.names()} == {"acme", "globex"}
    assert {jobs.get(tenant=tenant)["status"] for tenant in ("acme", "globex")} == {"In Progress"}


def test_a_tenant_s_job_is_closed_with_its_own_execution_s_outcome(jobs, executions, context):
    for tenant in ("acme", "globex"):
        jobs.put(of_tenant(tenant, checkAt=ago(minutes=5)))
    reconciler.handler({}, context)
    (ours,) = [name for name in executions.names() if json.loads(executions.input(name))["tenant"] == "acme"]
    executions.end(ours, status="FAILED", error="NoHole", cause="none is free")
    for tenant in ("acme", "globex"):
        jobs.put(jobs.get(tenant=tenant) | {"checkAt": ago(minutes=5)})

    reconciler.handler({}, context)

    assert (jobs.get(tenant="acme")["status"], jobs.get(tenant="globex")["status"]) == ("Failed", "In Progress")


def test_a_job_that_was_stored_just_now_is_left_to_the_stream_reader(jobs, executions, context):
    jobs.put(pending(checkAt=ago(seconds=5)))

    reconciler.handler({}, context)

    assert executions() == []


def test_a_job_that_was_claimed_but_not_started_is_started(jobs, executions, context):
    jobs.put(in_progress())

    reconciler.handler({}, context)

    assert executions() == ["j-1-1"]
    assert (jobs.get()["status"], jobs.get()["version"]) == ("In Progress", 2)
    assert jobs.get()["checkAt"] > ago(minutes=0)


def test_a_job_that_is_cancelled_while_it_is_started_is_stopped(jobs, executions, context, monkeypatch):
    jobs.put(in_progress())
    start = clients.stepfunctions().start_execution

    def cancel_and_start(**arguments):
        jobs.change(status="Cancelled")  # the stream reader found no execution to stop
        return start(**arguments)

    monkeypatch.setattr(clients.stepfunctions(), "start_execution", cancel_and_start)

    reconciler.handler({}, context)

    assert executions.status("j-1-1") == "ABORTED"
    assert jobs.get()["status"] == "Cancelled"


def test_an_attempt_that_is_started_too_late_is_stopped(jobs, executions, context, monkeypatch):
    jobs.put(in_progress())
    start = clients.stepfunctions().start_execution

    def retry_and_start(**arguments):
        jobs.put(pending(attempt=2))  # cancelled and retried meanwhile
        return start(**arguments)

    monkeypatch.setattr(clients.stepfunctions(), "start_execution", retry_and_start)

    reconciler.handler({}, context)

    assert executions.status("j-1-1") == "ABORTED"
    assert jobs.get()["status"] == "Pending"


def test_a_job_whose_execution_succeeded_unnoticed_is_closed_with_the_result(jobs, executions, context):
    jobs.put(in_progress())
    executions.start()
    executions.end(output='{"holes": 3}')

    reconciler.handler({}, context)

    assert (jobs.get()["status"], jobs.get()["result"]) == ("Succeeded", '{"holes": 3}')
    assert "open" not in jobs.get()


def test_a_job_whose_execution_failed_unnoticed_is_closed_with_the_error(jobs, executions, context):
    jobs.put(in_progress())
    executions.start()
    executions.end(status="FAILED", error="Boom", cause="It broke.")

    reconciler.handler({}, context)

    assert (jobs.get()["status"], jobs.get()["error"]) == ("Failed", {"code": "Boom", "message": "It broke."})


@pytest.mark.parametrize(("status", "code"), [("TIMED_OUT", "ExecutionTimedOut"), ("ABORTED", "ExecutionAborted")])
def test_a_job_whose_execution_was_ended_unnoticed_is_closed_with_a_code(jobs, executions, context, status, code):
    jobs.put(in_progress())
    executions.start()
    executions.end(status=status)

    reconciler.handler({}, context)

    assert jobs.get()["error"]["code"] == code


@pytest.mark.parametrize(
    ("running", "earliest", "latest"), [({"minutes": 1}, 9, 11), ({"minutes": 25}, 24, 26), ({"days": 30}, 59, 61)]
)
def test_a_running_job_is_looked_at_ever_more_rarely(jobs, executions, context, running, earliest, latest):
    before = jobs.put(in_progress())
    executions.start()
    executions.age("j-1-1", **running)

    reconciler.handler({}, context)

    after = jobs.get()
    assert ago(minutes=-earliest) < after["checkAt"] < ago(minutes=-latest)
    assert after == before | {"checkAt": after["checkAt"]}, "no transition, no new version, no event"


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_a_job_that_moves_on_while_it_is_looked_at_is_left_alone(jobs, executions, context, monkeypatch, status):
    ended = in_progress(status="Succeeded", result="{}", open=None, checkAt=None)
    jobs.put(in_progress())
    executions.start()
    describe = clients.stepfunctions().describe_execution

    def finish_meanwhile(**arguments):
        jobs.put(ended)
        return describe(**arguments) | {"status": status}

    monkeypatch.setattr(clients.stepfunctions(), "describe_execution", finish_meanwhile)

    reconciler.handler({}, context)

    assert jobs.get() == ended


def test_a_job_that_the_index_still_shows_after_its_end_is_left_alone(jobs, executions, context, monkeypatch):
    shown = jobs.put(pending(checkAt=ago(minutes=5)))
    stale = list(jobs_table.due(jobs_table.now()))
    jobs.put(shown | {"status": "Cancelled"})
    monkeypatch.setattr(jobs_table, "due", lambda _latest: iter(stale))

    reconciler.handler({}, context)

    assert executions() == []
    assert jobs.get()["status"] == "Cancelled"


def test_a_job_of_an_unknown_type_waits_for_its_deployment(jobs, context):
    jobs.put(pending(type="DigHole", updatedAt=ago(minutes=50), checkAt=ago(minutes=50)))

    reconciler.handler({}, context)

    assert jobs.get()["status"] == "Pending"
    assert jobs.get()["checkAt"] > ago(minutes=0)


def test_a_job_of_a_type_that_stays_unknown_fails_and_says_so(jobs, context):
    jobs.put(pending(type="DigHole", updatedAt=ago(minutes=70), checkAt=ago(minutes=5)))

    reconciler.handler({}, context)

    assert (jobs.get()["status"], jobs.get()["error"]["code"]) == ("Failed", "UnknownJobType")
    assert "DigHole" in jobs.get()["error"]["message"]


@pytest.mark.parametrize(
    "change",
    [{"type": "DigHole"}, {"executionArn": execution_arn("j-1-1", MACHINE + "Before")}, {"executionArn": None}],
)
def test_a_job_whose_workflow_was_removed_while_it_ran_fails_and_says_so(jobs, executions, context, change):
    jobs.put(in_progress(**change))

    reconciler.handler({}, context)

    assert (jobs.get()["status"], jobs.get()["error"]["code"]) == ("Failed", "WorkflowRemoved")
    assert executions() == []


def test_a_job_that_cannot_be_started_is_tried_again_and_told_of(jobs, executions, context, step_functions_refuses):
    jobs.put(in_progress(updatedAt=ago(hours=23)))
    step_functions_refuses("start_execution", "AccessDeniedException")

    with pytest.raises(reconciler.ReconcileError, match="1 of 1"):
        reconciler.handler({}, context)

    assert jobs.get()["status"] == "In Progress"
    assert jobs.get()["checkAt"] > ago(minutes=0)


def test_a_job_that_could_not_be_started_for_too_long_fails_and_says_why(
    jobs, executions, context, step_functions_refuses
):
    jobs.put(in_progress(updatedAt=ago(hours=25)))
    step_functions_refuses("start_execution", "AccessDeniedException")

    with pytest.raises(reconciler.ReconcileError):
        reconciler.handler({}, context)

    assert (jobs.get()["status"], jobs.get()["error"]["code"]) == ("Failed", "NotStarted")
    assert "AccessDeniedException" in jobs.get()["error"]["message"]


@pytest.mark.parametrize(
    "change", [{"attempt": 2, "createdAt": ago(days=3)}, {"waitingFor": "AddGopher", "updatedAt": ago(days=3)}]
)
def test_how_long_to_try_is_counted_from_what_the_job_is_now(jobs, executions, context, step_functions_refuses, change):
    jobs.put(pending(checkAt=ago(minutes=5), **change))
    step_functions_refuses("start_execution", "ThrottlingException")

    with pytest.raises(reconciler.ReconcileError):
        reconciler.handler({}, context)

    assert jobs.get()["status"] == "In Progress", "claimed, and to be started"


def test_a_job_is_started_under_the_name_that_it_was_claimed_for(jobs, executions, context):
    jobs.put(in_progress(executionArn=of_name("as-named-before")))

    reconciler.handler({}, context)

    assert executions.names() == ["as-named-before"]


def test_a_cancelled_job_that_the_stream_reader_has_not_come_to_is_stopped(jobs, executions, context):
    executions.start()
    jobs.put(in_progress(status="Cancelled", checkAt=ago(minutes=2)))

    reconciler.handler({}, context)

    assert executions.status("j-1-1") == "ABORTED"
    assert not {"open", "checkAt"} & jobs.get().keys()


def test_the_cancelled_execution_of_a_workflow_that_was_removed_is_left_alone(
    jobs, executions, context, step_functions_refuses
):
    jobs.put(in_progress(status="Cancelled", type="Removed", checkAt=ago(minutes=2)))
    step_functions_refuses("stop_execution", "AccessDeniedException")  # the policy knows no other machines

    assert reconciler.handler({}, context) == {"jobs": 1}
    assert "open" not in jobs.get()


def test_a_cancelled_job_that_cannot_be_stopped_now_is_stopped_later(jobs, executions, context, step_functions_refuses):
    jobs.put(in_progress(status="Cancelled", checkAt=ago(minutes=2)))
    step_functions_refuses("stop_execution", "ThrottlingException")

    with pytest.raises(reconciler.ReconcileError):
        reconciler.handler({}, context)

    assert jobs.get()["checkAt"] > ago(minutes=0)


def test_a_job_that_was_cancelled_again_meanwhile_stays_to_be_stopped(jobs):
    jobs.put(in_progress(status="Cancelled"))
    seen = jobs_table.get("default#j-1")
    again = jobs.put(in_progress(status="Cancelled", attempt=2, executionArn=execution_arn("j-1-2")))

    jobs_table.leave_index(seen)

    assert jobs.get() == again


def counted(capsys):
    """What was counted for CloudWatch."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    return [
        {metric["Name"]: line[metric["Name"]] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
        for line in lines
    ]


def test_jobs_that_the_stream_reader_should_have_started_are_counted(jobs, executions, context, capsys):
    jobs.put(pending("late", checkAt=ago(minutes=5)))
    jobs.put(pending("waited", checkAt=ago(minutes=5), waitingFor="AddGopher"))
    jobs.put(pending("again", checkAt=ago(minutes=5), attempt=2, error={"code": "Boom", "message": "It broke."}))

    reconciler.handler({}, context)

    assert executions() == ["again-2", "late-1", "waited-1"]
    assert counted(capsys) == [{"JobsStartedLate": [1.0]}]


def test_a_job_whose_input_is_not_json_fails_here_too(jobs, context):
    jobs.put(pending(input="not json", checkAt=ago(minutes=5)))

    reconciler.handler({}, context)

    assert jobs.get()["error"]["code"] == "InputNotJson"


def test_one_bad_job_holds_up_no_other(jobs, executions, context):
    jobs.put(pending("j-1", tenant=None, checkAt=ago(minutes=9)))
    jobs.put(pending("j-2", checkAt=ago(minutes=5)))

    with pytest.raises(reconciler.ReconcileError, match="1 of 2"):
        reconciler.handler({}, context)

    assert executions() == ["j-2-1"]
    assert jobs.get("j-1")["checkAt"] > ago(minutes=0), "the next run begins with others"


def test_a_job_that_cannot_be_looked_up_holds_up_no_other(jobs, executions, context, monkeypatch):
    describe = clients.stepfunctions().describe_execution

    def throttle_one(executionArn):  # noqa: N803
        if executionArn == execution_arn("j-1-1"):
            raise refusal("ThrottlingException")
        return describe(executionArn=executionArn)

    jobs.put(in_progress("j-1"))
    jobs.put(in_progress("j-2"))
    monkeypatch.setattr(clients.stepfunctions(), "describe_execution", throttle_one)

    with pytest.raises(reconciler.ReconcileError, match="1 of 2"):
        reconciler.handler({}, context)

    assert executions() == ["j-2-1"]


def test_a_job_that_cannot_even_be_postponed_holds_up_no_other(jobs, executions, context, monkeypatch):
    jobs.put(in_progress("j-1"))
    jobs.put(in_progress("j-2", checkAt=ago(minutes=15)))
    update = clients.dynamodb().update_item

    def throttle_one(**arguments):
        if arguments["Key"]["pk"]["S"].endswith("j-1"):
            raise refusal("ThrottlingException")
        return update(**arguments)

    monkeypatch.setattr(clients.dynamodb(), "update_item", throttle_one)

    with pytest.raises(reconciler.ReconcileError, match="1 of 2"):
        reconciler.handler({}, context)

    assert "j-2-1" in executions()


def test_all_pages_of_all_shards_are_read(jobs, executions, context):
    for number in range(80):
        jobs.put(pending(f"j-{number}", open=str(number % 3), checkAt=ago(minutes=5 + number)))

    result = reconciler.handler({}, context)

    assert result == {"jobs": 80}
    assert len(executions()) == 80


def test_shards_take_turns_so_that_a_full_one_hides_no_other(jobs):
    for number in range(40):
        jobs.put(pending(f"full-{number}", open="0", checkAt=ago(minutes=5)))
    jobs.put(pending("lonely", open="9", checkAt=ago(minutes=5)))

    first_two = [job.id for _, job in zip(range(2), jobs_table.due(jobs_table.now()), strict=False)]

    assert "lonely" in first_two


def test_a_run_ends_in_time_and_leaves_the_rest_to_the_next(jobs, executions, context):
    jobs.put(pending(checkAt=ago(minutes=5)))
    context.remaining_ms = reconciler.RESERVE_MS - 1

    result = reconciler.handler({}, context)

    assert result == {"jobs": 0}
    assert executions() == []
    assert jobs.get()["status"] == "Pending"


def test_a_run_with_nothing_to_do_does_nothing(jobs, context):
    assert reconciler.handler({}, context) == {"jobs": 0}


def test_a_finished_job_that_a_replay_has_marked_open_is_marked_closed_again(jobs, executions, context):
    jobs.put(pending(status="Succeeded", version=3, checkAt=ago(hours=1)))

    reconciler.handler({}, context)

    assert "open" not in jobs.get()
    assert "checkAt" not in jobs.get()
    assert (jobs.get()["status"], jobs.get()["version"]) == ("Succeeded", 3)
    assert executions() == []
