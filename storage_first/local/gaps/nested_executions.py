"""`startExecution.sync` runs a Standard execution of its own, and tells how it ended as AWS does.

The emulator runs the nested execution as if it were an Express one: nobody is told of its end, its name may have been
used before, and it outlives an execution that is stopped. Its failure looks like the task's own. On AWS it is always
`States.TaskFailed`, with the answer of DescribeExecution as its cause.
"""

import contextvars
import json
import threading
from typing import Any

from ministack.services import stepfunctions

_parent: contextvars.ContextVar[str | None] = contextvars.ContextVar("parent", default=None)
_ended: set[str] = set()
_changed = threading.Condition()


def close() -> None:
    """Start nested executions like others, and follow them."""
    run = stepfunctions._run_execution
    tell = stepfunctions._emit_execution_status_event

    def run_as_parent(arn: str) -> None:
        token = _parent.set(arn)
        try:
            run(arn)
        finally:
            _parent.reset(token)

    def tell_waiting(execution: dict[str, Any]) -> None:
        tell(execution)
        if execution["status"] != "RUNNING":
            with _changed:
                _ended.add(execution["executionArn"])
                _changed.notify_all()

    stepfunctions._run_execution = run_as_parent
    stepfunctions._emit_execution_status_event = tell_waiting
    stepfunctions._invoke_nested_start_execution_sync = _run_nested


def _run_nested(resource: str, data: Any) -> dict[str, Any]:
    nested, parent = _start(data), _parent.get()
    with _changed:
        _changed.wait_for(lambda: nested in _ended or parent in _ended)
    if nested not in _ended:
        stepfunctions._stop_execution({"executionArn": nested})
    described = _described(nested)
    if described["Status"] != "SUCCEEDED":
        cause = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        raise stepfunctions._ExecutionError("States.TaskFailed", cause)
    if resource.endswith(".sync:2"):
        described["Output"] = json.loads(described["Output"])
    return described


def _start(data: Any) -> str:
    status, _, body = stepfunctions._start_execution(stepfunctions._nested_start_execution_request(data))
    answer = json.loads(body)
    if status >= 400:  # noqa: PLR2004
        code = answer["__type"].rpartition("#")[2].removesuffix("Exception")
        raise stepfunctions._ExecutionError(f"StepFunctions.{code}Exception", answer.get("message", ""))
    return str(answer["executionArn"])


def _described(arn: str) -> dict[str, Any]:
    """Describe an execution as the Java SDK does, which writes names with capitals and times in milliseconds."""
    _, _, body = stepfunctions._describe_execution({"executionArn": arn})
    known = json.loads(body)
    if known["status"] != "SUCCEEDED":
        del known["output"], known["outputDetails"]
    for name in ("startDate", "stopDate"):
        known[name] = stepfunctions._iso_to_epoch_ms(known[name])
    return {_capital(name): _inside(value) for name, value in known.items() if value is not None}


def _inside(value: Any) -> Any:
    return {_capital(name): inner for name, inner in value.items()} if isinstance(value, dict) else value


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]
