"""How long it takes until all subscribers of a job are told."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from scripts.benchmarks.answers import expect
from scripts.benchmarks.figures import Figure, MeasurementError
from scripts.benchmarks.rounds import Plan, Track, interleave
from storage_first.local.cloud import LocalCloud

SUBSCRIBERS = 200

_AT_ONCE = 32  # as many calls at once as the function that tells them makes
_TIMEOUT = 60.0


def measure_subscribers(cloud: LocalCloud, job: str, plan: Plan, track: Track) -> Iterator[Figure]:
    """Subscribe to one job very often, publish an event of it, and wait until all have it.

    It is compared with the calls of `PostToConnection` alone that tell them.

    Args:
        cloud: What runs the sample.
        job: The job's id.
        plan: How often.
        track: Shows how far it is.

    Raises:
        MeasurementError: If a subscriber is not told in time.
    """
    with ExitStack() as stack, httpx.Client(timeout=_TIMEOUT, trust_env=False) as http:
        threads = stack.enter_context(ThreadPoolExecutor(_AT_ONCE))
        address = push_address(cloud)
        clients = list(threads.map(lambda _: connect(address, open_timeout=_TIMEOUT), range(SUBSCRIBERS)))
        for client in clients:
            stack.callback(client.close)
            client.send(json.dumps({"action": "subscribe", "job": job}))
        for client in clients:
            hear(client, lambda message: message["detail-type"] == "Subscribed")
        posts = _Posts(cloud, http, job)
        if len(posts.connections) != SUBSCRIBERS:
            raise MeasurementError(f"Of {SUBSCRIBERS} subscribers, {len(posts.connections)} are remembered.")
        versions = count(100)

        def tell(publish: Callable[[int], object]) -> None:
            version = next(versions)
            publish(version)
            for client in clients:
                hear(client, lambda message: message["detail"]["version"] >= version)

        actions = {
            "fan-out": lambda: tell(posts.publish),
            "posts": lambda: tell(lambda version: posts.post(version, threads)),
        }
        interleave(range(1), actions)
        times = interleave(track(plan.crowds, "Subscribers"), actions)
    yield Figure(
        what=f"{SUBSCRIBERS} subscribers of one job are all told",
        times=times["fan-out"],
        against=f"as many calls alone, {_AT_ONCE} at once",
        baseline=times["posts"],
    )


def push_address(cloud: LocalCloud) -> str:
    """Return the address of the app's one WebSocket API."""
    (address,) = (api.url for api in cloud.apis if api.protocol == "WEBSOCKET")
    return address


def hear(client: ClientConnection, awaited: Callable[[Mapping[str, Any]], bool]) -> None:
    """Hear messages until the one that is awaited.

    Raises:
        MeasurementError: If it does not come.
    """
    deadline = time.monotonic() + _TIMEOUT
    try:
        while not awaited(json.loads(client.recv(timeout=deadline - time.monotonic()))):
            pass
    except TimeoutError:
        raise MeasurementError(f"A subscriber has not been told after {_TIMEOUT:.0f} s.") from None


class _Posts:
    """Two ways to tell all subscribers of a job: an event on its bus, and one call for each."""

    def __init__(self, cloud: LocalCloud, http: httpx.Client, job: str) -> None:
        self._events, self._http, self._job = cloud.client("events"), http, job
        (self._bus,) = (bus["Name"] for bus in self._events.list_event_buses()["EventBuses"] if "Jobs" in bus["Name"])
        self._url = push_address(cloud).replace("ws://", "http://", 1)
        self.connections = self._subscribed(cloud)

    def publish(self, version: int) -> None:
        entry = {"Source": "storage-first", "DetailType": "Job Progressed", "EventBusName": self._bus}
        self._events.put_events(Entries=[{**entry, "Detail": json.dumps(self._detail(version))}])

    def post(self, version: int, threads: ThreadPoolExecutor) -> None:
        message = {"detail-type": "Job Progressed", "detail": self._detail(version)}

        def one(connection: str) -> None:
            expect(self._http.post(f"{self._url}@connections/{connection}", json=message), httpx.codes.OK)

        list(threads.map(one, self.connections))

    def _detail(self, version: int) -> dict[str, object]:
        return {"id": self._job, "tenant": "default", "version": version}

    def _subscribed(self, cloud: LocalCloud) -> Sequence[str]:
        dynamodb = cloud.client("dynamodb")
        (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "NotificationsTable" in name)
        answer = dynamodb.query(
            TableName=table,
            KeyConditionExpression="pk = :topic",
            ExpressionAttributeValues={":topic": {"S": f"default#{self._job}"}},
        )
        return [item["sk"]["S"] for item in answer["Items"]]
