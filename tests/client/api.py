"""A small storage-first API on loopback, as the HTTP contract has it, whose answers can be disturbed."""

import json
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

ENDED = {"Succeeded", "Failed", "Cancelled"}
PREFIX = "/prod"


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes


@dataclass
class Fault:
    """What happens to one request instead of its answer, or to its answer."""

    status: int | None = None
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False  # the request is worked on, and the connection closed without an answer


class Api:
    """The API, and what it has seen."""

    def __init__(self):
        self.jobs = {}
        self.payloads = {}
        self.coming = defaultdict(deque)  # what a job becomes each time that it is looked at; {} is no change
        self.entities = {}
        self.requests = []
        self.faults = deque()
        self.page_size = 3
        self.retry_after = "1"
        self.clock = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return self.origin + PREFIX

    @property
    def asked(self):
        """Each request so far, as `GET /prod/jobs`."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def disturb(self, *faults):
        """Let what is asked next meet `faults`, one each."""
        self.faults.extend(faults)

    def add(self, id, *becomes, **members):
        """Store a job, which becomes what is given, one after the other, each time it is looked at."""
        self.clock += 1
        time = f"2026-01-01T00:{self.clock // 60:02}:{self.clock % 60:02}.000Z"
        job = {
            "id": id,
            "type": "add-gopher",
            "status": "Pending",
            "attempt": 1,
            "version": 1,
            "createdAt": time,
            "startedAt": None,
            "finishedAt": None,
            "updatedAt": time,
            "progress": None,
            "result": None,
            "error": None,
        }
        self.jobs[id] = job | members
        self.coming[id].extend(becomes)
        return self.jobs[id]

    def change(self, id, **members):
        job = self.jobs[id]
        job.update(members, version=job["version"] + 1)
        return job

    def answer(self, request):  # noqa: PLR0911 - one for each endpoint
        """Work on a request as the contract says; returns status, headers and body."""
        url = urlsplit(request.path)
        match [request.method, *url.path.removeprefix(PREFIX).strip("/").split("/")]:
            case ["GET", "jobs"]:
                return self._list({name: values[0] for name, values in parse_qs(url.query).items()})
            case ["GET", "jobs", id] if id in self.jobs:
                if self.coming[id] and (change := self.coming[id].popleft()):
                    self.change(id, **change)
                return self._found(id)
            case ["DELETE", "jobs", id] if id in self.jobs:
                return self._cancel(id)
            case ["POST", "jobs", id, "retry"] if id in self.jobs:
                return self._retry(id)
            case ["GET", "gophers", id] if id in self.entities:
                return 200, {}, self.entities[id]
            case ["POST", "signals"]:
                return 202, {}, {"id": "m-1", "status": "Stored", "links": []}
            case ["POST", _]:
                return self._submit(request)
        return problem(404, "There is no such job.")

    def _submit(self, request):
        id = request.headers.get("Idempotency-Key", f"r-{len(self.requests)}")
        if self.payloads.setdefault(id, request.body) != request.body:
            return problem(422, "This key belongs to another payload.")
        if id not in self.jobs:
            self.add(id, *self.coming.pop(id, ()))
        return self._accepted(id)

    def _accepted(self, id):
        href = f"{PREFIX}/jobs/{id}"
        body = {"id": id, "status": self.jobs[id]["status"], "links": [{"rel": "job", "href": href}]}
        return 202, {"Location": href, "Retry-After": self.retry_after}, body

    def _found(self, id):
        job, href = self.jobs[id], f"{PREFIX}/jobs/{id}"
        links = {"self": href, "collection": f"{PREFIX}/jobs"}
        if job["status"] not in ENDED:
            links["cancel"] = href
        elif job["status"] != "Succeeded":
            links["retry"] = f"{href}/retry"
        elif id in self.entities:
            links["entity"] = f"{PREFIX}/gophers/{id}"
        headers = {} if job["status"] in ENDED else {"Retry-After": self.retry_after}
        return 200, headers, job | {"links": listed(links)}

    def _list(self, query):
        found = [
            {name: value for name, value in job.items() if name not in {"progress", "result", "error"}}
            | {"links": listed({"self": f"{PREFIX}/jobs/{job['id']}"})}
            for job in reversed(self.jobs.values())
            if query.get("status") in {None, job["status"]} and query.get("type") in {None, job["type"]}
        ]
        start = int(query.get("cursor", 0))
        end = start + self.page_size
        links = {"self": f"{PREFIX}/jobs"}
        if end < len(found):
            links["next"] = f"{PREFIX}/jobs?{urlencode(query | {'cursor': end})}"
        return 200, {}, {"jobs": found[start:end], "links": listed(links)}

    def _cancel(self, id):
        if self.jobs[id]["status"] in {"Succeeded", "Failed"}:
            return problem(409, "The job has ended.")
        if self.jobs[id]["status"] != "Cancelled":
            self.change(id, status="Cancelled")
        return self._found(id)

    def _retry(self, id):
        job = self.jobs[id]
        if job["status"] not in {"Failed", "Cancelled"}:
            return problem(409, "Only a job that has failed or was cancelled can be retried.")
        self.change(id, status="Pending", attempt=job["attempt"] + 1, error=None)
        return self._accepted(id)


def listed(links):
    return [{"rel": rel, "href": href} for rel, href in links.items()]


def problem(status, detail, **headers):
    body = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail, "instance": "id-1"}
    return status, {"Content-Type": "application/problem+json", **headers}, body


def failing(status, retry_after=None):
    """A refusal with a problem, as a fault."""
    headers = {"Content-Type": "application/problem+json"} | ({"Retry-After": retry_after} if retry_after else {})
    return Fault(status, headers, json.dumps(problem(status, "Later.")[2]).encode())


def redirect(status, to):
    return Fault(status, {"Location": to})


def _handler(api):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _work(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers), body)
            api.requests.append(request)
            fault = api.faults.popleft() if api.faults else None
            if fault and fault.status:
                return self._send(fault.status, fault.headers, fault.body)
            status, headers, told = api.answer(request)
            if fault and fault.lost:
                self.close_connection = True
                return None
            return self._send(status, {"Content-Type": "application/json", **headers}, json.dumps(told).encode())

        def _send(self, status, headers, body):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": len(body)}.items():
                if name != "Date":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _work  # noqa: N815 - http.server's own names

        def log_message(self, *_):
            """Say nothing."""

    return Handler
