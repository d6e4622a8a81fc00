import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from constructs_lib.job_tracker import JobTracker
from constructs_lib.job_tracker.states import EXECUTION, STANDARD_EXECUTION


@pytest.fixture(scope="module")
def definition(synthesized):
    return synthesized.definition(synthesized.tracker._machines["AddGopher"])


def all_states(machine):
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from all_states(branch)


def own_tasks(definition):
    return {
        name: state
        for name, state in all_states(definition)
        if state["Type"] == "Task" and state["Resource"].endswith("dynamodb:updateItem")
    }


def path(definition, start, *, failing=()):
    """The states that an execution passes on the outer level."""
    name = start
    while name:
        yield name
        state = definition["States"][name]
        name = state["Catch"][-1]["Next"] if name in failing else state.get("Next")


def test_tracking_adds_two_transitions_to_a_success(definition):
    assert list(path(definition, definition["StartAt"])) == ["WorkOnJob", "FinishJob"]


def test_tracking_adds_three_transitions_to_a_failure(definition):
    assert list(path(definition, definition["StartAt"], failing=["WorkOnJob"])) == [
        "WorkOnJob",
        "MarkJobFailed",
        "JobFailed",
    ]


def test_the_work_is_what_the_user_defined(definition):
    (branch,) = definition["States"]["WorkOnJob"]["Branches"]

    assert branch["StartAt"] == "Progress 10%"
    assert branch["States"]["Progress 10%"]["Next"] == "Greet"


def test_every_state_that_fails_leads_to_a_written_end(definition):
    for name in ("WorkOnJob", "FinishJob", "MarkJobFailed"):
        assert definition["States"][name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_a_failed_job_fails_its_execution_with_its_own_error(definition):
    failed = definition["States"]["JobFailed"]

    assert failed["Type"] == "Fail"
    assert failed["Error"] == "{% $states.input.Error %}"
    assert "$states.input.Cause" in failed["Cause"]


def test_every_task_has_a_timeout(definition):
    tasks = [state for _, state in all_states(definition) if state["Type"] == "Task"]

    assert tasks
    assert all("TimeoutSeconds" in task for task in tasks)


def test_every_retry_of_a_write_backs_off_with_jitter_and_an_end(definition):
    tasks = own_tasks(definition)

    assert tasks.keys() == {"Progress 10%", "FinishJob", "MarkJobFailed"}
    for task in tasks.values():
        refused, other = task["Retry"]
        assert (refused["ErrorEquals"], refused["MaxAttempts"]) == (
            ["DynamoDB.ConditionalCheckFailedException", "DynamoDB.ValidationException"],
            0,
        ), "a job that is no longer this execution's never will be again, and what is too large stays so"
        assert (other["ErrorEquals"], other["JitterStrategy"]) == (["States.ALL"], "FULL")
        assert other["MaxDelaySeconds"] <= 60
        assert other["MaxAttempts"] <= 10


def test_every_write_names_the_status_it_leaves_and_the_execution_it_is_for(definition):
    for name, task in own_tasks(definition).items():
        arguments = task["Arguments"]
        assert arguments["ConditionExpression"] == "#status = :status AND executionArn = :execution"
        assert arguments["ExpressionAttributeValues"][":status"] == {"S": "In Progress"}
        # What tells progress may be part of an Express workflow, too.
        execution = EXECUTION if name.startswith("Progress") else STANDARD_EXECUTION
        assert arguments["ExpressionAttributeValues"][":execution"] == {"S": f"{{% {execution} %}}"}
        assert "#version = #version + :one" in arguments["UpdateExpression"]


@pytest.mark.parametrize("name", ["FinishJob", "MarkJobFailed"])
def test_a_job_that_ends_is_open_no_more_and_expires(definition, name):
    arguments = definition["States"][name]["Arguments"]

    assert arguments["UpdateExpression"].endswith("REMOVE #open, checkAt")
    assert str(30 * 24 * 3600) in arguments["ExpressionAttributeValues"][":expires"]["N"]


def test_every_name_and_value_of_a_write_is_used(definition):
    for task in own_tasks(definition).values():
        arguments = task["Arguments"]
        expressions = arguments["UpdateExpression"] + " " + arguments["ConditionExpression"]
        used = {word.strip(",") for word in expressions.split() if word[0] in "#:"}
        given = arguments["ExpressionAttributeNames"].keys() | arguments["ExpressionAttributeValues"].keys()
        assert used == given


def test_a_progress_passes_on_what_it_gets(definition):
    (branch,) = definition["States"]["WorkOnJob"]["Branches"]

    assert branch["States"]["Progress 10%"]["Output"] == "{% $states.input %}"


def test_a_machine_has_a_timeout_traces_and_tells_its_errors_without_its_data(synthesized):
    for machine in synthesized.of_type("AWS::StepFunctions::StateMachine"):
        properties = machine["Properties"]
        assert properties["TracingConfiguration"] == {"Enabled": True}
        assert properties["LoggingConfiguration"]["Level"] == "ERROR"
        assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert properties.get("StateMachineType", "STANDARD") == "STANDARD"
    add_gopher, dig_hole = (synthesized.definition(it) for it in synthesized.tracker._machines.values())
    assert (add_gopher["TimeoutSeconds"], dig_hole["TimeoutSeconds"]) == (24 * 3600, 90 * 24 * 3600)


def test_work_may_be_written_in_either_language():
    stack = Stack(App(), "Stack")
    tracker = JobTracker(stack, "Jobs")
    old = sfn.Pass(stack, "Old", parameters={"id.$": "$.id"})
    new = sfn.Pass.jsonata(stack, "New", outputs={"id": "{% $states.input.id %}"})

    machine = tracker.workflow(
        "AddGopher", definition=old.next(new), timeout=Duration.hours(1), log_level=sfn.LogLevel.ALL
    )

    template = Template.from_stack(stack).to_json()
    properties = template["Resources"][stack.get_logical_id(machine.node.default_child)]["Properties"]
    assert properties["LoggingConfiguration"]["Level"] == "ALL"
