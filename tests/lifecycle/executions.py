"""Step Functions, as far as jobs know it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from tests.lifecycle import asl
from tests.lifecycle.app import Machine
from tests.lifecycle.clock import Clock
from tests.lifecycle.history import Attempt

Answer = Mapping[str, Any]


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "for the test"}}, "Operation")


@dataclass(kw_only=True, eq=False)
class Execution:
    """One execution, which rests before the task that comes next.

    Attributes:
        attempt: Whose work it does.
    """

    arn: str
    machine: str
    is_express: bool
    name: str
    input: str
    started: datetime
    ends_by: datetime | None
    run: asl.Run
    attempt: Attempt
    task: asl.Task | None = None
    status: str = "RUNNING"
    outcome: dict[str, str] = field(default_factory=dict)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001  (Hypothesis prints it so)
        printer.text(self.name)

    @property
    def is_running(self) -> bool:
        return self.status == "RUNNING"

    def described(self) -> dict[str, Any]:
        return {
            "executionArn": self.arn,
            "stateMachineArn": self.machine,
            "name": self.name,
            "status": self.status,
            "startDate": self.started,
            "input": self.input,
            **self.outcome,
        }

    def told(self) -> dict[str, Any]:
        """What the event tells of its end."""
        return {**self.described(), "startDate": round(self.started.timestamp() * 1000)}


class StepFunctions:
    """Starts, shows and stops executions. That names are free again after 90 days is out of sight.

    Attributes:
        executions: All that there ever were, by ARN.
        ends: What `Step Functions Execution Status Change` events tell, oldest first.
    """

    def __init__(self, machines: Mapping[str, Machine], clock: Clock, whose: Callable[[str, str], Attempt]) -> None:
        """Run `machines`; `whose` tells of the ARN and the input of a new execution whose work it does."""
        self._machines = machines
        self._clock = clock
        self._whose = whose
        self.executions: dict[str, Execution] = {}
        self.ends: list[Answer] = []

    def __call__(self, operation: str, arguments: Mapping[str, Any]) -> Answer:
        match operation:
            case "StartExecution":
                return self._start(**arguments)
            case "DescribeExecution":
                return self._named(arguments["executionArn"]).described()
            case "StopExecution":
                return self._stop(**arguments)
            case _:
                raise NotImplementedError(operation)

    def _start(self, *, stateMachineArn: str, input: str, name: str = "") -> Answer:  # noqa: N803  (as AWS spells it)
        name = name or f"unnamed-{len(self.executions)}"
        machine = self._machines[stateMachineArn.removesuffix("-replaced")]  # by one that is the same
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        if machine.is_express:
            arn = f"{arn.replace(':execution:', ':express:')}:{len(self.executions)}"
        there = self.executions.get(arn)
        if there is None:
            there = self._add(arn, machine, stateMachineArn, name, input)
        elif not there.is_running or there.input != input:
            raise refusal("ExecutionAlreadyExists")
        return {"executionArn": arn, "startDate": there.started}

    def _add(self, arn: str, machine: Machine, machine_arn: str, name: str, input: str) -> Execution:
        known = {"Execution": {"Id": arn, "Input": json.loads(input), "Name": name}}
        timeout = machine.definition.get("TimeoutSeconds")
        execution = Execution(
            attempt=self._whose(arn, input),
            arn=arn,
            machine=machine_arn,
            is_express=machine.is_express,
            name=name,
            input=input,
            started=self._clock.now,
            ends_by=self._clock.now + timedelta(seconds=timeout) if timeout else None,
            run=asl.run(machine.definition, known, self._clock),
        )
        self.executions[arn] = execution
        self.resume(execution, None)
        return execution

    def resume(self, execution: Execution, answer: Any) -> None:
        """Give an execution what its task has answered, or the error that it has failed with."""
        try:
            if isinstance(answer, asl.StateError):
                execution.task = execution.run.throw(answer)
            else:
                execution.task = execution.run.send(answer)
        except StopIteration as ended:
            self.end(execution, "SUCCEEDED", output=json.dumps(ended.value, separators=(",", ":")))
        except asl.StateError as error:
            self.end(execution, "FAILED", error=error.code, cause=error.cause)

    def end(self, execution: Execution, status: str, **outcome: str) -> None:
        """End an execution wherever it is; from within or from without."""
        execution.run.close()
        execution.task, execution.status, execution.outcome = None, status, outcome
        if not execution.is_express:  # of these, nobody tells
            self.ends.append(execution.told())

    def time_out(self) -> None:
        """End what has run for as long as it may."""
        for execution in self.running:
            if execution.ends_by and execution.ends_by <= self._clock.now:
                self.end(execution, "TIMED_OUT")

    @property
    def running(self) -> list[Execution]:
        return [execution for execution in self.executions.values() if execution.is_running]

    def _stop(self, *, executionArn: str, **reason: str) -> Answer:  # noqa: N803
        execution = self._named(executionArn)
        if execution.is_running:
            self.end(execution, "ABORTED", **reason)
        return {"stopDate": self._clock.now}

    def _named(self, arn: str) -> Execution:
        assert ":express:" not in arn, "Step Functions does not show Express executions"
        if arn not in self.executions:
            raise refusal("ExecutionDoesNotExist")
        return self.executions[arn]
