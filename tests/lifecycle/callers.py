"""Those who call the API: through the templates as synthesized, and with an eye on every answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.constructs_lib.storage_first_api.routes import Route
from tests.lifecycle.app import ROUTES
from tests.lifecycle.clock import Clock
from tests.lifecycle.history import Image, number, text
from tests.lifecycle.table import Table

IN_FLIGHT = {"Pending", "In Progress"}
JOB, RETRY = "/jobs/{jobId}", "/jobs/{jobId}/retry"


@dataclass(frozen=True)
class Name:
    """A job as its caller knows it.

    Attributes:
        tenant: Whose it is.
        id: The key of the request that it began as.
        type: What the caller asks for under that key.
    """

    tenant: str
    id: str
    type: str

    @property
    def key(self) -> str:
        return f"{self.tenant}#{self.id}"

    @property
    def href(self) -> str:
        return f"/prod/jobs/{self.id}"


class Callers:
    """Calls the routes of jobs.

    Each call takes what becomes of the one request to DynamoDB: `sent`, or it is `throttled`, has `failed` inside
    DynamoDB, or its answer is `lost`, which the caller cannot tell from a failure.
    """

    def __init__(self, routes: Mapping[str, Route], table: Table, clock: Clock) -> None:
        self._routes = routes
        self._table = table
        self._clock = clock
        self._requests = 0

    def submit(self, job: Name, body: str, fate: str = "sent") -> None:
        """Ask for a job, or again for the same."""
        old = self._there(job)
        route = f"POST {ROUTES[job.type]}"
        answer = self._call(route, job, fate, body=body, headers={"Idempotency-Key": job.id})
        new = self._table.item(job.key)
        if answer is None:
            return
        status, headers, shown = answer
        if old is None:
            assert new, "an accepted job is stored"
            assert (status, shown["status"], text(new, "input")) == (202, "Pending", body)
        elif self._is_there(old) and text(old, "input") == body:
            assert (status, shown["status"]) == (202, text(old, "status")), "a repetition finds the job as it is"
        else:
            assert status == 422, "a key is for one request"
            return
        self._check_link(job, headers, shown)

    def look(self, job: Name) -> None:
        """Ask how a job is."""
        there = self._there(job)
        answer = self._call(f"GET {JOB}", job)
        assert answer
        status, headers, shown = answer
        if not self._is_there(there):
            assert status == 404
            return
        assert status == 200
        self._check_shown(job, there, headers, shown)

    def list_all(self, job: Name, **asked: str) -> None:
        """List the jobs of the tenant that a job belongs to, those of a status or a type, or all."""
        answer = self._call("GET /jobs", job, query=asked)
        assert answer
        status, _, shown = answer
        wanted = [
            (text(it, "createdAt"), text(it, "id"), text(it, "status"), number(it, "version"))
            for it in self._table.items()
            if text(it, "tenant") == job.tenant
            and self._is_there(it)
            and all(text(it, name) == value for name, value in asked.items())
        ]
        assert status == 200
        found = [(it["createdAt"], it["id"], it["status"], it["version"]) for it in shown["jobs"]]
        assert found == sorted(wanted, reverse=True), "a list has the tenant's jobs, newest first"

    def cancel(self, job: Name, fate: str = "sent") -> None:
        """Call a job off."""
        old = self._there(job)
        answer = self._call(f"DELETE {JOB}", job, fate)
        if answer is None:
            return
        status, headers, shown = answer
        before = self._status(old)
        assert status == {None: 404, "Succeeded": 409, "Failed": 409}.get(before, 200)
        if status == 200:
            new = self._table.item(job.key)
            assert text(new, "status") == "Cancelled"
            assert new == old or before in IN_FLIGHT, "to cancel again changes nothing"
            self._check_shown(job, new, headers, shown)

    def retry(self, job: Name, fate: str = "sent") -> None:
        """Ask for a new attempt."""
        old = self._there(job)
        self._table.by_retry = True
        try:
            answer = self._call(f"POST {RETRY}", job, fate)
        finally:
            self._table.by_retry = False
        if answer is None:
            return
        status, headers, shown = answer
        before = self._status(old)
        assert status == {None: 404, "Succeeded": 409}.get(before, 202)
        if status == 202:
            new = self._table.item(job.key)
            assert shown["status"] == text(new, "status") == (before if before in IN_FLIGHT else "Pending")
            assert new == old or before not in IN_FLIGHT, "what is under way is left alone"
            self._check_link(job, headers, shown)

    def _call(
        self,
        route: str,
        job: Name,
        fate: str = "sent",
        *,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Do what API Gateway does with one request; None for an answer that is lost.

        Errors of DynamoDB must be told as such, and have written nothing.
        """
        self._clock.tick()
        self._requests += 1
        path = job.href + ("/retry" if route.endswith("/retry") else "") if "{jobId}" in route else "/prod/jobs"
        context = {
            "authorizer": {"claims": {"custom:tenant": job.tenant}},
            "extendedRequestId": f"request-{self._requests}",
            "path": f"/prod{ROUTES[job.type]}" if body else path,
            "requestTime": self._clock.now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": round(self._clock.now.timestamp() * 1000),
        }
        method = self._routes[route]
        parameters = {"jobId": job.id} if "{jobId}" in route else {}
        request = method.request(body=body, headers=headers or {}, path=parameters, query=query or {}, context=context)
        action = method.integration["Uri"]["Fn::Join"][1][-1].rpartition("/")[2]
        if fate in _ERRORS:
            expected, code, name = _ERRORS[fate]
            status, told, shown = method.answer(code, {"__type": name, "message": "-"}, context=context)
            assert (status, shown["status"], told["Retry-After"]) == (expected, expected, "1")
            return None
        code, answer = self._dynamodb(action, request)
        return None if fate == "lost" else method.answer(code, answer, context=context)

    def _dynamodb(self, action: str, request: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Tell the status and the body of DynamoDB's answer."""
        try:
            answer = self._table(action, request)
        except ClientError as error:
            told = error.response["Error"]
            item = {"Item": error.response["Item"]} if "Item" in error.response else {}  # type: ignore[typeddict-item]
            return 400, {"__type": f"com.amazonaws#{told['Code']}", "message": told["Message"], **item}
        return 200, {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def _there(self, job: Name) -> Image | None:
        return self._table.item(job.key)

    def _is_there(self, image: Image | None) -> bool:
        """Tell whether callers see a job: DynamoDB deletes what has expired days later."""
        expires = text(image, "expiresAt") if image else None
        return image is not None and (expires is None or int(expires) > self._clock.epoch)

    def _status(self, image: Image | None) -> str | None:
        return text(image, "status") if image is not None and self._is_there(image) else None

    def _check_link(self, job: Name, headers: Mapping[str, str], shown: Any) -> None:
        assert shown["id"] == job.id
        assert shown["links"] == [{"rel": "job", "href": job.href}]
        assert (headers["Location"], headers["Retry-After"]) == (job.href, "1")

    def _check_shown(self, job: Name, there: Image | None, headers: Mapping[str, str], shown: Any) -> None:
        assert there
        status = text(there, "status")
        assert (shown["id"], shown["status"], shown["type"]) == (job.id, status, text(there, "type"))
        assert (shown["attempt"], shown["version"]) == (number(there, "attempt"), number(there, "version"))
        for name in ("createdAt", "startedAt", "finishedAt", "updatedAt"):
            assert shown[name] == text(there, name)
        assert shown["result"] == json.loads(text(there, "result") or "null")
        error = there.get("error", {}).get("M")
        assert shown["error"] == (error and {name: text(error, name) for name in ("code", "message")})
        assert ("Retry-After" in headers) == (status in IN_FLIGHT)
        links = {link["rel"]: link["href"] for link in shown["links"]}
        assert links["self"] == job.href
        assert ("cancel" in links) == (status in IN_FLIGHT)
        assert ("retry" in links) == (status in {"Failed", "Cancelled"})
        assert ("entity" in links) == (status == "Succeeded")


_ERRORS = {
    "throttled": (429, 400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
    "failed": (503, 500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
}
