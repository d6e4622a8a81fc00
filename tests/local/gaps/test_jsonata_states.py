import json

PARALLEL = {
    "QueryLanguage": "JSONata",
    "Type": "Parallel",
    "Arguments": {"n": "{% $states.input.n + 1 %}"},
    "Branches": [
        {
            "StartAt": "Own",
            "States": {"Own": {"QueryLanguage": "JSONata", "Type": "Pass", "Assign": {"m": 7}, "End": True}},
        }
    ],
    "Assign": {"first": "{% $states.result[0].n %}"},
    "Output": "{% $states.result[0] %}",
    "End": True,
}
SUCCEED = {"QueryLanguage": "JSONata", "Type": "Succeed", "Output": "{% {'sum': $states.input.n + 1} %}"}


def output(execution):
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def only(state):
    return {"StartAt": "It", "States": {"It": state}}


def then(state, output_of_next):
    following = {"QueryLanguage": "JSONata", "Type": "Pass", "Output": output_of_next, "End": True}
    state = {**{key: value for key, value in state.items() if key != "End"}, "Next": "Next"}
    return {"StartAt": "It", "States": {"It": state, "Next": following}}


def test_the_bare_emulator_ignores_the_output_of_parallel(bare):
    assert output(bare.execution(only(PARALLEL), {"n": 1})) == [{"n": 1}]


def test_the_bare_emulator_ignores_the_output_of_succeed(bare):
    assert output(bare.execution(only(SUCCEED), {"n": 1})) == {"n": 1}


def test_the_bare_emulator_leaks_the_variables_of_a_branch(bare):
    assert output(bare.execution(then(PARALLEL, "{% $m %}"), {"n": 1})) == 7


def test_parallel_heeds_its_arguments_and_its_output(closed):
    assert output(closed.execution(only(PARALLEL), {"n": 1})) == {"n": 2}


def test_parallel_assigns_variables(closed):
    assert output(closed.execution(then(PARALLEL, "{% $first %}"), {"n": 1})) == 2


def test_the_variables_of_a_branch_stay_in_it(closed):
    assert output(closed.execution(then(PARALLEL, "{% $exists($m) %}"), {"n": 1})) is False


def test_succeed_heeds_its_output(closed):
    assert output(closed.execution(only(SUCCEED), {"n": 1})) == {"sum": 2}


def test_a_failed_branch_is_caught_with_its_own_error_and_cause(closed):
    failing = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "NoHoles", "Cause": "none at this place"}}}
    work = {
        **PARALLEL,
        "Branches": [failing],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Next"}],
    }

    caught = output(closed.execution(then(work, "{% $states.input %}"), {"n": 1}))

    assert caught == {"Error": "NoHoles", "Cause": "none at this place"}


def test_a_machine_may_fail_with_a_computed_error_and_cause(closed):
    fail = {
        "QueryLanguage": "JSONata",
        "Type": "Fail",
        "Error": "{% $states.input.Error %}",
        "Cause": "{% $states.input.Cause %}",
    }

    execution = closed.execution(only(fail), {"Error": "NoHoles", "Cause": "none at this place"})

    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "NoHoles", "none at this place")
