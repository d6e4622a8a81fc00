import json

import pytest

from tests.local.sides import eventually, unique

PASS = {"StartAt": "It", "States": {"It": {"Type": "Pass", "Result": {"found": 3}, "End": True}}}
FAIL = {"StartAt": "It", "States": {"It": {"Type": "Fail", "Error": "Boom", "Cause": "It broke."}}}
WAIT = {"StartAt": "It", "States": {"It": {"Type": "Wait", "Seconds": 600, "End": True}}}


def nested(machine, *, mode="sync:2", **arguments):
    """A machine that runs another, and puts out the error if that fails."""
    task = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution.{mode}",
        "Parameters": {"StateMachineArn": machine, "Input": {"n": 1}, **arguments},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    return {"StartAt": "Nested", "States": {"Nested": task, "Caught": {"Type": "Pass", "End": True}}}


def output(execution):
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def executions(side, machine):
    found = side.stepfunctions.list_executions(stateMachineArn=machine)["executions"]
    return {each["name"]: each["status"] for each in found}


def ends(side, machine):
    """A queue that hears how executions of a machine end."""
    name = unique("ends")
    queue = side.sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = side.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    detail = {"stateMachineArn": [machine], "status": ["SUCCEEDED", "FAILED", "ABORTED"]}
    side.events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.states"], "detail": detail}))
    side.events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    heard = []

    def statuses():
        messages = side.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        heard.extend(json.loads(message["Body"])["detail"]["status"] for message in messages)
        return heard

    return statuses


def test_the_bare_emulator_tells_nobody_of_the_end_of_a_nested_execution(bare):
    machine, other = bare.machine(PASS), bare.machine(PASS)
    nested_ends, other_ends = ends(bare, machine), ends(bare, other)

    output(bare.execution(nested(machine)))
    bare.stepfunctions.start_execution(stateMachineArn=other)

    eventually(lambda: other_ends() == ["SUCCEEDED"])
    assert nested_ends() == []


def test_the_bare_emulator_takes_the_error_of_a_nested_execution_for_the_task_s(bare):
    assert output(bare.execution(nested(bare.machine(FAIL)))) == {"Error": "Boom", "Cause": "It broke."}


@pytest.mark.parametrize(("mode", "found"), [("sync:2", {"found": 3}), ("sync", '{"found": 3}')])
def test_a_nested_execution_gives_its_output(closed, mode, found):
    result = output(closed.execution(nested(closed.machine(PASS), mode=mode, Name="mine")))

    assert (result["Status"], result["Name"], result["Output"]) == ("SUCCEEDED", "mine", found)
    assert json.loads(result["Input"]) == {"n": 1}


def test_the_end_of_a_nested_execution_is_told(closed):
    machine = closed.machine(PASS)
    statuses = ends(closed, machine)

    output(closed.execution(nested(machine)))

    eventually(lambda: statuses() == ["SUCCEEDED"])


def test_a_nested_execution_that_fails_is_a_failed_task_that_describes_it(closed):
    error = output(closed.execution(nested(closed.machine(FAIL))))

    assert error["Error"] == "States.TaskFailed"
    described = json.loads(error["Cause"])
    assert (described["Status"], described["Error"], described["Cause"]) == ("FAILED", "Boom", "It broke.")
    assert list(described) == sorted(described)
    assert isinstance(described["StopDate"], int)
    assert "Output" not in described


def test_a_name_that_was_used_is_refused(closed):
    machine = closed.machine(PASS)
    output(closed.execution(nested(machine, Name="mine")))

    error = output(closed.execution(nested(machine, Name="mine")))

    assert error["Error"] == "StepFunctions.ExecutionAlreadyExistsException"


def test_a_nested_execution_is_stopped_with_the_one_that_waits_for_it(closed):
    machine = closed.machine(WAIT)
    parent = closed.stepfunctions.start_execution(stateMachineArn=closed.machine(nested(machine, Name="mine")))
    eventually(lambda: executions(closed, machine) == {"mine": "RUNNING"})

    closed.stepfunctions.stop_execution(executionArn=parent["executionArn"])

    eventually(lambda: executions(closed, machine) == {"mine": "ABORTED"})
