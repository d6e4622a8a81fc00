import pytest
from aws_cdk import App, CfnParameter, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from constructs_lib.device_topic import DeviceTopic
from constructs_lib.stored_queue import StoredQueue
from tests.constructs_lib.stored import allowed, logical_id, properties, resources, the_resource

FILTER = "fields/+/telemetry"


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def queue(stack):
    return StoredQueue(stack, "Queue")


def payload(stack):
    return the_resource(stack, "AWS::IoT::TopicRule")["TopicRulePayload"]


def arn(stack, construct):
    return {"Fn::GetAtt": [logical_id(stack, construct), "Arn"]}


def test_the_payload_is_stored_as_it_was_published(stack, queue):
    DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    assert payload(stack)["Sql"] == (
        "SELECT encode(*, 'base64') AS payload, topic() AS topic, clientid() AS clientId, "
        "timestamp() AS timestamp, traceid() AS traceId FROM 'fields/+/telemetry'"
    )
    assert payload(stack)["AwsIotSqlVersion"] == "2016-03-23"


def test_messages_go_to_the_queue(stack, queue):
    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    (action,) = payload(stack)["Actions"]
    assert action == {
        "Sqs": {
            "QueueUrl": {"Ref": logical_id(stack, queue.queue)},
            "RoleArn": arn(stack, fields.role),
            "UseBase64": False,
        }
    }


def test_messages_may_go_to_a_queue_of_any_kind(stack):
    queue = sqs.Queue(stack, "Plain")

    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    assert fields.queue is queue


def test_what_the_queue_does_not_take_is_put_aside(stack, queue):
    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    aside = properties(stack, fields.undelivered)
    assert payload(stack)["ErrorAction"]["Sqs"]["QueueUrl"] == {"Ref": logical_id(stack, fields.undelivered)}
    assert aside["MessageRetentionPeriod"] == 14 * 86_400
    assert aside["SqsManagedSseEnabled"] is True


def test_an_operator_hears_of_what_was_put_aside(stack, queue):
    topic = sns.Topic(stack, "Topic")

    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue, alarm_topic=topic)

    alarm = properties(stack, fields.undelivered_alarm)
    name = {"Fn::GetAtt": [logical_id(stack, fields.undelivered), "QueueName"]}
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": name}]
    assert alarm["Threshold"] == 1
    assert alarm["AlarmActions"] == [{"Ref": logical_id(stack, topic)}]


def test_the_rule_may_send_to_its_two_queues_and_nothing_else(stack, queue):
    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    assert allowed(stack, fields.role) == {"sqs:SendMessage": [arn(stack, queue.queue), arn(stack, fields.undelivered)]}


def test_the_rule_may_use_the_key_of_an_encrypted_queue(stack):
    key = kms.Key(stack, "Key")
    queue = StoredQueue(stack, "Queue", encryption_key=key)

    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    granted = allowed(stack, fields.role)
    assert granted["kms:Decrypt"] == granted["kms:GenerateDataKey"] == [arn(stack, key)]


def test_only_rules_of_this_account_may_take_the_role(stack, queue):
    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    (statement,) = properties(stack, fields.role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "iot.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_role_may_send_before_the_rule_is_live(stack, queue):
    DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)

    (rule,) = resources(stack, "AWS::IoT::TopicRule").values()
    assert set(rule["DependsOn"]) & resources(stack, "AWS::IAM::Policy").keys()


def test_what_was_put_aside_goes_when_it_is_told_to(stack, queue):
    fields = DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue, removal_policy=RemovalPolicy.DESTROY)

    queues = resources(stack, "AWS::SQS::Queue")
    assert queues[logical_id(stack, fields.undelivered)]["DeletionPolicy"] == "Delete"
    assert queues[logical_id(stack, queue.queue)]["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize(
    "topic_filter", ["a", "#", "+", "+/+/#", "a/b/c/d/e/f/g/h", "felder/größe", "$aws/things/+/shadow/update", "a//b"]
)
def test_every_topic_filter_is_taken(stack, queue, topic_filter):
    DeviceTopic(stack, "Fields", topic_filter=topic_filter, queue=queue)

    assert payload(stack)["Sql"].endswith(f" FROM '{topic_filter}'")


@pytest.mark.parametrize(
    ("topic_filter", "told"),
    [
        ("", "be 1 to 256 bytes long"),
        ("ü" * 129, "be 1 to 256 bytes long"),
        ("a/b/c/d/e/f/g/h/i", "have at most 7 slashes"),
        ("a' OR 1=1 --", "have no quote, backslash or control character"),
        ("a\\", "have no quote, backslash or control character"),
        ("a\n", "have no quote, backslash or control character"),
        ("a/b+/c", "have + and # as whole levels only"),
        ("a/b#", "have + and # as whole levels only"),
        ("a/#/b", "have # as its last level only"),
    ],
)
def test_what_is_no_topic_filter_is_refused(stack, queue, topic_filter, told):
    with pytest.raises(ValueError, match=r"topic_filter must .*, got ") as caught:
        DeviceTopic(stack, "Fields", topic_filter=topic_filter, queue=queue)

    assert told in str(caught.value)


def test_a_topic_filter_that_only_deployment_knows_is_refused(stack, queue):
    unknown = CfnParameter(stack, "Filter").value_as_string

    with pytest.raises(ValueError, match="topic_filter must be known at synth"):
        DeviceTopic(stack, "Fields", topic_filter=unknown, queue=queue)


def test_a_fifo_queue_is_refused(stack):
    queue = StoredQueue(stack, "Queue", fifo=True)

    with pytest.raises(ValueError, match="queue must be a standard queue"):
        DeviceTopic(stack, "Fields", topic_filter=FILTER, queue=queue)
