"""Messages, records and executions, as the consumers' tests see them."""

import base64
import threading
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.models import stepfunctions_backends

REGION = "us-east-1"
MACHINE = f"arn:aws:states:{REGION}:{DEFAULT_ACCOUNT_ID}:stateMachine:Work"
SHARD = "shardId-000000000006"


def message(id: str = "m-1", body: str = "{}", group: str | None = None) -> dict[str, Any]:
    """A message, as Lambda hands it to the function of a queue."""
    attributes = {"ApproximateReceiveCount": "1"} | ({"MessageGroupId": group} if group else {})
    return {"messageId": id, "body": body, "attributes": attributes, "eventSource": "aws:sqs"}


def record(number: int = 1, data: bytes = b"{}", key: str = "page-1") -> dict[str, Any]:
    """A record, as Lambda hands it to the function of a stream."""
    sequence = str(number).zfill(56)
    return {
        "eventID": f"{SHARD}:{sequence}",
        "eventSource": "aws:kinesis",
        "kinesis": {"sequenceNumber": sequence, "partitionKey": key, "data": base64.b64encode(data).decode()},
    }


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


def failures(*records: dict[str, Any]) -> dict[str, Any]:
    """The answer that has just these delivered again."""
    items = [it["kinesis"]["sequenceNumber"] if "kinesis" in it else it["messageId"] for it in records]
    return {"batchItemFailures": [{"itemIdentifier": item} for item in items]}


class Executions:
    """The executions of the one Standard state machine, which run until they are ended."""

    def __call__(self) -> list[str]:
        return [execution.name for execution in self._all()]

    def input(self) -> str:
        (execution,) = self._all()
        return execution.execution_input

    def end(self) -> None:
        for execution in self._all():
            execution.status = "SUCCEEDED"

    def _all(self) -> list[Any]:
        (machine,) = stepfunctions_backends[DEFAULT_ACCOUNT_ID][REGION].state_machines
        return machine.executions


class ExpressMachine:
    """A state machine whose executions end as they are told to, once `together` of them run at the same time."""

    def __init__(self) -> None:
        self.inputs: dict[str, str] = {}
        self.ends: dict[str, str | Exception] = {}
        self.together = threading.Barrier(1)

    def start_sync_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        self.together.wait(timeout=10)
        self.inputs[name] = input
        end = self.ends.get(name, "SUCCEEDED")
        if isinstance(end, Exception):
            raise end
        return {"executionArn": name, "status": end, "error": "Boom", "cause": "It broke."}
