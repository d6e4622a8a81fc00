"""How many requests a second each store takes: through the front, and from the emulator alone."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from rich.table import Table

from scripts.benchmarks.answers import expect
from scripts.benchmarks.handlers.put_item import job_item
from scripts.benchmarks.rounds import Plan, Track, interleave
from scripts.benchmarks.stores import STACK
from storage_first.local.cloud import LocalCloud

PARALLEL = 8

_ROUNDS = 3  # between them the two ways take turns
_WARM_UP = 2 * PARALLEL  # the first requests compile templates and open connections
_TIMEOUT = 30.0
_BODY = json.dumps({"text": "x" * 1000})
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How fast one store takes requests.

    Attributes:
        store: Which one.
        requests: How many were sent each way.
        front: Requests a second through the front.
        service: Calls a second of the emulated service alone.
    """

    store: str
    requests: int
    front: float
    service: float

    @property
    def ratio(self) -> float:
        """What the front leaves of the service's own rate."""
        return self.front / self.service


def measure_rates(cloud: LocalCloud, plan: Plan, track: Track) -> Iterator[Rate]:
    """Send requests to each store, `PARALLEL` at a time.

    The stream reader must be paused: its work would compete with the requests for the processor.

    Args:
        cloud: What runs the app with one route for each store.
        plan: How many requests.
        track: Shows how far it is.

    Raises:
        MeasurementError: If an answer is not the expected one.
    """
    limits = httpx.Limits(max_connections=PARALLEL)
    with (
        httpx.Client(timeout=_TIMEOUT, trust_env=False, limits=limits) as http,
        ThreadPoolExecutor(PARALLEL) as threads,
    ):
        for candidate in _stores(cloud, http):
            yield _measure(candidate, threads, plan.rate_requests, track)


def tabulate_rates(rates: Iterable[Rate]) -> Table:
    """Show rates through the front, beside those of the emulated services alone."""
    table = Table(title=f"Requests a second, {PARALLEL} at a time")
    table.add_column("Store")
    for heading in ("Requests", "Through the front", "Service alone", "Ratio"):
        table.add_column(heading, justify="right")
    for rate in rates:
        table.add_row(
            rate.store, str(rate.requests), f"{rate.front:.0f}/s", f"{rate.service:.0f}/s", f"{rate.ratio:.2f}"
        )
    return table


@dataclass(frozen=True, kw_only=True)
class _Store:
    """Two ways to store a request, each of which raises MeasurementError if it is not stored."""

    name: str
    front: Callable[[], None]
    service: Callable[[], None]


def _measure(candidate: _Store, threads: ThreadPoolExecutor, requests: int, track: Track) -> Rate:
    each = max(requests // _ROUNDS, 1)

    def send(call: Callable[[], None], count: int) -> None:
        for sent in [threads.submit(call) for _ in range(count)]:
            sent.result()

    for call in (candidate.front, candidate.service):
        send(call, _WARM_UP)
    times = interleave(
        track(_ROUNDS, f"Requests to {candidate.name}"),
        {"front": lambda: send(candidate.front, each), "service": lambda: send(candidate.service, each)},
    )
    return Rate(
        store=candidate.name,
        requests=each * _ROUNDS,
        front=each * _ROUNDS / sum(times["front"].seconds),
        service=each * _ROUNDS / sum(times["service"].seconds),
    )


def _stores(cloud: LocalCloud, http: httpx.Client) -> Iterator[_Store]:
    (api,) = cloud.apis
    names = {output.removesuffix("Name"): value for output, value in cloud.outputs[STACK].items()}
    service = _Services(cloud.endpoint, http, names)
    calls: Mapping[str, tuple[str, Callable[[], httpx.Response]]] = {
        "DynamoDB": ("dynamodb", lambda: service.put_item("Table")),
        "DynamoDB, as a job": ("job", lambda: service.put_item("Jobs")),
        "SQS": ("sqs", lambda: service.send_message("Queue")),
        "SQS FIFO": ("sqs-fifo", lambda: service.send_message("FifoQueue")),
        "SNS": ("sns", service.publish),
        "Kinesis": ("kinesis", service.put_record),
        "EventBridge": ("eventbridge", service.put_events),
        "S3": ("s3", service.put_object),
        "Step Functions": ("stepfunctions", service.start_execution),
    }
    for name, (path, call) in calls.items():
        yield _Store(name=name, front=partial(store, http, f"{api.url}{path}"), service=partial(_call, call))


def store(http: httpx.Client, url: str) -> None:
    """Send one request through the front.

    Raises:
        MeasurementError: If it is not accepted.
    """
    method = "PUT" if url.endswith("/s3") else "POST"
    answer = http.request(method, url, content=_BODY, headers={"Content-Type": "application/json"})
    expect(answer, httpx.codes.ACCEPTED)


def _call(call: Callable[[], httpx.Response]) -> None:
    expect(call(), httpx.codes.OK)


class _Services:
    """The emulated services, called with no more than HTTP: a client of AWS's would cost more than some of them."""

    def __init__(self, endpoint: str, http: httpx.Client, names: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._http = http
        self._names = names

    def put_item(self, table: str) -> httpx.Response:
        request = {"TableName": self._names[table], "Item": job_item(str(uuid.uuid4()), _BODY)}
        return self._json("dynamodb", "DynamoDB_20120810.PutItem", request)

    def send_message(self, queue: str) -> httpx.Response:
        request = {"QueueUrl": self._names[queue], "MessageBody": _BODY}
        if queue == "FifoQueue":
            request |= {"MessageGroupId": str(uuid.uuid4()), "MessageDeduplicationId": str(uuid.uuid4())}
        return self._json("sqs", "AmazonSQS.SendMessage", request)

    def publish(self) -> httpx.Response:
        form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": self._names["Topic"], "Message": _BODY}
        headers = {"Content-Type": _FORM, **_signed("sns")}
        return self._http.post(f"{self._endpoint}/", data=form, headers=headers)

    def put_record(self) -> httpx.Response:
        request = {"StreamName": self._names["Stream"], "Data": "eHh4" * 340, "PartitionKey": str(uuid.uuid4())}
        return self._json("kinesis", "Kinesis_20131202.PutRecord", request)

    def put_events(self) -> httpx.Response:
        entry = {
            "EventBusName": self._names["Bus"],
            "Source": "bench",
            "DetailType": "Request",
            "Detail": _BODY,
        }
        return self._json("events", "AWSEvents.PutEvents", {"Entries": [entry]})

    def put_object(self) -> httpx.Response:
        url = f"{self._endpoint}/{self._names['Bucket']}/{uuid.uuid4()}"
        return self._http.put(url, content=_BODY, headers=_signed("s3"))

    def start_execution(self) -> httpx.Response:
        request = {"stateMachineArn": self._names["Machine"], "name": str(uuid.uuid4()), "input": _BODY}
        return self._json("states", "AWSStepFunctions.StartExecution", request)

    def _json(self, service: str, target: str, request: Mapping[str, Any]) -> httpx.Response:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **_signed(service)}
        return self._http.post(f"{self._endpoint}/", content=json.dumps(request), headers=headers)


def _signed(service: str) -> Mapping[str, str]:
    """Name the service as a signature does; the emulator asks for one and checks none."""
    scope = f"test/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
