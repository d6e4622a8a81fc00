"""What the library's job tracking asks of the emulator, and gets without a gap being closed."""

import json

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.local.sides import eventually, unique

CONDITIONAL = {
    "ConditionExpression": "attribute_not_exists(pk) OR #input = :input",
    "ExpressionAttributeNames": {"#input": "input"},
    "UpdateExpression": "SET #input = if_not_exists(#input, :input), id = if_not_exists(id, :id)",
}
INDEX = {
    "attributes": [
        {"AttributeName": "open", "AttributeType": "S"},
        {"AttributeName": "checkAt", "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "open",
            "KeySchema": [
                {"AttributeName": "open", "KeyType": "HASH"},
                {"AttributeName": "checkAt", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status"]},
        }
    ],
}


def accept(side, table, data, *, request="r-1", **more):
    return side.dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": "default#j-1"}},
        ExpressionAttributeValues={":input": {"S": data}, ":id": {"S": request}},
        ReturnValues="ALL_NEW",
        **CONDITIONAL,
        **more,
    )["Attributes"]


def test_the_same_request_again_changes_nothing_and_leaves_no_record(closed):
    table = closed.table()
    first = accept(closed, table, "{}")

    again = accept(closed, table, "{}", request="r-2")

    assert again == first
    assert len(closed.stream_records(table)) == 1


def test_a_refused_write_answers_with_the_item_that_refused_it(closed):
    table = closed.table()
    item = accept(closed, table, "{}")
    body = {
        "TableName": table,
        "Key": {"pk": {"S": "default#j-1"}},
        "ExpressionAttributeValues": {":input": {"S": "other"}, ":id": {"S": "r-2"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **CONDITIONAL,
    }
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.UpdateItem",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request",
    }

    answer = httpx.post(closed.endpoint, json=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["__type"].endswith("ConditionalCheckFailedException")
    assert answer.json()["Item"] == item


def test_an_index_holds_only_what_has_its_keys_and_sorts_it(closed):
    table = closed.table(**INDEX)
    for key, more in {
        "late": {"open": {"S": "1"}, "checkAt": {"S": "2026-11-21T20:12:30.000Z"}, "status": {"S": "Pending"}},
        "early": {"open": {"S": "1"}, "checkAt": {"S": "2026-11-21T20:12:29.123Z"}, "input": {"S": "{}"}},
        "done": {"status": {"S": "Succeeded"}},
    }.items():
        closed.dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, **more})

    due = closed.dynamodb.query(
        TableName=table,
        IndexName="open",
        KeyConditionExpression="#open = :shard AND checkAt <= :now",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":shard": {"S": "1"}, ":now": {"S": "2026-11-21T20:12:31.000Z"}},
    )["Items"]

    assert [item["pk"]["S"] for item in due] == ["early", "late"]
    assert all("input" not in item for item in due)


@pytest.mark.parametrize(
    ("integration", "error"),
    [
        ("aws-sdk:dynamodb:updateItem", "DynamoDb.ConditionalCheckFailedException"),
        ("dynamodb:updateItem", "DynamoDB.ConditionalCheckFailedException"),
    ],
)
def test_a_refused_write_fails_its_task_under_aws_s_name(closed, integration, error):
    update = {
        "QueryLanguage": "JSONata",
        "Type": "Task",
        "Resource": f"arn:aws:states:::{integration}",
        "Arguments": {
            "TableName": closed.table(),
            "Key": {"pk": {"S": "{% $states.context.Execution.Name %}"}},
            "UpdateExpression": "SET seen = :yes",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        },
        "End": True,
    }

    execution = closed.execution({"StartAt": "Update", "States": {"Update": update}})

    assert (execution["status"], execution["error"]) == ("FAILED", error)


def test_sdk_integrations_write_and_read_back(closed):
    table = closed.table()
    sdk = "arn:aws:states:::aws-sdk:dynamodb:"
    put = {"TableName": table, "Item": {"pk": {"S": "a"}}}
    batch = {"RequestItems": {table: [{"PutRequest": {"Item": {"pk": {"S": "b"}}}}]}}
    query = {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "b"}},
    }
    tasks = {
        "Put": ("putItem", put, "Batch"),
        "Batch": ("batchWriteItem", batch, "Query"),
        "Query": ("query", query, None),
    }
    states = {
        name: {
            "QueryLanguage": "JSONata",
            "Type": "Task",
            "Resource": sdk + action,
            "Arguments": arguments,
            **({"Next": following} if following else {"End": True}),
        }
        for name, (action, arguments, following) in tasks.items()
    }

    execution = closed.execution({"StartAt": "Put", "States": states})

    assert json.loads(execution["output"])["Items"] == [{"pk": {"S": "b"}}]
    assert len(closed.items(table)) == 2


def test_a_rule_tells_a_function_how_an_execution_ended(closed, tmp_path):
    events = tmp_path / "events"
    events.touch()
    source = """
import json, os, pathlib

def handler(event, context):
    with pathlib.Path(os.environ["EVENTS"]).open("a") as lines:
        lines.write(json.dumps(event) + "\\n")
"""
    function = closed.function(source, Environment={"Variables": {"EVENTS": str(events)}})
    machine = closed.machine(
        {
            "StartAt": "Ok",
            "States": {
                "Ok": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.ok", "BooleanEquals": True, "Next": "Yes"}],
                    "Default": "No",
                },
                "Yes": {"Type": "Pass", "Result": {"done": True}, "End": True},
                "No": {"Type": "Fail", "Error": "NoHoles", "Cause": "none here"},
            },
        }
    )
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]},
    }
    rule = unique("rule")
    closed.events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    closed.events.put_targets(Rule=rule, Targets=[{"Id": "f", "Arn": function}])

    for name, data in {"good": {"ok": True}, "bad": {"ok": False}}.items():
        closed.stepfunctions.start_execution(stateMachineArn=machine, name=name, input=json.dumps(data))

    eventually(lambda: len(events.read_text().splitlines()) == 2)
    details = {event["detail"]["name"]: event["detail"] for event in map(json.loads, events.read_text().splitlines())}
    assert details["good"]["status"] == "SUCCEEDED"
    assert details["good"]["output"] == '{"done": true}'
    assert details["good"]["input"] == '{"ok": true}'
    assert details["bad"]["status"] == "FAILED"
    assert (details["bad"]["error"], details["bad"]["cause"]) == ("NoHoles", "none here")


def test_an_unknown_execution_does_not_exist(closed):
    arn = closed.machine({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})

    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        closed.stepfunctions.describe_execution(executionArn=arn.replace(":stateMachine:", ":execution:") + ":nobody")


def test_a_function_reaches_only_the_local_cloud(closed):
    source = """
import boto3, os

def handler(event, context):
    client = boto3.client("dynamodb")
    return {
        "endpoint": client.meta.endpoint_url,
        "region": client.meta.region_name,
        "tables": client.list_tables()["TableNames"],
        "variables": sorted(os.environ),
    }
"""
    table = closed.table()

    answer = closed.lambda_.invoke(FunctionName=closed.function(source), Payload=b"{}")

    seen = json.loads(answer["Payload"].read())
    assert seen["endpoint"] == closed.endpoint
    assert seen["region"] == "us-east-1"
    assert table in seen["tables"]


def test_a_function_sees_nothing_of_the_user_s_environment(closed):
    answer = closed.lambda_.invoke(
        FunctionName=closed.function("import os\ndef handler(e, c): return sorted(os.environ)"), Payload=b"{}"
    )

    names = set(json.loads(answer["Payload"].read()))
    assert "PYTEST_CURRENT_TEST" not in names
    assert "AWS_PROFILE" not in names
