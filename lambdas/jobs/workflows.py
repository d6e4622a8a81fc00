"""What the functions know of a tracker's workflows."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any


class UnknownJobTypeError(Exception):
    """No workflow is registered for a job's type."""


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """The workflow of one type of jobs.

    Attributes:
        machine: The ARN of its state machine.
        attempts: How many attempts a job has before it is Failed.
        max_running: How many jobs may run at once; None for as many as there are.
        express: Whether it is an Express one: nobody tells of the end of its executions, nor knows them by their ARN.
        existing: Whether it knows nothing of jobs: its input is what was stored, and nothing else.
    """

    machine: str
    attempts: int = 1
    max_running: int | None = None
    express: bool = False
    existing: bool = False

    def execution_arn(self, name: str) -> str:
        """Return the ARN of an execution; of an Express one without the last part, which is known after its start."""
        kind = ":express:" if self.express else ":execution:"
        return f"{self.machine.replace(':stateMachine:', kind, 1)}:{name}"


def workflow_of(job_type: str) -> Workflow:
    """Find the workflow that works on jobs of a type.

    Raises:
        UnknownJobTypeError: If there is none.
    """
    try:
        return _workflow(**_registered()[job_type])
    except KeyError:
        raise UnknownJobTypeError(f"No workflow is registered for jobs of type {job_type!r}.") from None


def workflow_with(machine: str) -> Workflow | None:
    """Find the workflow that a state machine is, by its ARN."""
    name = machine.removeprefix(_prefix())
    known = (settings for settings in _registered().values() if settings["name"] == name)
    return next((_workflow(**settings) for settings in known), None)


def limited_types() -> list[str]:
    """Return the types of which only so many jobs may run at once."""
    return [job_type for job_type, settings in _registered().items() if "max_running" in settings]


def _workflow(*, name: str, **settings: Any) -> Workflow:  # noqa: ANN401  (an int or a bool, as its field says)
    return Workflow(machine=_prefix() + name, **settings)


def _registered() -> dict[str, dict[str, Any]]:
    registered: dict[str, dict[str, Any]] = json.loads(os.environ["WORKFLOWS"])
    return registered


def _prefix() -> str:
    """Return what stands before the name in the ARN of every state machine here: only names are in `WORKFLOWS`.

    All of a function's environment has 4 KB.
    """
    return os.environ["STATE_MACHINES"]
