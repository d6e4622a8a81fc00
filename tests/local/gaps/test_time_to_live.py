import json
import time

import pytest

from tests.local.sides import eventually

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "TimeToLiveSpecification": {"AttributeName": "expiresAt", "Enabled": True},
    },
}
GLOBAL_TABLE = {
    "Type": "AWS::DynamoDB::GlobalTable",
    "Properties": {**TABLE["Properties"], "Replicas": [{"Region": "us-east-1"}]},
}


def status(side, table):
    return side.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]


def put(side, table, key, expires_in):
    expires_at = {"N": str(int(time.time() + expires_in))}
    side.dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, "expiresAt": expires_at})


def test_the_bare_emulator_ignores_a_template_s_time_to_live(bare):
    table = bare.stack({"Table": TABLE})("Table")

    assert status(bare, table) == "DISABLED"


@pytest.mark.parametrize("resource", [TABLE, GLOBAL_TABLE], ids=["Table", "GlobalTable"])
def test_a_template_s_time_to_live_takes_effect(closed, resource):
    table = closed.stack({"Table": resource})("Table")

    assert status(closed, table) == "ENABLED"


def reader_of_expiry(side, table, calls):
    """Let a function note the keys of the items that DynamoDB itself deletes."""
    source = """
import os, pathlib

def handler(event, context):
    with pathlib.Path(os.environ["CALLS"]).open("a") as lines:
        for record in event["Records"]:
            lines.write(record["eventName"] + " " + record["dynamodb"]["OldImage"]["pk"]["S"] + "\\n")
"""
    pattern = {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}}
    side.lambda_.create_event_source_mapping(
        FunctionName=side.function(source, Environment={"Variables": {"CALLS": str(calls)}}),
        EventSourceArn=side.stream_of(table),
        StartingPosition="TRIM_HORIZON",
        FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
    )


def test_only_expired_items_go_with_a_record_that_names_the_service(closed, tmp_path):
    calls = tmp_path / "calls"
    calls.touch()
    table = closed.stack({"Table": TABLE})("Table")
    reader_of_expiry(closed, table, calls)
    put(closed, table, "deleted", 600)
    put(closed, table, "fresh", 600)

    closed.dynamodb.delete_item(TableName=table, Key={"pk": {"S": "deleted"}})
    put(closed, table, "expired", -1)

    eventually(lambda: calls.read_text() == "REMOVE expired\n")
    assert [item["pk"]["S"] for item in closed.items(table)] == ["fresh"]
