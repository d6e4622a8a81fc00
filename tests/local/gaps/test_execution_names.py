import pytest
from botocore.exceptions import ClientError

WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}


def start(side, machine, data='{"n": 1}'):
    return side.stepfunctions.start_execution(stateMachineArn=machine, name="j-1-1", input=data)["executionArn"]


def test_the_bare_emulator_refuses_the_same_start(bare):
    machine = bare.machine(WAIT)
    start(bare, machine)

    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(bare, machine)


def test_the_same_start_is_answered_alike_while_the_execution_runs(closed):
    machine = closed.machine(WAIT)

    assert start(closed, machine) == start(closed, machine)


def test_another_input_under_the_same_name_is_refused(closed):
    machine = closed.machine(WAIT)
    start(closed, machine)

    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(closed, machine, '{"n": 2}')


def test_the_same_start_is_refused_once_the_execution_has_ended(closed):
    machine = closed.machine(WAIT)
    closed.ended(start(closed, machine))

    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(closed, machine)
