import pytest
from aws_cdk import App, CfnParameter, Duration, RemovalPolicy, Stack
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from constructs_lib.stored_stream import StoredStream
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

STREAM_ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
DAY = 86_400


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def work(stack):
    return a_function(stack)


def mapping(stack):
    return the_resource(stack, "AWS::Lambda::EventSourceMapping")


# What is stored


def test_records_are_kept_for_a_week_encrypted_at_any_rate(stack):
    clicks = StoredStream(stack, "Clicks")

    stream = properties(stack, clicks.stream)
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stream["RetentionPeriodHours"] == 7 * 24


def test_what_fails_is_under_the_same_key_as_the_stream_and_lambda_may_use_it(stack, work):
    key = kms.Key(stack, "Key")

    clicks = StoredStream(stack, "Clicks", consumer=work, encryption_key=key)

    arn = {"Fn::GetAtt": [logical_id(stack, key), "Arn"]}
    (rule,) = properties(stack, clicks.failures)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    assert properties(stack, clicks.stream)["StreamEncryption"]["KeyId"] == arn
    granted = allowed(stack, work.role)
    assert granted["kms:Decrypt"] == granted["kms:GenerateDataKey"] == [arn]


@pytest.mark.parametrize("policy", [RemovalPolicy.RETAIN, RemovalPolicy.DESTROY])
def test_records_stay_when_the_stack_goes_unless_told_otherwise(stack, work, policy):
    asked = {} if policy is RemovalPolicy.RETAIN else {"removal_policy": policy}
    StoredStream(stack, "Clicks", consumer=work, **asked)

    kept = {
        it["DeletionPolicy"]
        for kind in ("AWS::Kinesis::Stream", "AWS::S3::Bucket")
        for it in resources(stack, kind).values()
    }
    assert kept == {"Retain" if policy is RemovalPolicy.RETAIN else "Delete"}


# What fails


def test_a_bad_record_holds_its_shard_up_for_a_bounded_time(stack, work):
    StoredStream(stack, "Clicks", consumer=work)

    assert 0 < mapping(stack)["MaximumRetryAttempts"] <= 100
    assert mapping(stack)["BisectBatchOnFunctionError"] is True
    assert mapping(stack)["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize(
    ("kept", "age"),
    [(Duration.days(7), 7 * DAY - 3_600), (Duration.days(1), DAY - 3_600), (Duration.days(30), 7 * DAY)],
)
def test_a_record_is_put_aside_before_the_stream_forgets_it(stack, work, kept, age):
    StoredStream(stack, "Clicks", consumer=work, retention_period=kept)

    assert mapping(stack)["MaximumRecordAgeInSeconds"] == age


def test_what_is_put_aside_is_the_record_itself(stack, work):
    clicks = StoredStream(stack, "Clicks", consumer=work)

    bucket = logical_id(stack, clicks.failures)
    assert mapping(stack)["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": [bucket, "Arn"]}}}


def test_lambda_may_put_records_aside_and_not_look_at_or_delete_them(stack, work):
    clicks = StoredStream(stack, "Clicks", consumer=work)

    arn = {"Fn::GetAtt": [logical_id(stack, clicks.failures), "Arn"]}
    granted = {action: it for action, it in allowed(stack, work.role).items() if action.startswith("s3:")}
    assert granted == {"s3:ListBucket": [arn], "s3:PutObject": [{"Fn::Join": ["", [arn, "/aws/lambda/*"]]}]}


def test_what_is_put_aside_is_for_nobody_else(stack, work):
    clicks = StoredStream(stack, "Clicks", consumer=work)

    assert set(properties(stack, clicks.failures)["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = the_resource(stack, "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# Who works on it


def test_records_that_were_stored_before_the_consumer_was_there_are_read(stack, work):
    StoredStream(stack, "Clicks", consumer=work)

    assert mapping(stack)["StartingPosition"] == "TRIM_HORIZON"


def test_a_consumer_may_read_its_stream_only(stack, work):
    clicks = StoredStream(stack, "Clicks", consumer=work)

    arn = {"Fn::GetAtt": [logical_id(stack, clicks.stream), "Arn"]}
    granted = {action: it for action, it in allowed(stack, work.role).items() if action.startswith("kinesis:")}
    assert {"kinesis:GetRecords", "kinesis:GetShardIterator"} <= granted.keys()
    assert not {"kinesis:PutRecord", "kinesis:PutRecords", "kinesis:*"} & granted.keys()
    assert all(it == [arn] for it in granted.values())


def test_a_consumer_may_read_before_it_is_made_to(stack, work):
    StoredStream(stack, "Clicks", consumer=work)

    (it,) = resources(stack, "AWS::Lambda::EventSourceMapping").values()
    assert set(it["DependsOn"]) & resources(stack, "AWS::IAM::Policy").keys()


def test_batches_are_gathered_as_told(stack, work):
    StoredStream(
        stack,
        "Clicks",
        consumer=work,
        batch_size=10_000,
        batching_window=Duration.seconds(5),
        parallelization_factor=10,
        retry_attempts=3,
        max_record_age=Duration.minutes(1),
    )

    assert mapping(stack)["BatchSize"] == 10_000
    assert mapping(stack)["MaximumBatchingWindowInSeconds"] == 5
    assert mapping(stack)["ParallelizationFactor"] == 10
    assert mapping(stack)["MaximumRetryAttempts"] == 3
    assert mapping(stack)["MaximumRecordAgeInSeconds"] == 60


def test_a_standard_state_machine_is_started_for_each_record(stack):
    machine = a_machine(stack)

    clicks = StoredStream(stack, "Clicks", consumer=machine)

    starter = clicks.node.find_child("Consumer").node.find_child("Function")
    assert properties(stack, starter)["Handler"] == "lambdas.consumers.start_execution.handler"
    assert allowed(stack, starter.role)["states:StartExecution"] == [{"Ref": logical_id(stack, machine)}]


def test_an_express_state_machine_is_waited_for_one_record_at_a_time(stack):
    machine = a_machine(stack, EXPRESS)

    clicks = StoredStream(stack, "Clicks", consumer=machine, batch_size=1)

    runner = clicks.node.find_child("Consumer").node.find_child("Function")
    assert properties(stack, runner)["Handler"] == "lambdas.consumers.run_execution.handler"
    assert allowed(stack, runner.role)["states:StartSyncExecution"] == [{"Ref": logical_id(stack, machine)}]


def test_a_stream_without_a_consumer_is_left_to_others(stack):
    clicks = StoredStream(stack, "Clicks")

    assert (clicks.mapping, clicks.failures) == (None, None)
    assert resources(stack).keys() == {logical_id(stack, clicks.stream), logical_id(stack, clicks.age_alarm)}


# Who is told


@pytest.mark.parametrize(
    ("alarm", "metric"),
    [("failures_alarm", "OnFailureDestinationDeliveredEventCount"), ("lost_alarm", "DroppedEventCount")],
)
def test_an_operator_hears_of_records_that_are_given_up(stack, work, alarm, metric):
    clicks = StoredStream(stack, "Clicks", consumer=work)

    watched = properties(stack, getattr(clicks, alarm))
    assert (watched["Namespace"], watched["MetricName"]) == ("AWS/Lambda", metric)
    uuid = {"Ref": logical_id(stack, clicks.mapping)}
    assert watched["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": uuid}]
    assert (watched["Statistic"], watched["Threshold"]) == ("Sum", 1)
    assert mapping(stack)["MetricsConfig"] == {"Metrics": ["EventCount"]}, "off without it"


def test_an_operator_is_reminded_of_records_that_were_not_sent_again(stack, work):
    clicks = StoredStream(stack, "Clicks", consumer=work)

    watched = properties(stack, clicks.left_alarm)
    assert (watched["Namespace"], watched["MetricName"]) == ("AWS/S3", "NumberOfObjects")
    assert {"Name": "BucketName", "Value": {"Ref": logical_id(stack, clicks.failures)}} in watched["Dimensions"]
    assert (watched["Period"], watched["Threshold"]) == (DAY, 1)


@pytest.mark.parametrize(("has_consumer", "nobody_reads"), [(True, "breaching"), (False, "notBreaching")])
def test_an_operator_hears_of_records_that_are_read_too_late_or_by_nobody(stack, work, has_consumer, nobody_reads):
    clicks = StoredStream(stack, "Clicks", consumer=work if has_consumer else None, alarm_age=Duration.minutes(2))

    watched = properties(stack, clicks.age_alarm)
    assert (watched["MetricName"], watched["Statistic"]) == ("GetRecords.IteratorAgeMilliseconds", "Maximum")
    assert watched["Threshold"] == 120_000
    assert watched["TreatMissingData"] == nobody_reads


def test_every_alarm_reaches_the_topic(stack):
    topic = sns.Topic(stack, "Topic")

    StoredStream(stack, "Clicks", consumer=a_machine(stack), alarm_topic=topic)

    told = {"Ref": logical_id(stack, topic)}
    for alarm in resources(stack, "AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == [told]
        assert alarm["Properties"]["OKActions"] == [told]


def test_what_is_going_on_can_be_put_on_a_dashboard(stack):
    clicks = StoredStream(stack, "Clicks")

    metrics = [clicks.metric_iterator_age(), clicks.metric_incoming_records()]

    assert [metric.metric_name for metric in metrics] == ["GetRecords.IteratorAgeMilliseconds", "IncomingRecords"]
    assert {metric.dimensions["StreamName"] for metric in metrics} == {clicks.stream.stream_name}


# An existing stream


def test_an_existing_stream_is_taken_as_it_is(stack, work):
    stream = kinesis.Stream(stack, "Existing", retention_period=Duration.days(2))

    clicks = StoredStream(stack, "Clicks", stream=stream, consumer=work)

    assert clicks.stream is stream
    assert resources(stack, "AWS::Kinesis::Stream").keys() == {logical_id(stack, stream)}
    assert mapping(stack)["MaximumRecordAgeInSeconds"] == 2 * DAY - 3_600


def test_an_imported_stream_is_taken_to_keep_records_for_a_day(stack, work):
    stream = kinesis.Stream.from_stream_arn(stack, "Imported", STREAM_ARN)

    StoredStream(stack, "Clicks", stream=stream, consumer=work)

    assert mapping(stack)["EventSourceArn"] == STREAM_ARN
    assert mapping(stack)["MaximumRecordAgeInSeconds"] == DAY - 3_600


def test_numbers_that_only_deployment_knows_are_taken_on_trust(stack, work):
    number = CfnParameter(stack, "Number", type="Number").value_as_number

    StoredStream(
        stack, "Clicks", consumer=work, batch_size=number, parallelization_factor=number, retry_attempts=number
    )

    assert mapping(stack)["ParallelizationFactor"] == {"Ref": "Number"}


def test_a_retention_that_only_deployment_knows_is_taken_for_the_shortest(stack, work):
    hours = CfnParameter(stack, "Hours", type="Number").value_as_number

    StoredStream(stack, "Clicks", consumer=work, retention_period=Duration.hours(hours))

    assert mapping(stack)["MaximumRecordAgeInSeconds"] == DAY - 3_600


# What cannot be


def refused(stack, **arguments):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the tests say what it must tell)
        StoredStream(stack, "Clicks", **arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"batch_size": 0}, "batch_size must be 1 to 10,000, got 0."),
        ({"batch_size": 10_001}, "batch_size must be 1 to 10,000, got 10,001."),
        ({"batching_window": Duration.seconds(301)}, "batching_window must be 0 seconds to 5 minutes"),
        ({"parallelization_factor": 0}, "parallelization_factor must be 1 to 10, got 0."),
        ({"parallelization_factor": 11}, "parallelization_factor must be 1 to 10, got 11."),
        ({"retry_attempts": -1}, "retry_attempts must be 0 to 10,000, got -1."),
        ({"retry_attempts": 10_001}, "retry_attempts must be 0 to 10,000, got 10,001."),
        ({"max_record_age": Duration.seconds(30)}, "max_record_age must be 1 minute to 7 days, got 30 seconds."),
        ({"max_record_age": Duration.days(8)}, "max_record_age must be 1 minute to 7 days, got 8 days."),
        ({"max_record_age": Duration.days(7)}, "max_record_age must be less than the stream keeps records, 7 days"),
        ({"retention_period": Duration.hours(23)}, "retention_period must be 1 day to 365 days, got 23 hours."),
        ({"retention_period": Duration.days(366)}, "retention_period must be 1 day to 365 days, got 366 days."),
    ],
)
def test_an_impossible_stream_is_an_error_that_names_the_argument(stack, arguments, told):
    assert refused(stack, **arguments).startswith(told)


def test_a_record_that_an_existing_stream_would_have_forgotten_is_refused(stack):
    stream = kinesis.Stream(stack, "Existing")

    told = refused(stack, stream=stream, max_record_age=Duration.days(1))

    assert told.startswith("max_record_age must be less than the stream keeps records, 1 day, got 1 day")


def test_an_express_state_machine_takes_one_record_at_a_time(stack):
    told = refused(stack, consumer=a_machine(stack, EXPRESS), batch_size=2)

    assert told.startswith("batch_size must be at most 1 here for an Express state machine, got 2")


@pytest.mark.parametrize("argument", ["retention_period", "encryption_key"])
def test_what_an_existing_stream_has_settled_is_not_asked_again(stack, argument):
    value = kms.Key(stack, "Key") if argument == "encryption_key" else Duration.days(2)

    told = refused(stack, stream=kinesis.Stream(stack, "Existing"), **{argument: value})

    assert told == f"{argument} is up to the existing stream."
