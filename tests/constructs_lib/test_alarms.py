import json

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from constructs_lib.alarms import AlarmTopic, create_alarm, notify
from tests.constructs_lib.stored import logical_id, properties, resources, the_resource

TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alarms"


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


def an_alarm(stack, topic=None):
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Complaints", period=Duration.minutes(1))
    return create_alarm(stack, "Alarm", metric=metric, threshold=3, description="Somebody complains.", topic=topic)


def key_policy(stack):
    return the_resource(stack, "AWS::KMS::Key")["KeyPolicy"]["Statement"]


def of_service(statements, service):
    return [it for it in statements if it["Principal"] == {"Service": f"{service}.amazonaws.com"}]


@pytest.mark.parametrize("service", ["cloudwatch", "events"])
def test_the_publishers_of_alarms_may_use_the_key_of_the_topic(stack, service):
    alarms = AlarmTopic(stack, "Alarms")

    (statement,) = of_service(key_policy(stack), service)
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["kms:Decrypt", "kms:GenerateDataKey*"])
    assert "Condition" not in statement, "CloudWatch is not known to meet any"
    key = properties(stack, alarms.topic)["KmsMasterKeyId"]
    assert key == {"Fn::GetAtt": [logical_id(stack, alarms.key), "Arn"]}


@pytest.mark.parametrize("service", ["cloudwatch", "events"])
def test_the_publishers_of_alarms_may_publish_for_this_account(stack, service):
    alarms = AlarmTopic(stack, "Alarms")

    policy = the_resource(stack, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (statement,) = of_service(policy, service)
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sns:Publish")
    assert statement["Resource"] == {"Ref": logical_id(stack, alarms.topic)}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_nobody_publishes_over_plain_http(stack):
    AlarmTopic(stack, "Alarms")

    policy = the_resource(stack, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (statement,) = [it for it in policy if it["Effect"] == "Deny"]
    assert statement["Action"] == "sns:Publish"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_key_is_rotated(stack):
    AlarmTopic(stack, "Alarms")

    assert the_resource(stack, "AWS::KMS::Key")["EnableKeyRotation"] is True


def test_the_key_goes_when_it_is_told_to(stack):
    AlarmTopic(stack, "Alarms", removal_policy=RemovalPolicy.DESTROY)

    (key,) = resources(stack, "AWS::KMS::Key").values()
    assert key["DeletionPolicy"] == "Delete"


def test_a_topic_is_told_of_the_beginning_and_the_end(stack):
    topic = sns.Topic(stack, "Topic")

    alarm = an_alarm(stack, topic)

    told = [{"Ref": logical_id(stack, topic)}]
    assert properties(stack, alarm)["AlarmActions"] == told
    assert properties(stack, alarm)["OKActions"] == told


def test_an_alarm_without_a_topic_tells_nobody(stack):
    alarm = an_alarm(stack)

    assert not {"AlarmActions", "OKActions"} & properties(stack, alarm).keys()


def test_an_alarm_is_raised_when_the_threshold_is_reached(stack):
    alarm = properties(stack, an_alarm(stack))

    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (3, "GreaterThanOrEqualToThreshold")


def test_cloudwatch_may_use_the_key_of_a_topic_of_the_app_s_own(stack):
    topic = sns.Topic(stack, "Topic", master_key=kms.Key(stack, "Key"))

    notify(an_alarm(stack), topic)

    assert len(of_service(key_policy(stack), "cloudwatch")) == 1
    assert of_service(key_policy(stack), "events") == []


def test_many_alarms_are_one_statement_in_the_key_s_policy(stack):
    alarms = AlarmTopic(stack, "Alarms")

    for id in ("One", "Two"):
        notify(
            cloudwatch.Alarm(
                stack, id, metric=cloudwatch.Metric(namespace="Shop", metric_name=id), threshold=1, evaluation_periods=1
            ),
            alarms.topic,
        )

    assert len(of_service(key_policy(stack), "cloudwatch")) == 1


def test_an_imported_topic_is_left_as_it_is(stack):
    topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN)

    alarm = an_alarm(stack, topic)

    assert properties(stack, alarm)["AlarmActions"] == [TOPIC_ARN]
    assert resources(stack).keys() == {logical_id(stack, alarm)}, json.dumps(resources(stack))
