import pytest
from botocore.exceptions import ClientError

from tests.local.gaps.test_execution_ends import status_events
from tests.local.sides import eventually

NOTE = {
    "QueryLanguage": "JSONata",
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
    "End": True,
}


def noting(side, table):
    """An Express machine that notes the id of its execution."""
    item = {"pk": {"S": "{% $states.context.Execution.Id %}"}}
    states = {"Note": NOTE | {"Arguments": {"TableName": table, "Item": item}}}
    return side.machine({"StartAt": "Note", "States": states}, type="EXPRESS")


def keys(side, table):
    return sorted(item["pk"]["S"] for item in side.items(table))


def start(side, machine, **request):
    return side.stepfunctions.start_execution(stateMachineArn=machine, name="j-1", **request)["executionArn"]


def test_the_bare_emulator_runs_them_as_standard_ones(bare):
    machine = noting(bare, bare.table())

    arn = start(bare, machine)

    assert ":execution:" in arn
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(bare, machine)


def test_a_name_can_be_used_again_and_the_arn_tells_them_apart(closed):
    table = closed.table()
    machine = noting(closed, table)

    arns = sorted(start(closed, machine) for _ in range(2))

    name = machine.replace(":stateMachine:", ":express:") + ":j-1:"
    assert all(arn.startswith(name) and arn != name for arn in arns)
    eventually(lambda: keys(closed, table) == arns)


def test_nobody_hears_of_them_looks_at_them_or_stops_them(closed):
    table = closed.table()
    statuses = status_events(closed)
    arn = start(closed, noting(closed, table))
    eventually(lambda: keys(closed, table) == [arn])

    for call in (closed.stepfunctions.describe_execution, closed.stepfunctions.stop_execution):
        with pytest.raises(ClientError, match="InvalidArn"):
            call(executionArn=arn)

    later = closed.execution({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})["executionArn"]
    eventually(lambda: statuses(later) == ["RUNNING", "SUCCEEDED"])
    assert statuses(arn) == []


def test_what_is_not_json_is_refused_at_once(closed):
    machine = noting(closed, closed.table())

    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        start(closed, machine, input="{")
