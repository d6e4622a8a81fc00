"""Starting a Standard execution again, with its name and its input, while it runs is no error.

AWS then answers as it did the first time. The emulator always answers `ExecutionAlreadyExists`.
"""

from typing import Any

from ministack.core.responses import json_response
from ministack.services import stepfunctions


def close() -> None:
    """Make StartExecution idempotent while the execution runs."""
    start = stepfunctions._start_execution

    def start_once(request: dict[str, Any]) -> Any:
        machine = stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", "").partition("#")[0])
        name = request.get("name")
        if machine is not None and name:
            arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
            running = stepfunctions._executions.get(arn)
            if running and running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
                return json_response({"executionArn": arn, "startDate": running["startDate"]})
        return start(request)

    stepfunctions._start_execution = start_once
