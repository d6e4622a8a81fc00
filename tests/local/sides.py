"""Two emulators to hold against each other, and short ways to put things into them."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from storage_first.local.aws import client
from storage_first.local.environment import essential

TIMEOUT = 30.0
ROLE = "arn:aws:iam::000000000000:role/any"


def eventually(probe: Callable[[], Any], *, timeout: float = TIMEOUT, why: str = "the condition") -> Any:
    """Wait until `probe` answers something true, and return it."""
    deadline = time.monotonic() + timeout
    while not (result := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{why} did not come true within {timeout} s")
        time.sleep(0.02)
    return result


@dataclass
class Side:
    """An emulator, and short ways to put things into it."""

    endpoint: str
    clients: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, service: str) -> Any:
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self.clients:
            self.clients[service] = client({"lambda_": "lambda"}.get(service, service), self.endpoint)
        return self.clients[service]

    def function(self, source: str, *, timeout: int = 10, **settings: Any) -> str:
        """Deploy `source` as a function, and return its ARN."""
        return self.lambda_.create_function(
            FunctionName=unique("f"),
            Runtime="python3.12",
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": _zip(source)},
            Timeout=timeout,
            **settings,
        )["FunctionArn"]

    def machine(self, definition: dict[str, Any], **settings: Any) -> str:
        return self.stepfunctions.create_state_machine(
            name=unique("m"), definition=json.dumps(definition), roleArn=ROLE, **settings
        )["stateMachineArn"]

    def execution(self, definition: dict[str, Any], data: Any = None) -> dict[str, Any]:
        """Run a machine to its end, and describe the execution."""
        arn = self.stepfunctions.start_execution(stateMachineArn=self.machine(definition), input=json.dumps(data or {}))
        return self.ended(arn["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        def describe() -> dict[str, Any] | None:
            found = self.stepfunctions.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return eventually(describe, why="the end of the execution")

    def table(self, *, stream: bool = True, **more: Any) -> str:
        name = unique("t")
        self.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, *more.pop("attributes", [])],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={
                "StreamEnabled": stream,
                **({"StreamViewType": "NEW_AND_OLD_IMAGES"} if stream else {}),
            },
            **more,
        )
        return name

    def stream_of(self, table: str) -> str:
        return self.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]

    def stream_records(self, table: str) -> list[dict[str, Any]]:
        """All records of a table's stream."""
        arn = self.stream_of(table)
        shards = self.dynamodbstreams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        records = []
        for shard in shards:
            iterator = self.dynamodbstreams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            records += self.dynamodbstreams.get_records(ShardIterator=iterator)["Records"]
        return records

    def items(self, table: str) -> list[dict[str, Any]]:
        return self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]

    def stack(self, resources: dict[str, Any]) -> Callable[[str], str]:
        """Deploy a stack, and return what finds the physical id of one of its resources."""
        name = unique("s")
        self.cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))

        def created() -> bool:
            stack = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            assert "FAILED" not in stack["StackStatus"], stack
            assert "ROLLBACK" not in stack["StackStatus"], stack
            return stack["StackStatus"] == "CREATE_COMPLETE"

        eventually(created, why="the stack")
        return lambda logical_id: self.cloudformation.describe_stack_resource(
            StackName=name, LogicalResourceId=logical_id
        )["StackResourceDetail"]["PhysicalResourceId"]


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@cache
def _zip(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def bare_emulator(directory: Path, **settings: str) -> Iterator[Side]:
    """The pinned emulator as it is, with no gap closed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {
        **essential(),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        "TMPDIR": str(directory),
        **settings,
    }
    command = [sys.executable, "-m", "ministack"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, env=environ, stdout=log, stderr=log, start_new_session=True)
    try:
        eventually(lambda: listens(port), why="the bare emulator")
        yield Side(f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
