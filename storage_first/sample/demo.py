"""The sample's story, told with real requests; each answer is held to the HTTP contract."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
from rich.json import JSON
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from storage_first.client import ApiError, Client, JobFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from storage_first.client import Job
    from storage_first.local.cloud import LocalCloud

_JOB_TIMEOUT_SECONDS = 60
_ANSWER_TIMEOUT_SECONDS = 35  # API Gateway answers within 29
_LOOK_AGAIN_SECONDS = 0.1
_SHOWN_HEADERS = ("Location", "Retry-After", "Content-Type")


class BrokenPromiseError(Exception):
    """An answer is not what the contract says."""


def run(cloud: LocalCloud, console: Console) -> bool:
    """Tell the story of a gopher.

    Args:
        cloud: Where the sample is deployed.
        console: Where to tell it.

    Returns:
        Whether every answer was the contract's.
    """
    api, *_ = cloud.apis
    try:
        with httpx.Client(base_url=api.url, timeout=_ANSWER_TIMEOUT_SECONDS) as http, Client(api.url) as jobs:
            _Story(http, jobs, console).tell()
    except (ApiError, BrokenPromiseError) as broken:
        console.print(f"[red]✗[/red] {escape(str(broken))}")
        return False
    except httpx.HTTPError as error:
        console.print(f"[red]✗[/red] The API did not answer: {escape(str(error))}.")
        return False
    console.print("\n[bold green]Every answer was the contract's.[/bold green]")
    return True


class _Story:
    def __init__(self, http: httpx.Client, jobs: Client, console: Console) -> None:
        self._http = http
        self._jobs = jobs
        self._console = console
        self._chapter = 0

    def tell(self) -> None:
        run = uuid.uuid4().hex[:8]  # the story can be told again to the same data
        location, key = f"Hole 19 ({run})", f"gus-{run}"
        gus = {"name": f"Gus {run}", "location": location}

        self._title("Two holes are dug. Each request is stored before any code runs, and answered with a link")
        for depth in (40, 65):
            dug = self._ask("POST", "holes", 202, body={"location": location, "depth": depth})
            self._expect(self._follow(dug)["status"], "Succeeded", "the hole is dug")

        self._title("A gopher moves in: accepted, worked on, done")
        accepted = self._ask("POST", "gophers", 202, body=gus, headers={"Idempotency-Key": key})
        self._expect(accepted.json()["id"], key, "the job has the caller's key for its id")
        job = self._follow(accepted)
        self._expect(job["status"], "Succeeded", "the job has ended well")
        self._expect(job["result"], {"gopherId": key, "holes": 2}, "it has linked both holes")
        gopher = self._ask("GET", f"gophers/{key}", 200).json()
        self._expect(len(gopher["holes"]), 2, "the gopher lives in both holes")

        self._title("Sightings are reported: a queue keeps the order of each gopher's, and a function records the last")
        for seen in ("the bunker", "the pond"):
            self._ask("POST", "sightings", 202, body={"gopherId": key, "location": seen}, link=False)
        self._await(f"gophers/{key}", "lastSeen", "the pond", "it was last seen at the pond")

        self._title("A hole reports its temperature, to a stream")
        hole = gopher["holes"][0]
        self._ask("POST", "telemetry", 202, body={"holeId": hole, "temperature": 11.5}, link=False)
        self._await(f"holes/{hole}", "temperature", 11.5, "the hole has the temperature")

        self._title("A photograph is stored, byte for byte, and recorded")
        photo, name = bytes(range(256)) * 64, f"gus-{run}.jpg"
        self._ask("POST", f"photos/{name}", 202, content=photo, headers={"Content-Type": "image/jpeg"}, link=False)
        self._await(f"photos/{name}", "size", len(photo), "all of its bytes are there")

        self._title("The same request again, as after a lost answer: the same job, not a second gopher")
        again = self._ask("POST", "gophers", 202, body=gus, headers={"Idempotency-Key": key})
        self._expect(again.json()["id"], key, "it is the same job")
        self._expect(again.json()["status"], "Succeeded", "as it is now")

        self._title("The same key with another body: refused, or one of the two would be lost")
        self._refused("POST", "gophers", 422, body=gus | {"name": "Impostor"}, headers={"Idempotency-Key": key})

        self._title("A body that the model does not allow: refused at the door, nothing stored")
        self._refused("POST", "gophers", 400, body={"name": "Gina"})

        self._title("A job that nobody knows")
        self._refused("GET", "jobs/no-such-job", 404)

        self._title("A job whose work fails: its name is taken. It ends all the same, and says why")
        second = self._ask("POST", "gophers", 202, body=gus)
        failed = self._follow(second)
        self._expect(failed["status"], "Failed", "the job has failed")
        self._expect(failed["error"]["code"], "NameTaken", "and names its reason")

    def _title(self, text: str) -> None:
        self._chapter += 1
        self._console.print(f"\n[bold]{self._chapter}. {escape(text)}[/bold]")

    def _ask(
        self,
        method: str,
        path: str,
        status: int,
        *,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        link: bool = True,
    ) -> httpx.Response:
        """Send a request, show it with its answer, and check the answer's status and what that status carries."""
        answer = self._http.request(method, path, json=body, content=content, headers=headers)
        sent = "".join(f"\n  {name}: {value}" for name, value in (headers or {}).items())
        shown = f" {json.dumps(body)}" if body is not None else f" ({len(content)} bytes)" if content else ""
        self._console.print(f"[cyan]{method} {answer.request.url.path}[/cyan]{escape(shown)}{escape(sent)}")
        self._show(answer)
        self._expect(answer.status_code, status, f"the status is {status}")
        if status == httpx.codes.ACCEPTED and link:
            missing = [name for name in ("Location", "Retry-After") if name not in answer.headers]
            self._expect(missing, [], "there is a link to the job, and a time to come back")
        return answer

    def _await(self, path: str, member: str, value: object, promise: str) -> None:
        """Look at an entity until what was stored has reached it."""
        deadline = time.monotonic() + _JOB_TIMEOUT_SECONDS
        while (answer := self._http.get(path)).status_code != httpx.codes.OK or answer.json()[member] != value:
            if time.monotonic() > deadline:
                raise BrokenPromiseError(f"{path} is still {answer.text} after {_JOB_TIMEOUT_SECONDS} seconds.")
            time.sleep(_LOOK_AGAIN_SECONDS)
        self._console.print(f"[cyan]GET {answer.request.url.path}[/cyan]")
        self._show(answer)
        self._expect(answer.json()[member], value, promise)

    def _refused(self, method: str, path: str, status: int, **request: Any) -> None:  # noqa: ANN401 - as `_ask` takes
        answer = self._ask(method, path, status, **request)
        self._expect(answer.headers["Content-Type"], "application/problem+json", "the refusal is a problem (RFC 9457)")
        self._expect(answer.json()["status"], status, "which repeats the status")

    def _follow(self, accepted: httpx.Response) -> dict[str, Any]:
        """Follow the link to a job with the library's own client until it has ended, and show how it ended."""
        with Progress(
            TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn(), console=self._console, transient=True
        ) as bars:
            bar = bars.add_task("Pending", total=100)

            def tell(job: Job) -> None:
                progress = job.progress
                message = f"{job.status} {progress.message}" if progress else job.status
                bars.update(bar, completed=progress.percent if progress else 0, description=message)

            job = self._jobs.job(str(accepted.url.join(accepted.headers["Location"])))
            with suppress(JobFailedError):  # which the story is about to say
                job.wait(timeout=_JOB_TIMEOUT_SECONDS, on_progress=tell)
        answer = self._http.get(job.links["self"])
        self._console.print(f"[cyan]GET {answer.request.url.path}[/cyan]")
        self._show(answer)
        ended: dict[str, Any] = answer.json()
        return ended

    def _show(self, answer: httpx.Response) -> None:
        colour = "green" if answer.is_success else "yellow"
        headers = "".join(f"\n  {name}: {answer.headers[name]}" for name in _SHOWN_HEADERS if name in answer.headers)
        self._console.print(f"[{colour}]{answer.status_code} {answer.reason_phrase}[/{colour}]{escape(headers)}")
        self._console.print(JSON(answer.text, indent=2))

    def _expect(self, actual: object, expected: object, promise: str) -> None:
        if actual != expected:
            raise BrokenPromiseError(f"Not as the contract says ({promise}): expected {expected!r}, got {actual!r}.")
        self._console.print(f"  [green]✓[/green] {escape(promise)}")
