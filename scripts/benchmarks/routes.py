"""How long requests take: to be stored, and to be worked on."""

import json
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx

from scripts.benchmarks.answers import expect
from scripts.benchmarks.app import BESIDE, TABLE
from scripts.benchmarks.figures import Figure, MeasurementError, Times
from scripts.benchmarks.handlers.put_item import job_item
from scripts.benchmarks.rounds import Plan, Track, interleave
from scripts.benchmarks.subscribers import measure_subscribers
from storage_first.local.cloud import LocalCloud
from storage_first.local.report import Report

_ROOT = Path(__file__).parents[2]
_APP = f"{sys.executable} -m scripts.benchmarks.app"
_BODY = {"location": "Hole 19", "depth": 40}
_WARM_UP = 5
_POLL = 0.02
_TIMEOUT = 30.0
_TERMINAL = {"Succeeded", "Failed", "Cancelled"}
# The emulator asks for a signature and checks none.
_PUT_ITEM = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.PutItem",
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}


def measure_requests(plan: Plan, track: Track, report: Report) -> Iterator[Figure]:
    """Deploy the sample with a Lambda route beside it, and send requests to both.

    Raises:
        MeasurementError: If an answer is not the expected one.
        LocalCloudError: If the local cloud does not start.
    """
    cloud = LocalCloud.start(app=_APP, cwd=_ROOT, report=report)
    with cloud, httpx.Client(timeout=_TIMEOUT, trust_env=False) as http:
        routes = _Routes(cloud, http)
        yield Figure(
            what="from 202 to Succeeded, POST /gophers",
            times=Times([routes.finish_a_job() for _ in track(plan.jobs, "Jobs")]),
        )
        # What is stored from here on is not worked on: the work would compete with the requests for the processor.
        with report.step("Pausing the stream reader"):
            pause_stream_readers(cloud)
        actions = {"put": routes.put_item, "front": routes.store, "lambda": routes.store_by_lambda}
        interleave(range(_WARM_UP), actions)
        times = interleave(track(plan.requests, "Requests"), actions)
        yield from measure_subscribers(cloud, routes.store(), plan, track)
    stored = "POST /holes through the front"
    yield Figure(what=stored, times=times["front"], against="the emulator's own PutItem", baseline=times["put"], most=3)
    yield Figure(
        what=stored, times=times["front"], against="POST /holes through a Lambda function", baseline=times["lambda"]
    )


class _Routes:
    """All ways to store a request, with one HTTP client."""

    def __init__(self, cloud: LocalCloud, http: httpx.Client) -> None:
        self._http = http
        self._emulator = f"{cloud.endpoint}/"
        self._table = cloud.outputs[BESIDE][TABLE]
        urls = {api.stack: api.url for api in cloud.apis if api.protocol == "REST"}
        self._beside = urls.pop(BESIDE)
        (self._sample,) = urls.values()

    def put_item(self) -> None:
        request = {"TableName": self._table, "Item": job_item(str(uuid.uuid4()), json.dumps(_BODY))}
        expect(self._http.post(self._emulator, json=request, headers=_PUT_ITEM), httpx.codes.OK)

    def store(self) -> str:
        answer = self._http.post(f"{self._sample}holes", json=_BODY)
        expect(answer, httpx.codes.ACCEPTED)
        job: str = answer.json()["id"]
        return job

    def store_by_lambda(self) -> None:
        expect(self._http.post(f"{self._beside}holes", json=_BODY), httpx.codes.ACCEPTED)

    def finish_a_job(self) -> float:
        """Add a gopher, and return how many seconds after its acceptance it is seen to be Succeeded."""
        body = {"name": f"Gus {uuid.uuid4().hex}", "location": "Hole 19"}
        accepted = self._http.post(f"{self._sample}gophers", json=body)
        started = time.perf_counter()
        expect(accepted, httpx.codes.ACCEPTED)
        job = accepted.url.join(accepted.headers["Location"])
        while (status := self._status(job)) not in _TERMINAL:
            if time.perf_counter() - started > _TIMEOUT:
                raise MeasurementError(f"A job is still {status} after {_TIMEOUT:.0f} s.")
            time.sleep(_POLL)
        seconds = time.perf_counter() - started
        if status != "Succeeded":
            raise MeasurementError(f"A job that should succeed is {status}.")
        return seconds

    def _status(self, job: httpx.URL) -> str:
        answer = self._http.get(job)
        expect(answer, httpx.codes.OK)
        return str(answer.json()["status"])


def pause_stream_readers(cloud: LocalCloud) -> None:
    """Disable all event source mappings, so that what is stored is not worked on.

    Raises:
        MeasurementError: If they are not disabled in time.
    """
    functions = cloud.client("lambda")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    deadline = time.monotonic() + _TIMEOUT
    while any(functions.get_event_source_mapping(UUID=one["UUID"])["State"] != "Disabled" for one in mappings):
        if time.monotonic() > deadline:
            raise MeasurementError(f"The stream reader is not paused after {_TIMEOUT:.0f} s.")
        time.sleep(_POLL)
