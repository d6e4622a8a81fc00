import pytest
from aws_cdk import App, CfnParameter, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib.stored_queue import StoredQueue
from tests.constructs_lib.stored import (
    EXPRESS,
    a_function,
    a_machine,
    allowed,
    logical_id,
    properties,
    resources,
    the_resource,
)

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:orders"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:work"


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


def mapping(stack):
    return the_resource(stack, "AWS::Lambda::EventSourceMapping")


# What is stored


@pytest.mark.parametrize("fifo", [False, True])
def test_what_cannot_be_processed_goes_to_a_queue_of_the_same_kind_for_as_long_as_sqs_can(stack, fifo):
    orders = StoredQueue(stack, "Orders", fifo=fifo, max_receive_count=7)

    dead_letters = properties(stack, orders.dead_letter_queue)
    assert dead_letters["MessageRetentionPeriod"] == 14 * 86_400
    assert dead_letters.get("FifoQueue", False) is fifo
    assert properties(stack, orders.queue).get("FifoQueue", False) is fifo
    assert properties(stack, orders.queue)["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [logical_id(stack, orders.dead_letter_queue), "Arn"]},
        "maxReceiveCount": 7,
    }


def test_messages_wait_for_a_consumer_for_as_long_as_sqs_can(stack):
    orders = StoredQueue(stack, "Orders")

    assert properties(stack, orders.queue)["MessageRetentionPeriod"] == 14 * 86_400


def test_both_queues_refuse_plain_http_and_rest_encrypted(stack):
    orders = StoredQueue(stack, "Orders")

    policies = [it["Properties"] for it in resources(stack, "AWS::SQS::QueuePolicy").values()]
    for queue in (orders.queue, orders.dead_letter_queue):
        (policy,) = [it for it in policies if it["Queues"] == [{"Ref": logical_id(stack, queue)}]]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert properties(stack, queue)["SqsManagedSseEnabled"] is True


def test_both_queues_are_under_the_key_that_is_given_and_the_consumer_may_use_it(stack):
    key = kms.Key(stack, "Key")
    work = a_function(stack)

    orders = StoredQueue(stack, "Orders", consumer=work, encryption_key=key)

    arn = {"Fn::GetAtt": [logical_id(stack, key), "Arn"]}
    for queue in (orders.queue, orders.dead_letter_queue):
        assert properties(stack, queue)["KmsMasterKeyId"] == arn
    assert allowed(stack, work.role)["kms:Decrypt"] == [arn]


@pytest.mark.parametrize("policy", [RemovalPolicy.RETAIN, RemovalPolicy.DESTROY])
def test_messages_stay_when_the_stack_goes_unless_told_otherwise(stack, policy):
    StoredQueue(stack, "Orders", **({} if policy is RemovalPolicy.RETAIN else {"removal_policy": policy}))

    kept = {it["DeletionPolicy"] for it in resources(stack, "AWS::SQS::Queue").values()}
    assert kept == {"Retain" if policy is RemovalPolicy.RETAIN else "Delete"}


def test_a_fifo_queue_takes_more_than_300_calls_a_second(stack):
    orders = StoredQueue(stack, "Orders", fifo=True)

    queue = properties(stack, orders.queue)
    assert (queue["DeduplicationScope"], queue["FifoThroughputLimit"]) == ("messageGroup", "perMessageGroupId")


def test_two_equal_messages_are_two_messages(stack):
    orders = StoredQueue(stack, "Orders", fifo=True)

    assert "ContentBasedDeduplication" not in properties(stack, orders.queue)


# Who works on it


@pytest.mark.parametrize("fifo", [False, True])
def test_a_consumer_always_answers_for_each_message(stack, fifo):
    orders = StoredQueue(stack, "Orders", consumer=a_function(stack), fifo=fifo)

    assert mapping(stack)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping(stack)["EventSourceArn"] == {"Fn::GetAtt": [logical_id(stack, orders.queue), "Arn"]}


def test_a_consumer_may_read_from_its_queue_only(stack):
    work = a_function(stack)

    orders = StoredQueue(stack, "Orders", consumer=work)

    assert allowed(stack, work.role) == {
        f"sqs:{verb}": [{"Fn::GetAtt": [logical_id(stack, orders.queue), "Arn"]}]
        for verb in ("ReceiveMessage", "ChangeMessageVisibility", "GetQueueUrl", "DeleteMessage", "GetQueueAttributes")
    }


def test_a_consumer_may_read_before_it_is_made_to(stack):
    StoredQueue(stack, "Orders", consumer=a_function(stack))

    (it,) = resources(stack, "AWS::Lambda::EventSourceMapping").values()
    assert set(it["DependsOn"]) & resources(stack, "AWS::IAM::Policy").keys()


def test_batches_are_gathered_as_told(stack):
    StoredQueue(
        stack,
        "Orders",
        consumer=a_function(stack),
        batch_size=500,
        batching_window=Duration.seconds(20),
        max_concurrency=2,
    )

    assert mapping(stack)["BatchSize"] == 500
    assert mapping(stack)["MaximumBatchingWindowInSeconds"] == 20
    assert mapping(stack)["ScalingConfig"] == {"MaximumConcurrency": 2}


@pytest.mark.parametrize(
    ("timeout", "window", "visibility"),
    [
        (Duration.seconds(20), None, 120),
        (Duration.seconds(20), Duration.seconds(30), 150),
        (None, None, 18),
        (Duration.minutes(15), Duration.minutes(5), 5_700),
    ],
)
def test_a_message_is_hidden_while_lambda_may_work_on_it(stack, timeout, window, visibility):
    orders = StoredQueue(stack, "Orders", consumer=a_function(stack, timeout=timeout), batching_window=window)

    assert properties(stack, orders.queue)["VisibilityTimeout"] == visibility


def test_the_timeout_of_a_function_is_seen_behind_its_alias(stack):
    alias = lambda_.Alias(
        stack, "Live", alias_name="live", version=a_function(stack, timeout=Duration.seconds(50)).current_version
    )

    orders = StoredQueue(stack, "Orders", consumer=alias)

    assert properties(stack, orders.queue)["VisibilityTimeout"] == 300
    assert mapping(stack)["FunctionName"] == stack.resolve(alias.function_name)


def test_an_imported_function_may_be_the_consumer_when_the_visibility_is_given(stack):
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::123456789012:role/work")
    work = lambda_.Function.from_function_attributes(stack, "Work", function_arn=FUNCTION_ARN, role=role)

    orders = StoredQueue(stack, "Orders", consumer=work, visibility_timeout=Duration.minutes(6))

    assert properties(stack, orders.queue)["VisibilityTimeout"] == 360


def test_a_longer_visibility_may_be_asked_for(stack):
    orders = StoredQueue(stack, "Orders", consumer=a_function(stack), visibility_timeout=Duration.hours(12))

    assert properties(stack, orders.queue)["VisibilityTimeout"] == 43_200


def test_a_queue_without_a_consumer_is_left_to_others(stack):
    orders = StoredQueue(stack, "Orders")

    assert orders.mapping is None
    assert resources(stack, "AWS::Lambda::EventSourceMapping") == {}


def test_a_standard_state_machine_is_started_for_each_message(stack):
    machine = a_machine(stack)

    orders = StoredQueue(stack, "Orders", consumer=machine)

    starter = orders.node.find_child("Consumer").node.find_child("Function")
    function = properties(stack, starter)
    assert function["Handler"] == "lambdas.consumers.start_execution.handler"
    assert function["Environment"]["Variables"]["STATE_MACHINE_ARN"] == {"Ref": logical_id(stack, machine)}
    assert properties(stack, orders.queue)["VisibilityTimeout"] == 6 * function["Timeout"]
    assert mapping(stack)["FunctionName"] == {"Ref": logical_id(stack, starter)}
    granted = allowed(stack, starter.role)
    assert granted["states:StartExecution"] == [{"Ref": logical_id(stack, machine)}]
    assert "states:StartSyncExecution" not in granted


def test_an_express_state_machine_is_waited_for(stack):
    machine = a_machine(stack, EXPRESS)

    orders = StoredQueue(stack, "Orders", consumer=machine)

    runner = orders.node.find_child("Consumer").node.find_child("Function")
    function = properties(stack, runner)
    assert function["Handler"] == "lambdas.consumers.run_execution.handler"
    assert function["Timeout"] > 5 * 60
    assert properties(stack, orders.queue)["VisibilityTimeout"] == 6 * function["Timeout"]
    granted = allowed(stack, runner.role)
    assert granted["states:StartSyncExecution"] == [{"Ref": logical_id(stack, machine)}]
    assert "states:StartExecution" not in granted


def test_an_imported_state_machine_may_be_the_consumer(stack):
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:work"
    machine = sfn.StateMachine.from_state_machine_arn(stack, "Machine", arn)

    StoredQueue(stack, "Orders", consumer=machine)

    starters = resources(stack, "AWS::Lambda::Function").values()
    assert [it["Properties"]["Environment"]["Variables"]["STATE_MACHINE_ARN"] for it in starters] == [arn]


# Who is told


def alarms(stack):
    return {
        it["Properties"]["MetricName"]: it["Properties"] for it in resources(stack, "AWS::CloudWatch::Alarm").values()
    }


def test_an_operator_hears_of_the_first_dead_letter(stack):
    orders = StoredQueue(stack, "Orders")

    alarm = properties(stack, orders.dead_letter_alarm)
    dead_letters = {"Fn::GetAtt": [logical_id(stack, orders.dead_letter_queue), "QueueName"]}
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": dead_letters}]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["EvaluationPeriods"]) == ("Maximum", 1, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("timeout", "age", "threshold"),
    [
        (Duration.seconds(3), None, 900),
        (Duration.minutes(15), None, 2 * 6 * 900),
        (Duration.minutes(15), Duration.hours(1), 3_600),
    ],
)
def test_an_operator_hears_of_messages_that_wait_for_too_long(stack, timeout, age, threshold):
    orders = StoredQueue(stack, "Orders", consumer=a_function(stack, timeout=timeout), alarm_age=age)

    alarm = properties(stack, orders.age_alarm)
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateAgeOfOldestMessage", threshold)
    assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": [logical_id(stack, orders.queue), "QueueName"]}


def test_an_operator_hears_of_executions_that_fail_when_their_messages_are_gone(stack):
    machine = a_machine(stack)

    StoredQueue(stack, "Orders", consumer=machine)

    watched = alarms(stack)
    for metric in ("ExecutionsFailed", "ExecutionsTimedOut"):
        assert watched[metric]["Dimensions"][0]["Value"] == {"Ref": logical_id(stack, machine)}
        assert (watched[metric]["Statistic"], watched[metric]["Threshold"]) == ("Sum", 1)


def test_every_alarm_reaches_the_topic(stack):
    topic = sns.Topic(stack, "Topic")

    StoredQueue(stack, "Orders", consumer=a_machine(stack), alarm_topic=topic)

    told = {"Ref": logical_id(stack, topic)}
    for alarm in resources(stack, "AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == [told]
        assert alarm["Properties"]["OKActions"] == [told]


def test_what_is_going_on_can_be_put_on_a_dashboard(stack):
    orders = StoredQueue(stack, "Orders")

    metrics = [orders.metric_depth(), orders.metric_in_flight(), orders.metric_age_of_oldest()]

    assert [metric.metric_name for metric in metrics] == [
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateAgeOfOldestMessage",
    ]
    assert {metric.dimensions["QueueName"] for metric in metrics} == {orders.queue.queue_name}
    assert orders.metric_dead_letters().dimensions == {"QueueName": orders.dead_letter_queue.queue_name}


# An existing queue


def existing(stack, *, receives=5, **props):
    dead_letters = sqs.Queue(stack, "Existing dead letters", fifo=props.get("fifo"))
    redrive = sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=receives)
    return sqs.Queue(stack, "Existing", dead_letter_queue=redrive, **props)


def test_an_existing_queue_is_taken_as_it_is(stack):
    queue = existing(stack, visibility_timeout=Duration.minutes(1))

    orders = StoredQueue(stack, "Orders", queue=queue, consumer=a_function(stack))

    assert orders.queue is queue
    assert orders.dead_letter_queue.queue_arn == queue.dead_letter_queue.queue.queue_arn
    assert resources(stack, "AWS::SQS::Queue").keys() == {
        logical_id(stack, it) for it in (orders.queue, orders.dead_letter_queue)
    }


def test_an_existing_fifo_queue_needs_no_telling(stack):
    with pytest.raises(ValueError, match=r"batch_size must be 1 to 10, got 11\. The queue is FIFO\."):
        StoredQueue(stack, "Orders", queue=existing(stack, fifo=True), batch_size=11)


def test_an_imported_queue_is_watched_with_the_dead_letter_queue_that_is_named(stack):
    queue = sqs.Queue.from_queue_arn(stack, "Imported", QUEUE_ARN)
    dead_letters = sqs.Queue.from_queue_arn(stack, "Imported dead letters", f"{QUEUE_ARN}-dead")

    orders = StoredQueue(stack, "Orders", queue=queue, dead_letter_queue=dead_letters, consumer=a_function(stack))

    assert properties(stack, orders.dead_letter_alarm)["Dimensions"][0]["Value"] == "orders-dead"
    assert mapping(stack)["EventSourceArn"] == QUEUE_ARN


def test_a_visibility_that_only_deployment_knows_is_taken_on_trust(stack):
    seconds = CfnParameter(stack, "Seconds", type="Number").value_as_number
    queue = existing(stack, visibility_timeout=Duration.seconds(seconds))

    orders = StoredQueue(stack, "Orders", queue=queue, consumer=a_function(stack))

    assert properties(stack, orders.age_alarm)["Threshold"] == 900


def test_numbers_that_only_deployment_knows_are_taken_on_trust(stack):
    number = CfnParameter(stack, "Number", type="Number")

    StoredQueue(
        stack,
        "Orders",
        consumer=a_function(stack),
        batch_size=number.value_as_number,
        max_concurrency=number.value_as_number,
        max_receive_count=number.value_as_number,
    )

    assert mapping(stack)["BatchSize"] == {"Ref": "Number"}


# What cannot be


def refused(stack, **arguments):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the tests say what it must tell)
        StoredQueue(stack, "Orders", **arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"fifo": True, "batch_size": 11}, "batch_size must be 1 to 10, got 11."),
        ({"fifo": True, "batching_window": Duration.seconds(1)}, "batching_window is not for a FIFO queue"),
        ({"batch_size": 11}, "batch_size must be 1 to 10, got 11. Larger batches need a batching_window"),
        ({"batch_size": 0}, "batch_size must be 1 to 10,000, got 0."),
        ({"batch_size": 10_001, "batching_window": Duration.seconds(1)}, "batch_size must be 1 to 10,000, got 10,001."),
        ({"batching_window": Duration.seconds(301)}, "batching_window must be 0 seconds to 5 minutes"),
        ({"max_concurrency": 1}, "max_concurrency must be 2 to 1,000, got 1."),
        ({"max_concurrency": 1_001}, "max_concurrency must be 2 to 1,000, got 1,001."),
        ({"max_receive_count": 4}, "max_receive_count must be 5 to 1,000, got 4."),
        ({"max_receive_count": 1_001}, "max_receive_count must be 5 to 1,000, got 1,001."),
        ({"visibility_timeout": Duration.hours(13)}, "visibility_timeout must be 0 seconds to 12 hours, got 13 hours."),
    ],
)
def test_an_impossible_queue_is_an_error_that_names_the_argument(stack, arguments, told):
    assert refused(stack, **arguments).startswith(told)


def test_a_visibility_shorter_than_lambda_needs_is_refused(stack):
    work = a_function(stack, timeout=Duration.seconds(20))

    told = refused(stack, consumer=work, batching_window=Duration.seconds(5), visibility_timeout=Duration.seconds(124))

    assert told.startswith("visibility_timeout must be at least 6 times the consumer's timeout and the batching_window")
    assert "2 minutes 5 seconds, got 2 minutes 4 seconds" in told


def test_an_existing_queue_whose_visibility_is_too_short_is_refused(stack):
    work = a_function(stack, timeout=Duration.seconds(6))

    told = refused(stack, queue=existing(stack), consumer=work)

    assert told.startswith("queue's visibility_timeout must be at least")
    assert "36 seconds, got 30 seconds" in told, "SQS's own default"


def test_a_consumer_that_takes_longer_than_sqs_can_hide_a_message_is_refused(stack):
    work = a_function(stack, timeout=Duration.hours(2).plus(Duration.seconds(1)))

    assert refused(stack, consumer=work).startswith("consumer may take too long")


def test_the_visibility_must_be_given_when_the_consumer_s_timeout_is_not_known(stack):
    work = lambda_.Function.from_function_arn(stack, "Work", FUNCTION_ARN)

    assert refused(stack, consumer=work).startswith("visibility_timeout is needed")


@pytest.mark.parametrize(("fifo", "batch_size"), [(True, 2), (False, 11)])
def test_an_express_state_machine_takes_no_more_than_may_run_side_by_side(stack, fifo, batch_size):
    window = None if fifo else Duration.seconds(1)

    told = refused(stack, fifo=fifo, consumer=a_machine(stack, EXPRESS), batch_size=batch_size, batching_window=window)

    assert told.startswith(f"batch_size must be at most {1 if fifo else 10} here for an Express state machine")


def test_an_existing_queue_without_a_dead_letter_queue_is_refused(stack):
    assert refused(stack, queue=sqs.Queue(stack, "Bare")).startswith("queue must have a dead-letter queue")


def test_an_existing_queue_that_gives_up_too_soon_is_refused(stack):
    told = refused(stack, queue=existing(stack, receives=3))

    assert told.startswith("queue's max_receive_count must be 5 to 1,000, got 3.")


def test_an_imported_queue_must_come_with_its_dead_letter_queue(stack):
    queue = sqs.Queue.from_queue_arn(stack, "Imported", QUEUE_ARN)

    assert refused(stack, queue=queue).startswith("dead_letter_queue is needed with an imported queue")


def test_a_standard_queue_is_not_taken_for_a_fifo_one(stack):
    assert refused(stack, queue=existing(stack), fifo=True).startswith("fifo=True was given with a queue that is not")


@pytest.mark.parametrize(
    ("argument", "value"),
    [("visibility_timeout", Duration.minutes(1)), ("dead_letter_queue", ...), ("encryption_key", ...)],
)
def test_what_an_existing_queue_has_settled_is_not_asked_again(stack, argument, value):
    made = {"dead_letter_queue": lambda: sqs.Queue(stack, "Other"), "encryption_key": lambda: kms.Key(stack, "Key")}
    value = made[argument]() if value is ... else value

    assert refused(stack, queue=existing(stack), **{argument: value}).startswith(f"{argument} is ")


def test_a_new_queue_takes_no_dead_letter_queue_of_others(stack):
    assert refused(stack, dead_letter_queue=sqs.Queue(stack, "Other")).startswith("dead_letter_queue is for")
