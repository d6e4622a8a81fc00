"""An asynchronous Express execution is nobody's business but its own.

Its ARN ends in a part that its start alone tells; the same name may be used again; EventBridge does not hear of its
end; and nobody can look at it or stop it. The emulator runs it as a Standard one.
"""

import contextvars
import json
import threading
from typing import Any

from ministack.core.responses import error_response_json, json_response, new_uuid, now_iso
from ministack.services import stepfunctions


def close() -> None:
    """Start executions of Express state machines as AWS does, and show none of them."""
    start = stepfunctions._start_execution
    describe = stepfunctions._describe_execution
    stop = stepfunctions._stop_execution

    def start_of_its_kind(request: dict[str, Any]) -> Any:
        machine = stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", "").partition("#")[0])
        if machine is None or stepfunctions._state_machines[machine]["type"] != "EXPRESS":
            return start(request)
        try:
            json.loads(request.get("input", "{}"))
        except ValueError:
            return error_response_json("InvalidExecutionInput", "Invalid execution input", 400)
        return _start(machine, request)

    def show_standard(request: dict[str, Any]) -> Any:
        return _hidden(request) or describe(request)

    def stop_standard(request: dict[str, Any]) -> Any:
        return _hidden(request) or stop(request)

    stepfunctions._start_execution = start_of_its_kind
    stepfunctions._describe_execution = show_standard
    stepfunctions._stop_execution = stop_standard


def _start(machine: str, request: dict[str, Any]) -> Any:
    name = request.get("name") or new_uuid()
    arn = f"{machine.replace(':stateMachine:', ':express:')}:{name}:{new_uuid()}"
    started = now_iso()
    stepfunctions._executions[arn] = {
        "executionArn": arn,
        "stateMachineArn": machine,
        "name": name,
        "status": "RUNNING",
        "startDate": started,
        "stopDate": None,
        "input": request.get("input", "{}"),
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": {"included": True},
        "testCase": "",
        "mockAttempts": {},
        "sync": True,  # how the emulator marks what sends no events
        "events": [{"id": 1, "type": "ExecutionStarted", "timestamp": started, "executionStartedEventDetails": {}}],
    }
    # The account and Region of a request are context variables, which a new thread does not have.
    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(stepfunctions._run_execution, arn), daemon=True).start()
    return json_response({"executionArn": arn, "startDate": started})


def _hidden(request: dict[str, Any]) -> Any:
    arn = request.get("executionArn", "")
    if ":express:" not in arn:
        return None
    return error_response_json("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {arn}'", 400)
