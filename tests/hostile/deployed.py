"""The hostile app on the local cloud: what callers send over HTTP, and what is in the stores then."""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from storage_first.local.cloud import LocalCloud
from tests.hostile.calls import BENIGN

Record = Mapping[str, Any]

S3 = "PUT /s3/{name}"
ROUTES = [*BENIGN, S3]
_SENDERS = 8


class Deployed:
    """A client of the app, and of its stores."""

    def __init__(self, cloud: LocalCloud, *, url: str | None = None) -> None:
        (api,) = cloud.apis
        self._cloud = cloud
        self._url = url or api.url
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._taken: dict[str, list[Record]] = {}
        self.iterators: list[str] = []
        self.executions: set[str] = set()
        self._resources = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in self.client("cloudformation").describe_stack_resources(StackName="Hostile")[
                "StackResources"
            ]
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def client(self, service: str) -> Any:
        """A boto3 client for the emulator."""
        return self._cloud.client(service)

    def id_of(self, construct: str) -> str:
        """Tell the physical id of a resource of the stack by its construct's id."""
        (found,) = [id for name, id in self._resources.items() if re.fullmatch(rf"{construct}[0-9A-F]{{8}}", name)]
        return found

    def stream_records(self, table: str) -> list[Record]:
        """Read the stream of a table, from its beginning."""
        client = self.client("dynamodbstreams")
        arn = self.client("dynamodb").describe_table(TableName=self.id_of(table))["Table"]["LatestStreamArn"]
        records: list[Record] = []
        for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            iterator = client.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = client.get_records(ShardIterator=iterator)
                records += page["Records"]
                iterator = page.get("NextShardIterator") if page["Records"] else None
        return records

    def send(
        self,
        route: str,
        *,
        body: bytes | str = b"{}",
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> httpx.Response:
        """Send a request, in the terms of `render_template`."""
        method, url = route.split(" /")
        for name, value in (path or {}).items():
            url = url.replace(f"{{{name}}}", quote(value, safe="").replace(".", "%2E"))
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._http.request(
            method,
            f"{self._url}{url}?{urlencode(query or {})}",
            content=body,
            headers=[(name.encode(), value.encode()) for name, value in sent.items() if value is not None],
        )

    def send_all(self, requests: Iterable[tuple[str, Mapping[str, Any]]]) -> list[httpx.Response]:
        """Send many requests, some at a time; the answers are in their order."""
        with ThreadPoolExecutor(_SENDERS) as pool:
            return list(pool.map(lambda request: self.send(request[0], **request[1]), requests))

    def records(self, route: str, mark: str, count: int) -> list[Record]:
        """Wait until a route has stored so many records whose bodies have a mark, and give these.

        Each is the body, and what goes with it by the name of its place in a request.
        """
        deadline = time.monotonic() + 30
        while True:
            found = [record for record in self.all_records(route) if mark in str(record["body"])]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def all_records(self, route: str) -> list[Record]:
        """Give all that a route has stored so far."""
        records = _READERS[route](self)
        if route in _READ_WHOLE:
            return records
        self._taken.setdefault(route, []).extend(records)
        return list(self._taken[route])


def _items(table: str) -> Callable[[Deployed], list[Record]]:
    def read(deployed: Deployed) -> list[Record]:
        client, name = deployed.client("dynamodb"), deployed.id_of(table)
        items = [
            item
            for page in client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
            for item in page["Items"]
        ]
        return [{"body": item["input"]["S"], **_read(item)} for item in items]

    return read


def _read(item: Mapping[str, Any]) -> Record:
    if "deep" not in item:
        return {"Idempotency-Key": item["id"]["S"]}
    return {
        "key": item["pk"]["S"].removeprefix("part#"),
        "Idempotency-Key": item["sk"]["S"],
        "$.text": item["text"]["S"],
        "$.deep[0].name": item["deep"]["M"]["list"]["L"][0]["S"],
        "query": item["query"]["S"],
        "header": item["header"]["S"],
    }


def _messages(queue: str, unwrap: Callable[[Record], Record]) -> Callable[[Deployed], list[Record]]:
    def read(deployed: Deployed) -> list[Record]:
        client, url = deployed.client("sqs"), deployed.id_of(queue)
        records = []
        while messages := client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages"):
            entries = [
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(messages)
            ]
            client.delete_message_batch(QueueUrl=url, Entries=entries)
            records += map(unwrap, messages)
        return records

    return read


def _message(message: Record) -> Record:
    return {
        "body": message["Body"],
        "group": message["Attributes"].get("MessageGroupId"),
    }


def _event(message: Record) -> Record:
    event = json.loads(message["Body"])
    return {
        "body": event["detail"],
        "detail type": event["detail-type"],
        "source": event["source"].removeprefix("hostile."),
    }


def _stream(deployed: Deployed) -> list[Record]:
    """Read on from where the last reading ended."""
    client, name = deployed.client("kinesis"), deployed.id_of("Stream")
    if not deployed.iterators:
        shards = client.list_shards(StreamName=name)["Shards"]
        deployed.iterators = [
            client.get_shard_iterator(StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
                "ShardIterator"
            ]
            for shard in shards
        ]
    pages = [client.get_records(ShardIterator=iterator, Limit=10_000) for iterator in deployed.iterators]
    deployed.iterators = [page["NextShardIterator"] for page in pages]
    return [
        {"body": record["Data"].decode(), "partition key": record["PartitionKey"]}
        for page in pages
        for record in page["Records"]
    ]


def _executions(deployed: Deployed) -> list[Record]:
    client = deployed.client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=deployed.id_of("Machine"))
    arns = {execution["executionArn"] for page in pages for execution in page["executions"]} - deployed.executions
    deployed.executions |= arns
    with ThreadPoolExecutor(_SENDERS) as pool:
        found = list(pool.map(lambda arn: client.describe_execution(executionArn=arn), arns))
    return [{"body": execution["input"], "Idempotency-Key": execution["name"]} for execution in found]


def _objects(deployed: Deployed) -> list[Record]:
    client, bucket = deployed.client("s3"), deployed.id_of("Bucket")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]

    def take(key: str) -> Record:
        found = client.get_object(Bucket=bucket, Key=key)
        return {"body": found["Body"].read().decode(), "key": key.removeprefix("objects/")}

    with ThreadPoolExecutor(_SENDERS) as pool:
        return list(pool.map(take, keys))


_READERS: Mapping[str, Callable[[Deployed], list[Record]]] = {
    "POST /dynamodb/{part}": _items("Table"),
    "POST /jobs": _items("JobsTable"),
    "POST /sqs": _messages("Queue", _message),
    "POST /fifo": _messages("Ordered", _message),
    "POST /sns": _messages("Told", _message),
    "POST /topics/{group}": _messages("ToldInOrder", _message),
    "POST /kinesis/{key}": _stream,
    "POST /events/{kind}": _messages("Happened", _event),
    "POST /states": _executions,
    S3: _objects,
}
_READ_WHOLE = {"POST /dynamodb/{part}", "POST /jobs", S3}
