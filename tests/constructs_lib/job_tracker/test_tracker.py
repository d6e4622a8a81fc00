import json
import re
from zipfile import ZipFile

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Match, Template

from constructs_lib import _handlers
from constructs_lib.job_tracker import JobTracker
from tests.constructs_lib.job_tracker.conftest import flat

HOLDS_DATA = ["AWS::DynamoDB::GlobalTable", "AWS::SQS::Queue", "AWS::Logs::LogGroup"]


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def tracker(stack):
    return JobTracker(stack, "Jobs")


def machines(synthesized):
    return [synthesized.logical_id(machine) for machine in synthesized.tracker._machines.values()]


def mapping(synthesized):
    return next(iter(synthesized.of_type("AWS::Lambda::EventSourceMapping")))["Properties"]


def source(module):
    with ZipFile(_handlers._asset().path) as archive:
        return archive.read(module.replace(".", "/") + ".py").decode()


# What is kept


def test_the_job_table_keeps_every_change_and_can_be_restored(synthesized):
    properties = synthesized.resource(synthesized.tracker.table)["Properties"]

    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties["Replicas"][0]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}


@pytest.mark.parametrize("kind", HOLDS_DATA)
def test_what_holds_data_is_retained(synthesized, kind):
    resources = synthesized.of_type(kind)

    assert resources
    assert {resource["DeletionPolicy"] for resource in resources} == {"Retain"}


def test_what_holds_data_goes_when_it_is_told_to(stack):
    tracker = JobTracker(stack, "Jobs", removal_policy=RemovalPolicy.DESTROY)
    tracker.workflow("AddGopher", definition=sfn.Pass(stack, "Add"))

    template = Template.from_stack(stack)

    for kind in HOLDS_DATA:
        template.all_resources(kind, {"DeletionPolicy": "Delete"})


def test_logs_are_not_kept_for_ever(synthesized):
    groups = synthesized.of_type("AWS::Logs::LogGroup")

    assert {group["Properties"]["RetentionInDays"] for group in groups} == {30}


def test_every_function_and_every_machine_writes_to_a_log_group_of_the_tracker(synthesized):
    groups = {name for name, it in synthesized.resources.items() if it["Type"] == "AWS::Logs::LogGroup"}
    functions = [getattr(synthesized.tracker, name) for name in ("reader", "execution_ended", "reconciler")]

    for function in functions:
        assert synthesized.resource(function)["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in groups
    for machine in synthesized.of_type("AWS::StepFunctions::StateMachine"):
        (destination,) = machine["Properties"]["LoggingConfiguration"]["Destinations"]
        assert destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0] in groups


# How records are read


def test_a_bad_record_blocks_its_shard_for_a_bounded_time(synthesized):
    properties = mapping(synthesized)

    assert 0 < properties["MaximumRetryAttempts"] <= 100
    assert 60 <= properties["MaximumRecordAgeInSeconds"] <= 86_400
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_the_reader_gives_up_on_is_told_to_an_alarm(synthesized):
    queue = synthesized.logical_id(synthesized.tracker.dead_letter_queue)

    assert mapping(synthesized)["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"] == [queue, "Arn"]
    alarm = synthesized.resource(synthesized.tracker.dead_letter_alarm)["Properties"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["TreatMissingData"] == "notBreaching"


def test_jobs_stored_before_the_reader_was_there_are_read(synthesized):
    assert mapping(synthesized)["StartingPosition"] == "TRIM_HORIZON"


def test_neither_the_expiry_of_jobs_nor_what_is_no_job_invokes_the_reader(synthesized):
    (pattern,) = mapping(synthesized)["FilterCriteria"]["Filters"]

    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"NewImage": {"input": {"S": [{"exists": True}]}}},
    }


@pytest.mark.parametrize("name", ["reader", "execution_ended", "reconciler"])
def test_what_an_asynchronous_invocation_failed_on_is_kept(synthesized, name):
    function = synthesized.resource(getattr(synthesized.tracker, name))["Properties"]

    queue = synthesized.logical_id(synthesized.tracker.dead_letter_queue)
    assert function["DeadLetterConfig"]["TargetArn"]["Fn::GetAtt"] == [queue, "Arn"]


def test_dead_letters_travel_and_rest_encrypted(synthesized):
    queue = synthesized.resource(synthesized.tracker.dead_letter_queue)

    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    synthesized.template.has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
                        )
                    ]
                )
            }
        },
    )


# Who may do what


@pytest.mark.parametrize(
    ("name", "table_actions"),
    [
        ("reader", {"dynamodb:UpdateItem"}),
        ("execution_ended", {"dynamodb:UpdateItem"}),
        ("reconciler", {"dynamodb:GetItem", "dynamodb:UpdateItem"}),
    ],
)
def test_functions_touch_single_jobs_only(synthesized, name, table_actions):
    allowed = synthesized.allowed(getattr(synthesized.tracker, name).role)

    table = {"Fn::GetAtt": [synthesized.logical_id(synthesized.tracker.table), "Arn"]}
    assert {action for action, resources in allowed.items() if table in resources} == table_actions


@pytest.mark.parametrize("name", ["reader", "execution_ended", "reconciler"])
def test_no_function_may_scan_or_delete_or_put(synthesized, name):
    allowed = synthesized.allowed(getattr(synthesized.tracker, name).role)

    assert not {"dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:BatchWriteItem"} & allowed.keys()
    assert not [action for action in allowed if "*" in action]


@pytest.mark.parametrize("name", ["reader", "execution_ended", "reconciler"])
def test_only_tracing_is_allowed_on_every_resource(synthesized, name):
    allowed = synthesized.allowed(getattr(synthesized.tracker, name).role)

    everywhere = {action for action, resources in allowed.items() if "*" in resources}
    assert everywhere == {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_the_reader_reads_the_stream_of_the_table_and_no_other(synthesized):
    allowed = synthesized.allowed(synthesized.tracker.reader.role)

    stream = {"Fn::GetAtt": [synthesized.logical_id(synthesized.tracker.table), "StreamArn"]}
    for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"):
        assert allowed[f"dynamodb:{action}"] == [stream]


def test_the_reconciler_queries_the_open_jobs_and_nothing_else(synthesized):
    (index,) = synthesized.allowed(synthesized.tracker.reconciler.role)["dynamodb:Query"]

    assert flat(index) == f"{{{synthesized.logical_id(synthesized.tracker.table)}.Arn}}/index/open"


@pytest.mark.parametrize("name", ["reader", "reconciler"])
def test_only_registered_workflows_may_be_started(synthesized, name):
    allowed = synthesized.allowed(getattr(synthesized.tracker, name).role)

    assert [resource["Ref"] for resource in allowed["states:StartExecution"]] == machines(synthesized)


def test_what_hears_of_ended_executions_starts_nothing(synthesized):
    assert "states:StartExecution" not in synthesized.allowed(synthesized.tracker.execution_ended.role)


def test_only_the_reader_publishes_and_only_on_the_bus(synthesized):
    bus = {"Fn::GetAtt": [synthesized.logical_id(synthesized.tracker.bus), "Arn"]}

    assert synthesized.allowed(synthesized.tracker.reader.role)["events:PutEvents"] == [bus]
    for name in ("execution_ended", "reconciler"):
        assert "events:PutEvents" not in synthesized.allowed(getattr(synthesized.tracker, name).role)


def test_a_workflow_may_update_jobs_and_do_what_its_own_states_need(synthesized):
    machine = synthesized.tracker._machines["DigHole"]

    dynamodb = {action for action in synthesized.allowed(machine.role) if action.startswith("dynamodb:")}
    assert dynamodb == {"dynamodb:UpdateItem"}


def test_who_may_read_jobs_may_look_up_single_ones(stack, tracker):
    role = iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    grant = tracker.grant_read(role)

    grant.assert_success()
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {"Statement": [Match.object_like({"Action": "dynamodb:GetItem", "Effect": "Allow"})]},
            "Roles": [{"Ref": stack.get_logical_id(role.node.default_child)}],
        },
    )


# What the functions know


@pytest.mark.parametrize("name", ["reader", "execution_ended", "reconciler"])
def test_every_handler_is_in_the_asset(synthesized, name):
    handler = synthesized.resource(getattr(synthesized.tracker, name))["Properties"]["Handler"]

    module, _, function = handler.rpartition(".")
    assert f"def {function}(" in source(module)


def test_functions_are_given_the_variables_that_handlers_read_and_no_others(synthesized):
    given = {
        variable
        for function in synthesized.of_type("AWS::Lambda::Function")
        if function["Properties"]["Handler"].startswith("lambdas.")
        for variable in function["Properties"]["Environment"]["Variables"]
    }

    modules = ("events", "executions", "execution_ended", "jobs", "reconciler", "stream_reader", "workflows")
    read = {name for module in modules for name in re.findall(r'environ\["(\w+)"\]', source(f"lambdas.jobs.{module}"))}
    assert given - {"LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"} == read


@pytest.mark.parametrize("name", ["reader", "reconciler", "execution_ended"])
def test_functions_know_the_workflow_of_each_type(synthesized, name):
    variables = synthesized.resource(getattr(synthesized.tracker, name))["Properties"]["Environment"]["Variables"]

    add_gopher, dig_hole = machines(synthesized)
    workflows = json.loads(flat(variables["WORKFLOWS"]))
    assert workflows.keys() == {"AddGopher", "DigHole"}
    assert add_gopher in workflows["AddGopher"]["name"]
    assert dig_hole in workflows["DigHole"]["name"]
    assert flat(variables["STATE_MACHINES"]).endswith(":stateMachine:")


def test_functions_know_how_long_to_keep_and_to_try(stack):
    tracker = JobTracker(stack, "Jobs", expire_after=Duration.days(1), give_up_after=Duration.hours(2))

    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "lambdas.jobs.reconciler.handler",
            "Environment": {
                "Variables": Match.object_like({"EXPIRE_AFTER_SECONDS": "86400", "GIVE_UP_AFTER_SECONDS": "7200"})
            },
        },
    )
    assert tracker.reconciler


def test_a_tracker_publishes_on_a_bus_that_it_is_given(stack):
    bus = events.EventBus(stack, "Mine")

    tracker = JobTracker(stack, "Jobs", bus=bus)

    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Events::EventBus", 1)
    assert tracker.bus is bus


# How ends are heard of


def test_each_rule_hears_the_end_of_one_registered_workflow(synthesized):
    rules = [it["Properties"] for it in synthesized.of_type("AWS::Events::Rule") if "EventPattern" in it["Properties"]]

    assert [rule["EventPattern"]["detail"]["stateMachineArn"] for rule in rules] == [
        [{"Ref": machine}] for machine in machines(synthesized)
    ]
    for rule in rules:
        assert rule["EventPattern"]["source"] == ["aws.states"]
        assert set(rule["EventPattern"]["detail"]["status"]) == {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def test_every_rule_gives_up_in_the_end_and_says_so(synthesized):
    queue = synthesized.logical_id(synthesized.tracker.dead_letter_queue)

    for rule in synthesized.of_type("AWS::Events::Rule"):
        (target,) = rule["Properties"]["Targets"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] <= 185
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86_400
        assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"] == [queue, "Arn"]


def test_jobs_are_reconciled_as_often_as_is_wished(stack):
    JobTracker(stack, "Jobs", reconcile_every=Duration.minutes(1))

    Template.from_stack(stack).has_resource_properties("AWS::Events::Rule", {"ScheduleExpression": "rate(1 minute)"})


# What is refused


@pytest.mark.parametrize(
    ("argument", "value", "least"),
    [
        ("expire_after", Duration.minutes(59), "1 hour"),
        ("give_up_after", Duration.minutes(59), "1 hour"),
        ("reconcile_every", Duration.seconds(59), "1 minute"),
    ],
)
def test_spans_that_are_too_short_are_refused(stack, argument, value, least):
    with pytest.raises(ValueError, match=f"{argument} must be at least {least}, got"):
        JobTracker(stack, "Jobs", **{argument: value})


@pytest.mark.parametrize("job_type", ["", "1st", "Add Gopher", "Größe", "A" * 65, "A\n", "A/B", '"'])
def test_a_type_that_is_no_name_is_refused(stack, tracker, job_type):
    with pytest.raises(ValueError, match="job_type must be"):
        tracker.workflow(job_type, definition=sfn.Pass(stack, "Add"))
    with pytest.raises(ValueError, match="job_type must be"):
        tracker._use_type(job_type)


def test_a_type_has_one_workflow(stack, tracker):
    tracker.workflow("AddGopher", definition=sfn.Pass(stack, "Add"))

    with pytest.raises(ValueError, match="'AddGopher' has a workflow already"):
        tracker.workflow("AddGopher", definition=sfn.Pass(stack, "AddAgain"))


def test_more_types_than_the_functions_can_know_are_refused_at_once(stack, tracker):
    for number in range(16):
        tracker.workflow(f"Type{number}", definition=sfn.Pass(stack, f"Pass{number}"))

    with pytest.raises(ValueError, match="at most 16 workflows"):
        tracker.workflow("OneMore", definition=sfn.Pass(stack, "Pass"))


def test_as_many_types_as_are_allowed_fit_into_what_aws_allows(stack, tracker):
    for number in range(16):
        definition = sfn.Pass(stack, f"Pass{number}")
        tracker.workflow(f"T{number:063}", definition=definition, attempts=10, max_running=100)

    resources = Template.from_stack(stack).to_json()["Resources"]

    for function in (it["Properties"] for it in resources.values() if it["Type"] == "AWS::Lambda::Function"):
        variables = function["Environment"]["Variables"]
        types = json.loads(flat(variables.get("WORKFLOWS", "{}")))
        widest = {each: types[each] | {"name": "N" * 80} for each in types}
        worst = len(json.dumps(widest, separators=(",", ":")))
        assert worst + sum(len(name) + 128 for name in variables if name != "WORKFLOWS") < 4 * 1024 + 128
    (policy,) = [it for it in resources.values() if it["Type"] == "AWS::SQS::QueuePolicy"]
    assert len(policy["Properties"]["PolicyDocument"]["Statement"]) <= 20


def test_a_stored_type_without_a_workflow_fails_synth_and_says_what_to_do(tracker, stack):
    tracker._use_type("AddGopher")

    with pytest.raises(RuntimeError, match=r"Call workflow\('AddGopher', definition=...\)"):
        Template.from_stack(stack)


def test_a_workflow_may_come_after_what_stores_its_jobs(tracker, stack):
    tracker._use_type("AddGopher")
    tracker.workflow("AddGopher", definition=sfn.Pass(stack, "Add"))

    Template.from_stack(stack).has_resource_properties("AWS::StepFunctions::StateMachine", {})


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_progress_is_between_nothing_and_all(tracker, percent):
    with pytest.raises(ValueError, match=f"percent must be from 0 to 100, got {percent}"):
        tracker.progress(percent, "Digging")


@pytest.mark.parametrize("message", ["", "x" * 257])
def test_a_progress_has_a_message_that_fits(tracker, message):
    with pytest.raises(ValueError, match=f"message must have 1 to 256 characters, got {len(message)}"):
        tracker.progress(50, message)


def test_a_progress_message_is_never_run_as_code(tracker):
    with pytest.raises(ValueError, match="must not be a JSONata expression"):
        tracker.progress(50, "{% $states.input %}")


# Where things may be defined


def test_a_workflow_may_use_what_another_stack_defines():
    app = App()
    work, jobs = Stack(app, "Work"), Stack(app, "Jobs")
    topic = sfn.StateMachine(work, "Inner", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(work, "Inside")))
    tracker = JobTracker(jobs, "Jobs")

    tracker.workflow(
        "AddGopher", definition=sfn.Pass.jsonata(work, "Mention", outputs={"arn": topic.state_machine_arn})
    )

    assert "Work:ExportsOutput" in json.dumps(Template.from_stack(jobs).to_json())


def test_a_workflow_whose_work_depends_on_its_own_tracker_across_stacks_is_refused_by_name():
    app = App()
    work, jobs = Stack(app, "Work"), Stack(app, "Jobs")
    tracker = JobTracker(jobs, "Jobs")
    inner = sfn.StateMachine(
        work,
        "Inner",
        definition_body=sfn.DefinitionBody.from_chainable(
            sfn.Pass.jsonata(work, "Inside", outputs={"bus": tracker.bus.event_bus_arn})
        ),
    )
    mention = sfn.Pass.jsonata(work, "Mention", outputs={"arn": inner.state_machine_arn})
    tracker.workflow("AddGopher", definition=mention)

    with pytest.raises(RuntimeError, match="would create a cyclic reference"):
        Template.from_stack(jobs)


def test_two_trackers_live_in_one_stack(stack):
    for name in ("Jobs", "Chores"):
        tracker = JobTracker(stack, name)
        tracker.workflow("AddGopher", definition=tracker.progress(50, "Half").next(sfn.Pass(stack, f"{name}Pass")))

    Template.from_stack(stack).resource_count_is("AWS::StepFunctions::StateMachine", 2)


def test_workflows_may_tell_the_same_progress(stack, tracker):
    for name in ("AddGopher", "DigHole"):
        tracker.workflow(name, definition=tracker.progress(50, "Half"))

    Template.from_stack(stack).resource_count_is("AWS::StepFunctions::StateMachine", 2)
