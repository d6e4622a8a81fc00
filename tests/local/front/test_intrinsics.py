import pytest

from storage_first.local.front.intrinsics import DeployedStack, Resolver

TEMPLATE = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "default"},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
    },
    "Mappings": {"Sizes": {"eu": {"small": "1"}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Name"}, "given"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    },
    "Resources": {
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine"},
        "Nested": {"Type": "AWS::CloudFormation::Stack"},
    },
}


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(
        DeployedStack(
            name="App",
            template=TEMPLATE,
            physical_ids={
                "Table": "App-Table-1",
                "Queue": "http://127.0.0.1:4566/000000000000/jobs",
                "Machine": "arn:aws:states:us-east-1:000000000000:stateMachine:work",
                "Nested": "arn:nested",
            },
            parameters={"Name": "given"},
            exports={"shared": "value"},
            attributes={"Nested.Outputs.Url": "http://nested"},
            region="eu-west-1",
            account="123456789012",
        )
    )


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("plain", "plain"),
        ({"Ref": "Table"}, "App-Table-1"),
        ({"Ref": "Name"}, "given"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Ref": "AWS::StackName"}, "App"),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:aws:dynamodb:eu-west-1:123456789012:table/App-Table-1"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:aws:sqs:eu-west-1:123456789012:jobs"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "jobs"),
        ({"Fn::GetAtt": ["Machine", "Name"]}, "work"),
        ({"Fn::GetAtt": ["Nested", "Outputs.Url"]}, "http://nested"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Table"}, {"Ref": "AWS::NoValue"}]]}, "a-App-Table-1"),
        (
            {"Fn::Sub": "${Table}/${!Literal}/${AWS::Region}/${Queue.QueueName}"},
            "App-Table-1/${Literal}/eu-west-1/jobs",
        ),
        ({"Fn::Sub": ["${a}-${Table}", {"a": {"Ref": "Name"}}]}, "given-App-Table-1"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "a/b/c"]}]}, "b"),
        ({"Fn::Select": ["0", {"Ref": "Zones"}]}, "a"),
        ({"Fn::FindInMap": ["Sizes", "eu", "small"]}, "1"),
        ({"Fn::ImportValue": {"Fn::Sub": "shared"}}, "value"),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", "then", {"Ref": "AWS::NoValue"}]}, None),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Table"}}}, '{"a":"App-Table-1"}'),
        ({"a": [{"Ref": "Table"}, {"Ref": "AWS::NoValue"}], "b": {"Ref": "AWS::NoValue"}}, {"a": ["App-Table-1"]}),
        ({"Condition": {"StringEquals": {"a": {"Ref": "Name"}}}}, {"Condition": {"StringEquals": {"a": "given"}}}),
    ],
)
def test_values_are_what_was_deployed(resolver: Resolver, value, resolved):
    result = resolver.resolve({"value": value}).get("value")

    assert result == resolved
    assert not resolver.problems


@pytest.mark.parametrize(
    "value", [{"Fn::GetAtt": ["Table", "Strange"]}, {"Ref": "Absent"}, {"Fn::ImportValue": "absent"}]
)
def test_what_is_not_known_is_named_rather_than_guessed(resolver: Resolver, value):
    result = resolver.resolve(value)

    assert result.startswith("unknown:")
    assert len(resolver.problems) == 1
