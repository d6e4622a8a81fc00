"""What a batch is made of: its store, its workflow, and the limits of both."""

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from constructs_lib import JobTracker, StorageFirstApi
from tests.constructs_lib.job_tracker.conftest import Synthesized
from tests.constructs_lib.storage_first_api.routes import Route


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def jobs(stack):
    return JobTracker(stack, "Jobs")


def work(stack, name="Work"):
    return sfn.Pass(stack, name)


def definition(stack, jobs, job_type="add-gopher.batch"):
    return Synthesized(stack, jobs).definition(jobs._machines[job_type])


def all_states(machine):
    for name, state in machine["States"].items():
        yield name, state
        for inner in (*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])):
            yield from all_states(inner)


@pytest.fixture(scope="module")
def route():
    """The route of batches of three items at most."""
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs")
    jobs.workflow("add-gopher", definition=work(stack))
    StorageFirstApi(stack, "Api").post("/gophers/batch", jobs.batch_store("add-gopher", max_items=3))
    return Route.of(stack, "POST")


@pytest.fixture(scope="module")
def machine():
    """The workflow of batches."""
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs")
    jobs.workflow("add-gopher", definition=work(stack))
    jobs.batch_store("add-gopher", timeout=Duration.hours(3))
    return definition(stack, jobs)


@pytest.fixture(scope="module")
def states(machine):
    return dict(all_states(machine))


# The store


def test_a_batch_is_a_job_of_a_type_of_its_own(route):
    item = route.stored(body={"items": [{"name": "Gordon"}]})

    assert (item["type"], item["status"], item["input"]) == (
        "add-gopher.batch",
        "Pending",
        '{"items": [{"name": "Gordon"}]}',
    )


@pytest.mark.parametrize("items", [[{}], [{}] * 3, ["text"], [[1], [2]], [None]])
def test_as_many_items_as_allowed_are_stored(route, items):
    assert route.stored(body={"items": items}) is not None


def refusal(route, body):
    """What the caller of a route is told, once the service has refused the call that cannot succeed."""
    request = route.request(body=body)
    assert request["ReturnValues"].startswith("Refused_")
    message = f"1 validation error detected: Value '{request['ReturnValues']}' at 'returnValues'"
    status, _, problem = route.answer(400, {"__type": "ValidationException", "message": message})
    return status, problem["detail"]


def test_more_items_than_allowed_are_refused_with_how_many_are(route):
    status, detail = refusal(route, {"items": [{}] * 4})

    assert status == 413
    assert detail == "A batch has at most 3 items. Nothing was stored; send the items in several batches."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"item": [{}]},
        {"items": []},
        {"items": {}},
        {"items": {"a": 1, "b": 2, "c": 3, "d": 4}},
        {"items": "abcd"},
        {"items": 4},
        {"items": True},
        {"items": None},
    ],
)
def test_a_body_without_items_is_a_bad_request(route, body):
    status, detail = refusal(route, body)

    assert status == 400
    assert detail == "The body must have a list of 1 to 3 items at $.items. Nothing was stored."


def test_a_number_that_api_gateway_cannot_read_is_a_bad_request(route):
    status, detail = refusal(route, '{"items": [1e9999999999]}')

    assert status == 400
    assert "exponent" in detail


def test_a_body_that_leaves_no_room_for_its_results_is_refused(route):
    status, _ = refusal(route, {"items": ["x" * 192 * 1024]})

    assert status == 413


@pytest.mark.parametrize("max_items", [0, -1, 1001])
def test_a_number_of_items_that_history_has_no_room_for_is_refused(jobs, max_items):
    with pytest.raises(ValueError, match=r"max_items must be from 1 to 1,000, because .* 25,000 events") as error:
        jobs.batch_store("add-gopher", max_items=max_items)

    assert f"got {max_items:,}" in str(error.value)


@pytest.mark.parametrize("max_concurrency", [0, 41])
def test_a_concurrency_that_a_map_state_does_not_have_is_refused(jobs, max_concurrency):
    with pytest.raises(ValueError, match="max_concurrency must be from 1 to 40"):
        jobs.batch_store("add-gopher", max_concurrency=max_concurrency)


def test_a_type_has_one_batch_store(jobs):
    jobs.batch_store("add-gopher")

    with pytest.raises(ValueError, match="'add-gopher' has a batch store already; give that one to each"):
        jobs.batch_store("add-gopher")


def test_the_store_of_a_type_can_be_that_of_several_routes(stack, jobs):
    jobs.workflow("add-gopher", definition=work(stack))
    api = StorageFirstApi(stack, "Api")
    store = jobs.batch_store("add-gopher")

    api.post("/gophers/batch", store)
    api.post("/gophers/import", store)

    assert Template.from_stack(stack)


def test_a_type_too_long_for_that_of_its_batches_is_refused(jobs):
    with pytest.raises(ValueError, match=r"job_type with \.batch after it must be 1 to 64 letters"):
        jobs.batch_store("a" * 60)


# The workflow


def test_a_type_s_workflow_and_batches_come_in_any_order(stack):
    first, second = JobTracker(stack, "First"), JobTracker(stack, "Second")

    first.workflow("add-gopher", definition=work(stack, "A"))
    first.batch_store("add-gopher")
    second.batch_store("add-gopher")
    second.workflow("add-gopher", definition=work(stack, "B"))

    assert first._machines.keys() == second._machines.keys() == {"add-gopher", "add-gopher.batch"}


def test_batches_of_a_type_that_nothing_works_on_fail_the_synth(stack, jobs):
    StorageFirstApi(stack, "Api").post("/gophers/batch", jobs.batch_store("add-gopher"))

    with pytest.raises(RuntimeError, match="Jobs of type 'add-gopher' are stored, but no workflow works on them"):
        Template.from_stack(stack)


@pytest.mark.parametrize("first", ["workflow", "batch_store"])
def test_items_are_not_worked_on_by_an_express_workflow(stack, jobs, first):
    def workflow():
        jobs.workflow("quick", definition=work(stack), state_machine_type=sfn.StateMachineType.EXPRESS)

    def batch_store():
        jobs.batch_store("quick")

    one, other = (workflow, batch_store) if first == "workflow" else (batch_store, workflow)
    one()

    with pytest.raises(ValueError, match="'quick' must have a Standard workflow, because a batch waits for the end"):
        other()


def test_batches_count_as_workflows_of_their_tracker(stack, jobs):
    for index in range(8):
        jobs.workflow(f"type-{index}", definition=work(stack, f"Work{index}"))
        jobs.batch_store(f"type-{index}")

    with pytest.raises(ValueError, match="'another' is one too many: a tracker has at most 16 workflows"):
        jobs.workflow("another", definition=work(stack, "Another"))


def test_a_batch_may_run_its_items_and_write_to_single_jobs_and_nothing_else(stack, jobs):
    machine = jobs.workflow("add-gopher", definition=work(stack))
    jobs.batch_store("add-gopher")
    synthesized = Synthesized(stack, jobs)

    allowed = synthesized.allowed(jobs._machines["add-gopher.batch"].role)

    resources = {
        action: stack.resolve(allowed[action]) for action in allowed if not action.startswith(("logs:", "xray:"))
    }
    assert str(resources["dynamodb:UpdateItem"]).endswith("':table/', {'Ref': 'JobsTable10C8EDF6'}]]}]")
    assert resources["states:StartExecution"] == [stack.resolve(machine.state_machine_arn)]
    managed_rule = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
    assert managed_rule in str(resources["events:PutRule"])
    assert resources.keys() == {
        "dynamodb:UpdateItem",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "events:DescribeRule",
        "events:PutRule",
        "events:PutTargets",
    }


def test_an_item_is_worked_on_like_a_job(states):
    given = states["RunItem"]["Arguments"]["Input"]
    assert given.keys() == {"id", "tenant", "type", "attempt", "createdAt", "input"}
    assert given["type"] == "add-gopher"
    assert "execution" not in states["RecordItem"]["Arguments"]["ExpressionAttributeNames"].values()


def test_an_existing_workflow_gets_the_item_alone_and_is_found_by_its_execution(stack, jobs):
    existing = sfn.StateMachine.from_state_machine_name(stack, "Existing", "Own")
    jobs.workflow("add-gopher", state_machine=existing)
    jobs.batch_store("add-gopher")

    states = dict(all_states(definition(stack, jobs)))

    assert states["RunItem"]["Arguments"]["Input"] == (
        "{% $states.context.Execution.Input.input.items[$states.context.Map.Item.Value] %}"
    )
    record = states["RecordItem"]["Arguments"]
    assert record["ExpressionAttributeNames"]["#execution"] == "execution"
    assert record["ExpressionAttributeValues"][":execution"] == record["ExpressionAttributeValues"][":executionArn"]


def test_a_batch_has_the_attempts_of_its_type(stack, jobs):
    jobs.workflow("add-gopher", definition=work(stack), attempts=3)
    jobs.batch_store("add-gopher")

    assert jobs._settings["add-gopher.batch"]["attempts"] == 3


def test_every_task_of_a_batch_has_a_timeout_and_retries_that_end(machine, states):
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}

    assert tasks["RunItem"]["TimeoutSeconds"] == machine["TimeoutSeconds"] == 3 * 3600
    for task in tasks.values():
        assert "TimeoutSeconds" in task
        for retry in task["Retry"]:
            assert retry["MaxAttempts"] == 0 or (retry["JitterStrategy"] == "FULL" and retry["MaxAttempts"] <= 10)


def test_a_failure_of_an_item_s_work_is_not_retried_within_an_attempt(states):
    errors = {error for retry in states["RunItem"]["Retry"] for error in retry["ErrorEquals"]}

    assert not errors & {"States.ALL", "States.TaskFailed"}, "either stands for the failure of an execution"


def test_nothing_of_an_item_fails_its_batch(states):
    for name in ("RecordItem", "RunItem"):
        assert states[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        assert states[name]["Catch"][-1]["Next"] == "ItemEnded"


# History: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
MOST_EVENTS = 25_000
TASK = 5  # entered, scheduled, started, succeeded or failed, exited
SYNC_TASK = TASK + 1  # submitted
RETRY = 3  # failed, scheduled, started
STATE = 2  # entered, exited
MAP = PARALLEL = 4  # entered, started, succeeded or failed, exited
ITERATION = 2  # started, succeeded
EXECUTION = 2  # started, ended


def most_events(state):
    """What the history has of a state at worst, without those inside it."""
    retries = sum(retry["MaxAttempts"] for retry in state.get("Retry", []))
    kinds = {"Map": MAP, "Parallel": PARALLEL}
    if state["Type"] != "Task":
        return kinds.get(state["Type"], STATE)
    return (SYNC_TASK if ".sync" in state["Resource"] else TASK) + RETRY * retries


def test_the_worst_batch_fits_into_the_history_of_an_execution(states):
    events = {name: most_events(state) for name, state in states.items()}

    item = ITERATION + sum(events.pop(name) for name in ("RecordItem", "RunItem", "ItemEnded"))
    chunk = sum(events.pop(name) for name in ("WorkOnItems", "TellProgress", "MoreItems"))
    once = EXECUTION + sum(events.values())

    assert 1000 * item + 20 * chunk + once <= MOST_EVENTS
