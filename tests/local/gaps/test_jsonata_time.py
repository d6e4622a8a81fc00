import json
import time

import pytest

COUNT = "{% $count([1..BOUND][$ % 2 = 0]) %}"


@pytest.fixture(scope="module")
def much():
    """An expression that takes some 0.3 s here, and so a multiple of it while others are evaluated, too."""
    from ministack.services import stepfunctions  # noqa: PLC0415  (it reads its settings when imported)

    began = time.thread_time()
    stepfunctions._evaluate_jsonata(COUNT[2:-2].replace("BOUND", "1000"), {})
    return COUNT.replace("BOUND", str(round(1000 * 0.3 / (time.thread_time() - began))))


def evaluated(expression):
    """A machine that evaluates an expression."""
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": expression, "End": True}
    return {"StartAt": "Evaluate", "States": {"Evaluate": state}}


def at_once(expression):
    """A machine that evaluates an expression in eight branches."""
    branches = [evaluated(expression)] * 8
    return {"StartAt": "All", "States": {"All": {"Type": "Parallel", "Branches": branches, "End": True}}}


def test_the_bare_emulator_fails_expressions_because_of_others(bare, much):
    execution = bare.execution(at_once(much))

    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert "D1012" in execution["cause"]


def test_an_expression_has_its_time_whatever_else_is_evaluated(closed, much):
    assert closed.execution(at_once(much))["status"] == "SUCCEEDED"


def test_an_expression_without_an_end_still_fails(closed):
    forever = "{% ($again := function() { $again() }; $again()) %}"

    execution = closed.execution(evaluated(forever))

    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_an_expression_knows_what_time_it_is(closed):
    began = time.time()

    execution = closed.execution(evaluated("{% $millis() / 1000 %}"))

    assert began <= json.loads(execution["output"]) <= time.time()


def test_an_expression_still_knows_what_time_it_is(closed):
    execution = closed.execution(evaluated("{% $millis() %}"))

    assert abs(int(execution["output"]) / 1000 - time.time()) < 60
