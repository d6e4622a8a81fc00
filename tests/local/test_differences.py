import pytest

from storage_first.local.differences import differences


def mapping(**properties):
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"StartingPosition": "LATEST", **properties}}


@pytest.mark.parametrize(
    ("resource", "says"),
    [
        ({"Type": "AWS::Pipes::Pipe"}, "Pipes: "),
        ({"Type": "AWS::CloudWatch::Alarm"}, "CloudWatch: alarms"),
        ({"Type": "AWS::IAM::Role"}, "IAM: "),
        ({"Type": "AWS::Kinesis::Stream", "Properties": {"MaxRecordSizeInKiB": 10_240}}, "Kinesis: records of more"),
        (mapping(TumblingWindowInSeconds=30), "Lambda: an event source mapping keeps no state"),
        (
            {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "python2.7"}},
            "Lambda: functions run on python3.",
        ),
        (
            {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": '{"Mode": "DISTRIBUTED"}'}},
            "Step Functions: a Distributed Map",
        ),
        (
            {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}},
            "API Gateway: WebSocket connections",
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
        {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        mapping(MaximumBatchingWindowInSeconds=5, MaximumRetryAttempts=3),
        {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x"}},
        {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{}]}},
        {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "HTTP"}},
    ],
    ids=["queue", "stream", "mapping", "node", "plain rule", "HTTP API"],
)
def test_what_works_as_on_aws_is_not_mentioned(resource):
    assert differences([resource]) == []
