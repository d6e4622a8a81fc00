import json
import time
from datetime import UTC, datetime

import pytest

from lambdas import clients
from lambdas.jobs import execution_ended
from tests.lambdas.jobs.world import MACHINE, execution_arn, in_progress, pending, refusal

INPUT = json.dumps({"id": "j-1", "tenant": "default", "type": "AddGopher", "attempt": 1, "input": {"name": "Gordon"}})


def ended(status, *, arn=None, input=INPUT, output=None, error=None, cause=None):
    arn = arn or execution_arn("j-1-1")
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": arn,
            "stateMachineArn": MACHINE,
            "startDate": round(time.time() * 1000),
            "status": status,
            "name": arn.rpartition(":")[2],
            "input": input,
            "output": output,
            "error": error,
            "cause": cause,
        },
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [("TIMED_OUT", "ExecutionTimedOut"), ("ABORTED", "ExecutionAborted"), ("FAILED", "ExecutionFailed")],
)
def test_a_job_ends_with_an_execution_that_no_catch_could_save(jobs, context, status, code):
    jobs.put(in_progress())

    execution_ended.handler(ended(status), context)

    job = jobs.get()
    assert (job["status"], job["error"]["code"], job["version"]) == ("Failed", code, 3)
    assert job["finishedAt"] == job["updatedAt"]
    assert "open" not in job
    assert "checkAt" not in job


def test_the_error_of_the_execution_is_the_error_of_the_job(jobs, context):
    jobs.put(in_progress())

    execution_ended.handler(ended("FAILED", error="States.Runtime", cause="No such path."), context)

    assert jobs.get()["error"] == {"code": "States.Runtime", "message": "No such path."}


def test_an_error_is_cut_to_what_an_event_can_carry(jobs, context):
    jobs.put(in_progress())

    execution_ended.handler(ended("FAILED", error="E" * 300, cause="C" * 32_768), context)

    error = jobs.get()["error"]
    assert (len(error["code"]), len(error["message"])) == (256, 4096)


def test_a_success_that_the_workflow_could_not_write_is_written_with_its_result(jobs, context):
    jobs.put(in_progress())

    execution_ended.handler(ended("SUCCEEDED", output='{"holes": 3}'), context)

    assert (jobs.get()["status"], jobs.get()["result"]) == ("Succeeded", '{"holes": 3}')


def test_a_finished_job_expires_when_its_time_to_live_has_passed(jobs, context):
    jobs.put(in_progress())

    execution_ended.handler(ended("SUCCEEDED", output="{}"), context)

    assert 3590 < int(jobs.get()["expiresAt"]) - datetime.now(UTC).timestamp() <= 3600


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Cancelled"])
def test_a_job_that_has_ended_stays_as_it_is(jobs, context, status):
    before = jobs.put(in_progress(status=status, result="{}", open=None, checkAt=None))

    execution_ended.handler(ended("FAILED", error="Late"), context)

    assert jobs.get() == before


def test_the_end_of_another_attempt_does_not_end_the_job(jobs, context):
    before = jobs.put(in_progress(attempt=2, executionArn=execution_arn("j-1-2")))

    execution_ended.handler(ended("ABORTED"), context)

    assert jobs.get() == before


def test_an_event_told_twice_ends_the_job_once(jobs, context):
    jobs.put(in_progress())

    for _ in range(2):
        execution_ended.handler(ended("TIMED_OUT"), context)

    assert jobs.get()["version"] == 3


def test_a_pending_job_is_not_ended_by_an_execution_that_it_never_had(jobs, context):
    before = jobs.put(pending())

    execution_ended.handler(ended("FAILED"), context)

    assert jobs.get() == before


@pytest.mark.parametrize("input", ["{}", "[]", "null", '"text"', '{"id": "j-1"}', "not json"])
def test_an_execution_that_was_started_by_hand_is_nobodys_job(jobs, context, input):
    before = jobs.put(in_progress())

    execution_ended.handler(ended("FAILED", input=input), context)

    assert jobs.get() == before


def test_no_job_appears_for_an_execution_that_claims_one(jobs, context):
    execution_ended.handler(ended("FAILED"), context)

    assert not jobs.has("j-1")


def test_what_is_too_large_for_the_event_is_looked_up(jobs, executions, context):
    jobs.put(in_progress())
    executions.start(input=INPUT)
    executions.end(output='"large"')

    execution_ended.handler(ended("SUCCEEDED", input=None, output=None), context)

    assert (jobs.get()["status"], jobs.get()["result"]) == ("Succeeded", '"large"')


def test_an_end_that_step_functions_does_not_show_yet_is_asked_for_again(jobs, executions, context):
    jobs.put(in_progress())
    executions.start(input=INPUT)

    with pytest.raises(execution_ended.NotEndedYetError):
        execution_ended.handler(ended("SUCCEEDED", output=None), context)

    assert jobs.get()["status"] == "In Progress"


def test_a_result_that_does_not_fit_fails_the_job_and_says_so(jobs, context, monkeypatch):
    update = clients.dynamodb().update_item

    def refuse_results(**arguments):  # as DynamoDB does above 400 KB, and its stand-in here does not
        if "#result" in arguments["UpdateExpression"]:
            raise refusal("ValidationException")
        return update(**arguments)

    jobs.put(in_progress())
    monkeypatch.setattr(clients.dynamodb(), "update_item", refuse_results)

    execution_ended.handler(ended("SUCCEEDED", output='"large"'), context)

    assert (jobs.get()["status"], jobs.get()["error"]["code"]) == ("Failed", "ResultTooLarge")
