"""Jobs, their executions and their bus, as the handlers' tests see them."""

import hashlib
import itertools
import json
import re
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.models import stepfunctions_backends

from lambdas import clients

TABLE = "jobs"
BUS = "jobs"
REGION = "us-east-1"
MACHINE = f"arn:aws:states:{REGION}:{DEFAULT_ACCOUNT_ID}:stateMachine:AddGopher"

_sequence = itertools.count(100_000)


def ago(**span: float) -> str:
    time = datetime.now(UTC) - timedelta(**span)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


CREATED = ago(minutes=45)  # all jobs, if nothing else is said


def execution_name(job: dict[str, Any]) -> str:
    known = f"{job['pk']} {job['createdAt']}"
    digest = b32encode(hashlib.sha256(known.encode()).digest()[:15]).decode().lower()
    return f"{job['id'][:40]}-{job['attempt']}-{digest}"


def execution_arn(name: str, machine: str = MACHINE) -> str:
    """The ARN of an execution by its short name, without the digest: `j-1-1` is the first attempt of `j-1`."""
    id, _, attempt = name.rpartition("-")
    return of_name(execution_name(pending(id, attempt=int(attempt))), machine)


def of_name(name: str, machine: str = MACHINE) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def _short(name: str) -> str:
    return re.sub("-[a-z2-7]{24}$", "", name)


def pending(id: str = "j-1", /, **changes: Any) -> dict[str, Any]:
    """A job as API Gateway stores it; None takes an attribute away."""
    time = ago(seconds=1)
    job = {
        "pk": f"default#{id}",
        "id": id,
        "tenant": "default",
        "type": "AddGopher",
        "status": "Pending",
        "attempt": 1,
        "version": 1,
        "createdAt": CREATED,
        "updatedAt": time,
        "requestId": "r-1",
        "input": '{"name": "Gordon"}',
        "open": "3",
        "checkAt": time,
    }
    return {name: value for name, value in (job | changes).items() if value is not None}


def in_progress(id: str = "j-1", /, **changes: Any) -> dict[str, Any]:
    """A job that was claimed a while ago, and is due to be looked at."""
    claimed = {
        "status": "In Progress",
        "version": 2,
        "startedAt": ago(minutes=30),
        "executionArn": execution_arn(f"{id}-1"),
        "checkAt": ago(minutes=20),
    }
    return pending(id, **(claimed | changes))


def of_tenant(tenant: str, id: str = "j-1", /, **changes: Any) -> dict[str, Any]:
    """A job of a tenant, as API Gateway stores it."""
    return pending(id, pk=f"{tenant}#{id}", tenant=tenant, **changes)


def image(job: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in job.items()}


def record(new: dict[str, Any] | None, old: dict[str, Any] | None = None) -> dict[str, Any]:
    """A stream record, as Lambda hands it to the reader."""
    change: dict[str, Any] = {"SequenceNumber": str(next(_sequence))}
    for name, job in (("NewImage", new), ("OldImage", old)):
        if job is not None:
            change[name] = image(job)
    kind = "REMOVE" if new is None else "MODIFY" if old else "INSERT"
    return {"eventName": kind, "eventSource": "aws:dynamodb", "dynamodb": change}


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


def failures(*records: dict[str, Any]) -> dict[str, Any]:
    """The answer that sends just these records again."""
    return {"batchItemFailures": [{"itemIdentifier": it["dynamodb"]["SequenceNumber"]} for it in records]}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "for the test"}}, "Operation")


class Jobs:
    """The table of jobs."""

    def put(self, job: dict[str, Any]) -> dict[str, Any]:
        clients.dynamodb().put_item(TableName=TABLE, Item=image(job))
        return job

    def get(self, id: str = "j-1", tenant: str = "default") -> dict[str, Any]:
        answer = clients.dynamodb().get_item(TableName=TABLE, Key={"pk": {"S": f"{tenant}#{id}"}})
        return {name: TypeDeserializer().deserialize(value) for name, value in answer["Item"].items()}

    def has(self, id: str) -> bool:
        return "Item" in clients.dynamodb().get_item(TableName=TABLE, Key={"pk": {"S": f"default#{id}"}})

    def change(self, id: str = "j-1", **changes: Any) -> None:
        self.put(self.get(id) | changes)


class Executions:
    """The executions of the one workflow, which run until they are ended; by their names without the digest."""

    def __call__(self) -> list[str]:
        return sorted(_short(name) for name in self.names())

    def names(self) -> list[str]:
        return [execution.name for execution in self._all()]

    def status(self, name: str = "j-1-1") -> str:
        return self._named(name).status

    def input(self, name: str = "j-1-1") -> str:
        return self._named(name).execution_input

    def start(self, name: str = "j-1-1", input: str = "{}") -> str:
        whole = execution_arn(name).rpartition(":")[2]
        return clients.stepfunctions().start_execution(stateMachineArn=MACHINE, name=whole, input=input)["executionArn"]

    def end(self, name: str = "j-1-1", status: str = "SUCCEEDED", **outcome: Any) -> None:
        execution = self._named(name)
        execution.status = status
        for attribute, value in outcome.items():
            setattr(execution, attribute, value)

    def age(self, name: str, **span: float) -> None:
        self._named(name).start_date = datetime.now(UTC) - timedelta(**span)

    def _named(self, name: str) -> Any:
        return next(execution for execution in self._all() if name in {execution.name, _short(execution.name)})

    def _all(self) -> list[Any]:
        (machine,) = stepfunctions_backends[DEFAULT_ACCOUNT_ID][REGION].state_machines
        return machine.executions


@dataclass
class Bus:
    """The event bus, which can be made to refuse."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0
    refused: set[tuple[str, int]] = field(default_factory=set)  # (job id, version)
    down: bool = False

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  (as AWS spells it)
        self.calls += 1
        if self.down:
            raise refusal("InternalException")
        answers = []
        for entry in Entries:
            detail = json.loads(entry["Detail"])
            if (detail["id"], detail["version"]) in self.refused:
                answers.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "for the test"})
            else:
                self.entries.append(entry)
                answers.append({"EventId": "e"})
        return {"FailedEntryCount": 0, "Entries": answers}

    @property
    def told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in self.entries]


@dataclass
class Context:
    """What Lambda tells a function about its invocation."""

    remaining_ms: int = 120_000
    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms
