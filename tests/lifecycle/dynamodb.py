"""The emulator's DynamoDB, without the way there through HTTP, which takes longer than what it does."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.responses import DynamoHandler

from tests.lifecycle.app import ACCOUNT, REGION, TABLE


def call(operation: str, arguments: Mapping[str, Any]) -> Any:
    """Call one operation as botocore does, with the same answers and errors."""
    handler = DynamoHandler()
    handler.current_account, handler.region, handler.body = ACCOUNT, REGION, arguments
    try:
        return getattr(handler, camelcase_to_underscores(operation))().result
    except JsonRESTError as error:
        told = json.loads(error.description)
        answer = {"Error": {"Code": told.pop("__type").partition("#")[2], "Message": told.pop("message")}, **told}
        raise ClientError(answer, operation) from error


def item(key: str) -> Mapping[str, Any] | None:
    """Read an item."""
    found = _backend().get_item(TABLE, {"pk": {"S": key}})
    return found.to_json()["Attributes"] if found else None


def items() -> list[Mapping[str, Any]]:
    """Read all items."""
    return [item.to_json()["Attributes"] for item in _backend().get_table(TABLE).all_items()]


def _backend() -> Any:
    return dynamodb_backends[ACCOUNT][REGION]
