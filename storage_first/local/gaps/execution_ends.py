"""An execution ends when it is told to: by its TimeoutSeconds, or by StopExecution.

The emulator ignores a state machine's TimeoutSeconds. After StopExecution the branches of a Parallel or Map state go
on, and a task that fails later turns ABORTED into FAILED and sends a second event.
"""

import contextvars
import json
import threading
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions


class _EndedError(Exception):
    """Leaves a state of an execution that has ended; no Catch sees it."""


def close() -> None:
    """Enforce time-outs, and let nothing of an ended execution go on."""
    run = stepfunctions._run_execution
    fail = stepfunctions._fail_execution
    add_event = stepfunctions._add_event

    def run_in_time(arn: str) -> None:
        execution = stepfunctions._executions.get(arn)
        timer = _timer(execution) if execution else None
        try:
            run(arn)
        finally:
            if timer is not None:
                timer.cancel()

    def fail_if_running(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    def add_event_if_running(execution: dict[str, Any], event_type: str, details: Any = None) -> None:
        if event_type == "TaskScheduled" and execution["status"] != "RUNNING":
            raise _EndedError
        add_event(execution, event_type, details)

    stepfunctions._run_execution = run_in_time
    stepfunctions._fail_execution = fail_if_running
    stepfunctions._add_event = add_event_if_running


def _timer(execution: dict[str, Any]) -> threading.Timer | None:
    seconds = _timeout(execution)
    if seconds is None:
        return None
    started = datetime.fromisoformat(execution["startDate"])
    left = seconds - (datetime.now(UTC) - started).total_seconds()
    # The account and Region of a request are context variables, which a new thread does not have.
    timer = threading.Timer(max(left, 0), contextvars.copy_context().run, args=(_time_out, execution))
    timer.daemon = True
    timer.start()
    return timer


def _timeout(execution: dict[str, Any]) -> float | None:
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
    try:
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    except ValueError:
        return None
    return float(seconds) if isinstance(seconds, int) else None


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution["status"] = "TIMED_OUT"
    execution["stopDate"] = now_iso()
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    stepfunctions._emit_execution_status_event(execution)
