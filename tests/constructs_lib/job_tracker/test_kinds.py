"""What a workflow can be given besides its definition: attempts, a limit, Express, an existing state machine."""

import json

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import AlarmTopic
from constructs_lib.job_tracker import JobTracker
from tests.constructs_lib.job_tracker.conftest import Synthesized, flat

EXPRESS = sfn.StateMachineType.EXPRESS


@pytest.fixture
def stack():
    return Stack(App(), "Stack", env={"account": "111111111111", "region": "eu-west-1"})


@pytest.fixture
def tracker(stack):
    return JobTracker(stack, "Jobs")


@pytest.fixture
def work(stack):
    return sfn.Pass(stack, "Work")


def own_machine(stack, **settings):
    body = sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Own"))
    return sfn.StateMachine(stack, "Machine", definition_body=body, **settings)


def variables(synthesized, function):
    return synthesized.resource(getattr(synthesized.tracker, function))["Properties"]["Environment"]["Variables"]


def known(synthesized, function):
    workflows = json.loads(flat(variables(synthesized, function)["WORKFLOWS"]))
    return {job_type: {k: v for k, v in it.items() if k != "name"} for job_type, it in workflows.items()}


def indexes(synthesized, function):
    allowed = synthesized.allowed(getattr(synthesized.tracker, function).role)
    return {flat(resource).rpartition("/")[2] for resource in allowed.get("dynamodb:Query", [])}


def test_a_workflow_is_as_plain_as_it_can_be(stack, tracker, work):
    tracker.workflow("work", definition=work)

    synthesized = Synthesized(stack, tracker)

    assert known(synthesized, "reader") == {"work": {}}
    assert indexes(synthesized, "reader") == indexes(synthesized, "execution_ended") == set()


def test_functions_know_what_a_type_was_given(stack, tracker, work):
    tracker.workflow("work", definition=work, attempts=3, max_running=5)

    synthesized = Synthesized(stack, tracker)

    for function in ("reader", "reconciler", "execution_ended"):
        assert known(synthesized, function) == {"work": {"attempts": 3, "max_running": 5}}
    assert indexes(synthesized, "reader") == {"waiting"}
    assert indexes(synthesized, "reconciler") == {"open", "waiting"}


def test_an_error_that_may_leave_attempts_fails_the_execution_and_is_judged_by_who_hears_of_it(stack, tracker, work):
    machine = tracker.workflow("work", definition=work, attempts=3)

    states = Synthesized(stack, tracker).definition(machine)["States"]

    assert "Catch" not in states["WorkOnJob"]
    assert states["FinishJob"]["Catch"][-1]["Next"] == "MarkJobFailed", "it was done, and is not to be done again"


def test_an_express_workflow_closes_its_jobs_itself(stack, tracker, work):
    machine = tracker.workflow("work", definition=work, state_machine_type=EXPRESS)

    synthesized = Synthesized(stack, tracker)

    properties = synthesized.resource(machine)["Properties"]
    assert properties["StateMachineType"] == "EXPRESS"
    assert properties["LoggingConfiguration"]["Level"] == "ALL", "Step Functions keeps no history of it"
    assert synthesized.definition(machine)["TimeoutSeconds"] == 300
    assert known(synthesized, "reader") == {"work": {"express": True}}
    assert not [rule for rule in synthesized.of_type("AWS::Events::Rule") if "EventPattern" in rule["Properties"]]
    assert "states:StopExecution" not in synthesized.allowed(tracker.reader.role)


def test_an_existing_machine_is_started_looked_at_stopped_and_heard_of(stack, tracker):
    machine = own_machine(stack)

    assert tracker.workflow("work", state_machine=machine) is machine

    synthesized = Synthesized(stack, tracker)
    assert known(synthesized, "execution_ended") == {"work": {"existing": True}}
    assert indexes(synthesized, "execution_ended") == {"executions"}
    (rule,) = (
        it["Properties"] for it in synthesized.of_type("AWS::Events::Rule") if "EventPattern" in it["Properties"]
    )
    assert rule["EventPattern"]["detail"]["stateMachineArn"] == [{"Ref": synthesized.logical_id(machine)}]
    allowed = synthesized.allowed(tracker.reconciler.role)
    assert {"states:StartExecution", "states:StopExecution", "states:DescribeExecution"} <= allowed.keys()


def test_an_imported_machine_is_known_by_its_name(stack, tracker):
    arn = "arn:aws:states:eu-west-1:111111111111:stateMachine:nightly"

    tracker.workflow("work", state_machine=sfn.StateMachine.from_state_machine_arn(stack, "Imported", arn))

    synthesized = Synthesized(stack, tracker)
    variables = synthesized.resource(tracker.reader)["Properties"]["Environment"]["Variables"]
    assert flat(variables["STATE_MACHINES"]).replace("{AWS::Partition}", "aws") + "nightly" == arn
    assert json.loads(flat(variables["WORKFLOWS"]))["work"]["name"] == "nightly"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "either a definition or a state_machine, got both or neither"),
        ({"attempts": 0}, "attempts must be 1 to 10, got 0"),
        ({"attempts": 11}, "attempts must be 1 to 10, got 11"),
        ({"max_running": 0}, "max_running must be 1 to 100, got 0"),
        ({"max_running": 101}, "max_running must be 1 to 100, got 101"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tracker, given, said):
    with pytest.raises(ValueError, match=said):
        tracker.workflow("work", **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"attempts": 2}, "attempts of an Express workflow must be 1, got 2: .* Add a Retry to its states"),
        ({"timeout": Duration.minutes(6)}, "timeout of an Express workflow must be at most 5 minutes, got 6 minutes"),
    ],
)
def test_what_an_express_workflow_cannot_do_is_refused(tracker, work, given, said):
    with pytest.raises(ValueError, match=said):
        tracker.workflow("work", definition=work, state_machine_type=EXPRESS, **given)


def test_what_is_an_existing_machine_s_own_is_refused(stack, tracker):
    with pytest.raises(ValueError, match="timeout, log_level of workflow cannot be given for a state_machine"):
        tracker.workflow(
            "work", state_machine=own_machine(stack), timeout=Duration.hours(1), log_level=sfn.LogLevel.ALL
        )


def test_a_definition_and_a_machine_are_refused(stack, tracker, work):
    with pytest.raises(ValueError, match="got both or neither"):
        tracker.workflow("work", definition=work, state_machine=own_machine(stack))


def test_an_existing_express_machine_is_refused_with_the_way_out(stack, tracker):
    with pytest.raises(ValueError, match=r"state_machine must be a Standard one: .*state_machine_type="):
        tracker.workflow("work", state_machine=own_machine(stack, state_machine_type=EXPRESS))


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("arn:aws:states:eu-west-1:222222222222:stateMachine:m", "account.*111111111111, got 222222222222"),
        ("arn:aws:states:us-east-1:111111111111:stateMachine:m", "Region.*eu-west-1, got us-east-1"),
    ],
)
def test_a_machine_from_elsewhere_is_refused(stack, tracker, arn, said):
    with pytest.raises(ValueError, match=said):
        tracker.workflow("work", state_machine=sfn.StateMachine.from_state_machine_arn(stack, "Imported", arn))


def test_a_type_that_was_refused_can_be_given_again(stack, tracker, work):
    with pytest.raises(ValueError, match="attempts"):
        tracker.workflow("work", definition=work, attempts=99)

    assert tracker.workflow("work", definition=work)


def test_alarms_tell_the_topic(stack):
    topic = AlarmTopic(stack, "Alarms")
    tracker = JobTracker(stack, "Jobs", alarm_failed=10, alarm_topic=topic)

    synthesized = Synthesized(stack, tracker)

    told = [{"Ref": synthesized.logical_id(topic.topic)}]
    alarms = [alarm["Properties"] for alarm in synthesized.of_type("AWS::CloudWatch::Alarm")]
    assert {alarm.get("MetricName") for alarm in alarms} == {
        "ApproximateNumberOfMessagesVisible",
        "Errors",
        "IteratorAge",
        "JobsFailed",
        "JobsStartedLate",
    }
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == told for alarm in alarms)
    (failed,) = (alarm for alarm in alarms if alarm["MetricName"] == "JobsFailed")
    assert failed["Threshold"] == 10


def test_alarms_watch_what_the_functions_count(stack):
    synthesized = Synthesized(stack, tracker := JobTracker(stack, "Jobs", alarm_topic=AlarmTopic(stack, "Alarms")))
    table = {"Name": "JobsTable", "Value": {"Ref": synthesized.logical_id(tracker.table)}}

    for alarm, function in ((tracker.operation.failed_alarm, "reader"), (tracker.operation.late_alarm, "reconciler")):
        service = variables(synthesized, function)["POWERTOOLS_SERVICE_NAME"]
        watched = synthesized.resource(alarm)["Properties"]["Dimensions"]
        assert sorted(watched, key=str) == sorted([table, {"Name": "service", "Value": service}], key=str)
