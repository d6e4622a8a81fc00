"""The table of holes and gophers, as the handlers use it."""

import os
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@cache
def dynamodb() -> "DynamoDBClient":
    """Open the client on first use, so that importing this module calls nothing."""
    return boto3.client("dynamodb", config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard"}))


def record_latest(key: str, kind: str, order: str, values: dict[str, dict[str, str]]) -> None:
    """Write what was seen of an entity, unless something later was written already: events can come twice.

    Args:
        key: The partition key of the entity.
        kind: What was seen, the sort key.
        order: What sorts as text in the order in which it was seen.
        values: What was seen, as DynamoDB's JSON.
    """
    names = {f"#{name}": name for name in (*values, "order")}
    assignments = ", ".join(f"{name} = :{name[1:]}" for name in names)
    try:
        dynamodb().update_item(
            TableName=os.environ["TABLE"],
            Key={"pk": {"S": key}, "sk": {"S": kind}},
            UpdateExpression=f"SET {assignments}",
            ConditionExpression="attribute_not_exists(#order) OR #order < :order",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":order": {"S": order}, **{f":{name}": value for name, value in values.items()}},
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        return
