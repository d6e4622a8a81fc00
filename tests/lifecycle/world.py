"""Everyone who has to do with jobs, and the promises that hold whatever they do."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from jsonschema import Draft202012Validator

from constructs_lib import job_tracker
from lambdas.jobs import execution_ended, reconciler, stream_reader
from tests.lifecycle import asl
from tests.lifecycle.app import WORK, SynthesizedApp
from tests.lifecycle.callers import Callers, Name
from tests.lifecycle.clock import Clock
from tests.lifecycle.executions import Execution, StepFunctions
from tests.lifecycle.history import TERMINAL, Attempt, History, Image, attempt_of, number, text
from tests.lifecycle.table import Record, Table
from tests.lifecycle.wire import Fault, KilledError, Wire

BODY = '{"name": "Gordon",  "size": 2.50}'
_ROUNDS = 8  # of the reconciler, an hour apart: then no job may be open any more
_SCHEMAS = {
    schema["title"]: Draft202012Validator(schema)
    for schema in map(json.loads, (it.read_text() for it in Path(job_tracker.__file__).parent.glob("events/*.json")))
}


class Context:
    """What Lambda tells a function about its invocation; time for so many looks at the clock, or for any number."""

    function_name = aws_request_id = "function"
    memory_limit_in_mb = "512"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"

    def __init__(self, looks: int | None = None) -> None:
        self._looks = looks

    def get_remaining_time_in_millis(self) -> int:
        if self._looks is None:
            return 120_000
        self._looks -= 1
        return 120_000 if self._looks >= 0 else 0


class World:
    """A cloud with one job tracker, in which nothing happens by itself."""

    def __init__(self, app: SynthesizedApp, deploy: Callable[[str, str], None]) -> None:
        """Deploy `app` into a cloud of its own; `deploy` sets a variable of the functions."""
        self.clock = Clock()
        self.history = History()
        self.table = Table(app.table, self.clock, self.history)
        self.callers = Callers(app.routes, self.table, self.clock)
        self.states = StepFunctions(app.machines, self.clock, self._whose)
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.wire = Wire(self.clock, dynamodb=self.table, stepfunctions=self.states, events=self._take_events)
        self._being_read: frozenset[str] = frozenset()
        self._deploy = deploy
        self._workflows: Mapping[str, Any] = json.loads(app.environment["WORKFLOWS"])
        self._resources = ExitStack()
        self._resources.enter_context(self.wire.connected())
        self._resources.callback(self.table.drop)
        self.deploy("all")

    def close(self) -> None:
        self._resources.close()

    # What Lambda runs.

    def read(self, keys: Sequence[str], most: int, faults: Sequence[Fault] = (), looks: int | None = None) -> bool:
        """Have the reader work on what comes next of some keys; tell whether it got through."""
        batch = self.table.stream.next_batch([key for key in keys if key not in self._being_read], most)
        failed = self._read(batch, faults, looks)
        # As Lambda does: all that comes before the first failure is done, all that comes after it comes again.
        done = next((at for at, record in enumerate(batch) if _number(record) in failed), len(batch))
        self.table.stream.finish(batch[:done])
        return done == len(batch)

    def read_all(self) -> None:
        """Have the reader get through everything, now that nothing stands in its way."""
        for _ in range(_ROUNDS):
            waiting = [key for key in self.table.stream.waiting if key not in self._being_read]
            if not waiting:
                return
            assert self.read(waiting, 50), "the reader fails with nothing in its way"
        raise AssertionError("the reader makes itself work for ever")

    def read_again(self, batch: Sequence[Record], faults: Sequence[Fault] = ()) -> None:
        """Have the reader see records that it has seen before."""
        self._read(batch, faults, None)

    def _read(self, batch: Sequence[Record], faults: Sequence[Fault], looks: int | None) -> set[str]:
        # Several readers may run at once, none of which has a key that another has.
        own = frozenset(map(_key, batch))
        outer, self._being_read = self._being_read, self._being_read | own
        try:
            with self.wire.invocation(faults):
                answer = stream_reader.handler({"Records": batch}, Context(looks))
        except KilledError:
            return set(map(_number, batch))
        finally:
            self._being_read = outer
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def reconcile(self, faults: Sequence[Fault] = (), looks: int | None = None) -> None:
        """Have the reconciler run once."""
        try:
            with self.wire.invocation(faults) as run:
                reconciler.handler({}, Context(looks))
        except KilledError:
            pass
        except reconciler.ReconcileError:
            if not run.disturbed:
                raise

    def tell_end(self, end: Mapping[str, Any], faults: Sequence[Fault] = (), *, whole: bool = True) -> None:
        """Tell of the end of an execution, as a whole or, as with what is too large, only that it has ended."""
        told = {name: value for name, value in end.items() if whole or name not in {"input", "output"}}
        try:
            with self.wire.invocation(faults) as run:
                execution_ended.handler({"detail": told}, Context())
        except KilledError:
            pass
        except (BotoCoreError, ClientError, execution_ended.NotEndedYetError):
            if not run.disturbed:
                raise

    # What happens elsewhere.

    def work(self, execution: Execution, *, error: str | None = None, trouble: str | None = None) -> None:
        """Let an execution take its next step.

        Args:
            execution: The execution.
            error: What its work fails with, after it has had its effect; None if it succeeds.
            trouble: Whether DynamoDB refuses its write, or has written and the answer is lost.
        """
        task = execution.task
        if task is None:
            return
        self.clock.tick()
        answer: Any = {}
        if task.resource == WORK:
            made = {"made by": execution.name, "parts": [1, 2.5, "ü"]}
            result = json.dumps(made, separators=(",", ":"))
            self.history.work(execution.attempt, result, perhaps_again=execution.is_express)
            answer = asl.StateError(error, "It broke.") if error else made
        elif trouble == "refused":
            answer = asl.StateError("DynamoDB.ProvisionedThroughputExceededException")
        else:
            answer = self._write(task)
            if trouble == "unanswered":
                answer = asl.StateError("States.Timeout")
        self.states.resume(execution, answer)

    def _write(self, task: asl.Task) -> Any:
        assert task.resource.endswith(":states:::dynamodb:updateItem"), task.resource
        try:
            return self.table("UpdateItem", task.arguments)
        except ClientError as error:
            return asl.StateError(f"DynamoDB.{error.response['Error']['Code']}")

    def finish_all(self) -> None:
        """Let every execution come to its end."""
        while running := self.states.running:
            for execution in running:
                self.work(execution)

    def newest(self, job: Name) -> Execution | None:
        """Find the running execution of a job that was started last."""
        running = [it for it in self.states.running if it.attempt.key == job.key]
        return running[-1] if running else None

    def wait(self, time: timedelta) -> None:
        self.clock.advance(time)
        self.states.time_out()

    def reap(self) -> None:
        """Have DynamoDB delete what has expired."""
        for item in self.table.items():
            self.table.reap(item["pk"]["S"])

    def deploy(self, what: str) -> None:
        """Deploy functions that know `all` workflows, not `dig-hole` yet, or another machine for it."""
        known = dict(self._workflows)
        if what == "without dig-hole":
            del known["dig-hole"]
        if what == "with dig-hole replaced":
            known["dig-hole"] = {**known["dig-hole"], "name": f"{known['dig-hole']['name']}-replaced"}
        self._deploy("WORKFLOWS", json.dumps(known))

    # Promises.

    def _take_events(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        assert operation == "PutEvents"
        for entry in arguments["Entries"]:
            detail = json.loads(entry["Detail"])
            _SCHEMAS[entry["DetailType"]].validate(detail)
            assert any(_tells(detail, image) for image in self._images()), f"an event of what never was: {detail}"
            self.events.append((entry["DetailType"], detail))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in arguments["Entries"]]}

    def _images(self) -> Iterator[Image]:
        return (image for images in self.history.images.values() for image in images)

    def _whose(self, arn: str, input: str) -> Attempt:
        """Tell which attempt has claimed an execution that starts, with what was stored and nothing else."""
        # The ARN of an Express execution ends in a part of its own.
        attempt = self.history.claims.get(arn.rpartition(":")[0] if ":express:" in arn else arn)
        assert attempt, f"{arn} is started, and no job was claimed for it"
        item = self.table.item(attempt.key)
        assert item, "a job that was deleted is started"
        assert attempt.created == text(item, "createdAt"), "a job that was deleted is started"
        sent = text(item, "input")
        if text(item, "type") == "map-burrow":
            assert input == sent, "the input is what was stored"
        else:
            known = json.loads(input)
            assert input.endswith(f'"input":{sent}}}'), "the input is what was stored"
            assert (known["id"], known["tenant"], known["type"]) == tuple(
                text(item, n) for n in ("id", "tenant", "type")
            )
            assert known["attempt"] == attempt.number
        return attempt

    def check(self) -> None:
        """Check what holds at every moment, for the table as a whole."""
        for item in self.table.items():
            ended = text(item, "status") in TERMINAL
            assert ended or ("open" in item and "checkAt" in item), "the reconciler would not find an open job"

    def come_to_rest(self, *, reader: bool, ends: bool) -> None:
        """Put right what is wrong, and wait: then every job must have ended, and nothing be left to do.

        Args:
            reader: Whether the reader is there again; if not, what it has not read is lost.
            ends: Whether the ends of executions are told.
        """
        self.deploy("all")
        stream = self.table.stream
        if reader:
            self.read_all()
        else:
            stream.finish([record for lane in stream.lanes.values() for record in lane], lost=True)
        for _ in range(2):  # the first may find that what it has to stop is not there yet
            self.wait(timedelta(minutes=7))
            self.reconcile()
        self._check_cancelled()
        for _ in range(_ROUNDS):
            if reader:
                self.read_all()
            self.finish_all()
            if ends:
                self._tell_ends()
            if reader:
                self.read_all()
            if not any("open" in item for item in self.table.items()):
                break
            self.wait(timedelta(hours=1, minutes=2))
            self.reconcile()
        if reader:
            self._check_events()
        self._check_rest()

    def _tell_ends(self) -> None:
        ends, self.states.ends[:] = list(self.states.ends), []
        for end in ends:
            self.tell_end(end)

    def _check_rest(self) -> None:
        for (key, _), images in self.history.images.items():
            assert text(images[-1], "status") in TERMINAL, f"{key} was accepted, and never ends"
        for item in self.table.items():
            assert not {"open", "checkAt", "waitingFor"} & item.keys(), "an ended job is looked after for ever"

    def _check_cancelled(self) -> None:
        """Check that nothing works on a job that was cancelled, unless it had expired before anyone came to it."""
        for execution in self.states.running:
            attempt = execution.attempt
            images = self.history.images[attempt.key, attempt.created]
            cancelled = [it for it in images if attempt_of(it) == attempt and text(it, "status") == "Cancelled"]
            item = self.table.item(attempt.key)
            is_excused = execution.is_express or item is None or text(item, "createdAt") != attempt.created
            assert is_excused or not cancelled, f"{attempt} was cancelled, and is still worked on"

    def _check_events(self) -> None:
        """Check that every change of a status was told of, unless its record is among the dead letters."""
        told = {(it["tenant"], it["id"], it["version"], it["status"]) for _, it in self.events}
        for images in self.history.images.values():
            for old, new in zip([None, *images], images, strict=False):
                if old is None or text(old, "status") != text(new, "status"):
                    change = (text(new, "tenant"), text(new, "id"), number(new, "version"), text(new, "status"))
                    assert change in told or self._is_lost(new), f"{change} was not told of"

    def _is_lost(self, image: Image) -> bool:
        """Tell whether the record of an image is among the dead letters."""
        return any(record["dynamodb"]["NewImage"] is image for record in self.table.stream.lost)


def _key(record: Record) -> str:
    key: str = record["dynamodb"]["Keys"]["pk"]["S"]
    return key


def _number(record: Record) -> str:
    number: str = record["dynamodb"]["SequenceNumber"]
    return number


def _tells(detail: Mapping[str, Any], image: Image) -> bool:
    """Tell whether an event is of a job as it was."""
    return (detail["tenant"], detail["id"], detail["version"], detail["attempt"], detail["status"]) == (
        text(image, "tenant"),
        text(image, "id"),
        number(image, "version"),
        number(image, "attempt"),
        text(image, "status"),
    )
