"""Runs a state machine's definition a task at a time: what the tasks do, and whether, is left to the caller.

Enough of the Amazon States Language for tracked workflows: the states that they are made of, in JSONata, with Retry and
Catch. https://states-language.net
"""

import json
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jsonata import Jsonata

State = Mapping[str, Any]
Run = Generator["Task", Any, Any]


@dataclass(frozen=True)
class Task:
    """What a state asks a service for."""

    resource: str
    arguments: Any


class StateError(Exception):
    """A state has failed, or the machine, if nothing catches it."""

    def __init__(self, code: str, cause: str = "") -> None:
        super().__init__(code, cause)
        self.code = code
        self.cause = cause


def run(definition: State, context: Mapping[str, Any], now: Callable[[], datetime]) -> Run:
    """Yield each task, be sent its result or be thrown its `StateError`; return the output of the machine.

    Args:
        definition: The machine.
        context: `$states.context`.
        now: The clock of `$now()` and `$millis()`.

    Raises:
        StateError: If the machine fails.
    """
    return _Machine(context, now).run(definition, context["Execution"]["Input"])


class _Machine:
    def __init__(self, context: Mapping[str, Any], now: Callable[[], datetime]) -> None:
        self._context = context
        self._now = now

    def run(self, states: State, data: Any) -> Run:
        following = states["StartAt"]
        while following is not None:
            data, following = yield from self._enter(states["States"][following], data)
        return data

    def _enter(self, state: State, data: Any) -> Run:
        """Run one state, with its retries; return its output and the state that follows."""
        tries: Counter[int] = Counter()
        while True:
            try:
                return (yield from self._attempt(state, data))
            except StateError as error:
                place, retrier = _first(state.get("Retry", ()), error)
                if retrier and tries[place] < retrier.get("MaxAttempts", 3):
                    tries[place] += 1
                    continue
                _, catcher = _first(state.get("Catch", ()), error)
                if catcher is None:
                    raise
                told = {"Error": error.code, "Cause": error.cause}
                output = self._evaluate(catcher["Output"], data, errorOutput=told) if "Output" in catcher else told
                return output, catcher["Next"]

    def _attempt(self, state: State, data: Any) -> Run:
        following = state.get("Next")
        match state["Type"]:
            case "Task":
                result = yield Task(state["Resource"], self._evaluate(state.get("Arguments"), data))
            case "Parallel":
                result = []
                for branch in state["Branches"]:
                    result.append((yield from self.run(branch, data)))
            case "Choice":
                rules = [rule for rule in state["Choices"] if self._evaluate(rule["Condition"], data) is True]
                result, following = data, (rules[0]["Next"] if rules else state["Default"])
            case "Pass" | "Succeed":
                result = data
            case "Fail":
                raise StateError(self._evaluate(state["Error"], data), self._evaluate(state.get("Cause", ""), data))
            case other:
                raise NotImplementedError(other)
        return self._evaluate(state["Output"], data, result=result) if "Output" in state else result, following

    def _evaluate(self, template: Any, data: Any, **more: Any) -> Any:
        match template:
            case dict():
                return {name: self._evaluate(value, data, **more) for name, value in template.items()}
            case list():
                return [self._evaluate(value, data, **more) for value in template]
            case str() if template.startswith("{%"):
                states = {"input": data, "context": self._context, **more}
                return self._find(template[2:-2].strip(), states)
            case _:
                return template

    def _find(self, expression: str, states: Mapping[str, Any]) -> Any:
        compiled = _compiled(expression)
        now = self._now()
        compiled.register_lambda("now", lambda: now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        compiled.register_lambda("millis", lambda: round(now.timestamp() * 1000))
        found = compiled.evaluate(None, {"states": states})
        if found is None:
            raise StateError("States.QueryEvaluationError", expression)
        return json.loads(json.dumps(found))  # its lists are not Python's own


@cache
def _compiled(expression: str) -> Jsonata:
    return Jsonata(expression)


def _first(handlers: Any, error: StateError) -> tuple[int, State | None]:
    """Find the first retrier or catcher for an error."""
    for place, handler in enumerate(handlers):
        if {error.code, "States.ALL"} & set(handler["ErrorEquals"]):
            return place, handler
    return -1, None
