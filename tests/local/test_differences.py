import pytest

from storage_first.local.differences import differences


def kinesis(source):
    properties = {"EventSourceArn": {"Fn::GetAtt": ["Source", source]}, "StartingPosition": "LATEST"}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ({"Type": "AWS::Pipes::Pipe"}, "Pipes: "),
        ({"Type": "AWS::CloudWatch::Alarm"}, "CloudWatch: alarms"),
        ({"Type": "AWS::IAM::Role"}, "IAM: "),
        (kinesis("Arn"), "Kinesis: "),
        (
            {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python2.7"}},
            "Lambda: functions run on python3.",
        ),
        (
            {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": '{"Mode": "DISTRIBUTED"}'}},
            "Step Functions: a Distributed Map",
        ),
        ({"Type": "AWS::Events::Rule", "Properties": {"Targets": [{"RetryPolicy": {}}]}}, "EventBridge: "),
    ],
)
def test_a_difference_is_told_to_whom_it_concerns(resource, says):
    (told,) = differences([resource, resource])

    assert told.startswith(says)


@pytest.mark.parametrize(
    "resource",
    [
        {"Type": "AWS::SQS::Queue"},
        kinesis("StreamArn"),
        {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x"}},
        {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{}]}},
    ],
    ids=["queue", "table stream", "node", "plain rule"],
)
def test_what_works_as_on_aws_is_not_mentioned(resource):
    assert differences([resource]) == []
