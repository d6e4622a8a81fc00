import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from constructs_lib.alarms import AlarmTopic
from constructs_lib.job_notifications.topic import notify
from tests.constructs_lib.stored import logical_id, properties, resources, the_resource


class Jobs(Construct):
    """What `notify` needs of a tracker."""

    def __init__(self, scope):
        super().__init__(scope, "Jobs")
        self.bus = events.EventBus(self, "Bus")


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def jobs(stack):
    return Jobs(stack)


def test_a_topic_is_told_of_every_change_of_status(stack, jobs):
    topic = sns.Topic(stack, "Topic")

    told = notify(jobs, topic)

    rule = properties(stack, told.rule)
    assert rule["EventBusName"] == {"Ref": logical_id(stack, jobs.bus)}
    assert rule["EventPattern"] == {"source": ["storage-first"], "detail-type": ["Job Status Changed"]}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": logical_id(stack, topic)}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [logical_id(stack, told.dead_letter_queue), "Arn"]}}


def test_eventbridge_may_publish_and_use_the_topic_s_key(stack, jobs):
    notify(jobs, sns.Topic(stack, "Topic", master_key=kms.Key(stack, "Key")))

    policies = [
        the_resource(stack, "AWS::SNS::TopicPolicy")["PolicyDocument"],
        the_resource(stack, "AWS::KMS::Key")["KeyPolicy"],
    ]
    publish, use = (
        statement["Action"]
        for policy in policies
        for statement in policy["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    )
    assert publish == "sns:Publish"
    assert set(use) == {"kms:Decrypt", "kms:GenerateDataKey*"}


def test_an_alarm_topic_can_be_told(stack, jobs):
    alarms = AlarmTopic(stack, "Alarms")

    told = notify(jobs, alarms, alarm_topic=alarms)

    topic = {"Ref": logical_id(stack, alarms.topic)}
    assert properties(stack, told.rule)["Targets"][0]["Arn"] == topic
    assert properties(stack, told.dead_letter_alarm)["AlarmActions"] == [topic]


def test_an_imported_topic_keeps_its_policy(stack, jobs):
    arn = "arn:aws:sns:us-east-1:123456789012:jobs"

    notify(jobs, sns.Topic.from_topic_arn(stack, "Topic", arn))

    assert resources(stack, "AWS::SNS::TopicPolicy") == {}


def test_several_topics_can_be_told(stack, jobs):
    first, second = (notify(jobs, sns.Topic(stack, id)) for id in ("One", "Two"))

    assert logical_id(stack, first.rule) != logical_id(stack, second.rule)


def test_a_topic_is_told_once(stack, jobs):
    topic = sns.Topic(stack, "Topic")
    notify(jobs, topic)

    with pytest.raises(ValueError, match=r"^topic Stack/Topic is told of the jobs of Stack/Jobs already"):
        notify(jobs, topic)


def test_a_fifo_topic_is_refused(stack, jobs):
    with pytest.raises(ValueError, match=r"^topic must be a standard topic"):
        notify(jobs, sns.Topic(stack, "Topic", fifo=True))
