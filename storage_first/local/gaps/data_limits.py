"""What a state puts out has at most 256 KiB; more ends the execution, and nothing catches it.

The emulator has no limit. This one holds where states of the outer level end: what the branches of a Parallel or Map
state put out is counted when they join.
"""

import json
from typing import Any

from ministack.services import stepfunctions

_MAX_BYTES = 262_144  # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html


class _TooLargeError(Exception):
    """Leaves a state whose output is too large; no Catch sees it."""


def close() -> None:
    """End executions as AWS does."""
    add_event = stepfunctions._add_event

    def add_event_in_bounds(execution: dict[str, Any], event_type: str, details: Any = None) -> None:
        if event_type.endswith("StateExited"):
            exited = details["stateExitedEventDetails"]
            _require_in_bounds(execution, exited["name"], exited["output"])
        add_event(execution, event_type, details)

    stepfunctions._add_event = add_event_in_bounds


def _require_in_bounds(execution: dict[str, Any], name: str, output: str) -> None:
    if len(output) <= _MAX_BYTES:  # which escapes what is not ASCII, and has blanks
        return
    if len(json.dumps(json.loads(output), ensure_ascii=False, separators=(",", ":")).encode()) > _MAX_BYTES:
        too_large = "returned a result with a size exceeding the maximum number of bytes service limit."
        cause = f"The state/task '{name}' {too_large}"
        stepfunctions._fail_execution(execution, "States.DataLimitExceeded", cause)
        raise _TooLargeError
