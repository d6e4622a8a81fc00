import json

import pytest

from tests.local.gaps.wire import call, refusal
from tests.local.sides import unique

MACHINE = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
CONSTRAINT = "failed to satisfy constraint: Member must have length"
REFUSED = {
    "space": ({"name": "refused: 422"}, "InvalidName", "Invalid Name: 'refused: 422'"),
    "control": ({"name": "a\x01"}, "InvalidName", "Invalid Name: 'a\x01'"),
    "empty": ({"name": ""}, "ValidationException", f"at 'name' {CONSTRAINT} greater than or equal to 1"),
    "long": ({"name": "n" * 81}, "ValidationException", f"at 'name' {CONSTRAINT} less than or equal to 80"),
    "no JSON": ({"input": "{"}, "InvalidExecutionInput", "Invalid State Machine Execution Input: '"),
    "no input": ({"input": ""}, "InvalidExecutionInput", "'Invalid execution input.'"),
    "constant": ({"input": '{"a": NaN}'}, "InvalidExecutionInput", "NaN"),
    "large": ({"input": json.dumps("x" * 262_143)}, "ValidationException", "at 'input' failed to satisfy constraint"),
}


def start(side, **request):
    """Start an execution, and tell how many there are."""
    machine = side.machine(MACHINE)
    answer = call(side, "states", "StartExecution", {"stateMachineArn": machine, **request})
    return answer, len(side.stepfunctions.list_executions(stateMachineArn=machine)["executions"])


@pytest.mark.parametrize("request_", [request for request, *_ in REFUSED.values()], ids=REFUSED)
def test_the_bare_emulator_starts_it(bare, request_):
    answer, executions = start(bare, **request_)

    assert (answer.status_code, executions) == (200, 1)


@pytest.mark.parametrize(("request_", "code", "says"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_by_name_and_not_started(closed, request_, code, says):
    answer, executions = start(closed, **request_)

    error, message = refusal(answer)
    assert error == code
    assert says in message
    assert executions == 0


@pytest.mark.parametrize(
    "request_", [{"name": "é-_.+=@!()'" + unique("")}, {"input": json.dumps("x" * 262_142)}, {"input": "null"}, {}]
)
def test_what_the_rules_allow_is_started(closed, request_):
    answer, executions = start(closed, **request_)

    assert (answer.status_code, executions) == (200, 1)
