"""Tasks keep AWS's time: MaxDelaySeconds, JitterStrategy, HeartbeatSeconds, and TimeoutSeconds as an expression.

The emulator ignores the first three, and fails a task whose TimeoutSeconds is a JSONata expression.
"""

import random
import threading
from typing import Any

from ministack.services import stepfunctions


def close() -> None:
    """Heed the fields."""
    find_retrier = stepfunctions._find_matching_retrier
    call_back = stepfunctions._invoke_with_callback
    execute_task = stepfunctions._execute_task

    def find_timed_retrier(retriers: Any, error: str, counts: dict[int, int]) -> Any:
        retrier, index = find_retrier(retriers, error, counts)
        return (retrier and _with_delay(retrier, counts.get(index, 0))), index

    def call_back_while_alive(resource: str, data: Any, token: str, state: dict[str, Any]) -> Any:
        done = threading.Event()
        if "HeartbeatSeconds" in state:
            period = float(state["HeartbeatSeconds"])
            threading.Thread(target=_expect_heartbeats, args=(token, period, done), daemon=True).start()
        try:
            return call_back(resource, data, token, state)
        finally:
            done.set()

    def execute_timed_task(state: dict[str, Any], data: Any, execution: Any, context: dict[str, Any]) -> Any:
        return execute_task(_with_numbers(state, data, context), data, execution, context)

    stepfunctions._find_matching_retrier = find_timed_retrier
    stepfunctions._invoke_with_callback = call_back_while_alive
    stepfunctions._execute_task = execute_timed_task


def _with_delay(retrier: dict[str, Any], retries: int) -> dict[str, Any]:
    """`retrier` with its next delay as its interval, as the emulator multiplies interval and rate itself."""
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)  # noqa: S311 - a delay is no secret
    return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}


def _expect_heartbeats(token: str, period: float, done: threading.Event) -> None:
    seen = None
    while not done.wait(period):
        task = stepfunctions._task_tokens.get(token)
        if task is None:
            return
        if task["heartbeat"] == seen:
            task["error"] = {"Error": "States.HeartbeatTimeout", "Cause": ""}
            task["event"].set()
            return
        seen = task["heartbeat"]


def _with_numbers(state: dict[str, Any], data: Any, context: dict[str, Any]) -> dict[str, Any]:
    if stepfunctions._state_query_language(state, context) != "JSONata":
        return state
    numbers = {
        field: stepfunctions._jsonata_state_field(state, field, "number", data, context)
        for field in ("TimeoutSeconds", "HeartbeatSeconds")
        if isinstance(state.get(field), str)
    }
    return {**state, **numbers}
