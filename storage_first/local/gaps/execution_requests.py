"""Step Functions refuses to start an execution under an odd name, or with an input that is no JSON or too large.

The emulator starts it whatever they are. Names are the same in all of Step Functions: 80 characters, and none of those
that StartExecution's reference lists.
"""

import json
import re
from typing import Any, Final

from ministack.core.responses import error_response_json
from ministack.services import stepfunctions

from storage_first.local.gaps.constraints import validation_exception, violations

_LONGEST_NAME: Final = 80
_LARGEST_INPUT: Final = 262_144
_NOT_IN_NAMES: Final = re.compile(
    r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]"""
)


def close() -> None:
    """Let StartExecution and StartSyncExecution look at the name and the input."""
    for action in ("_start_execution", "_start_sync_execution"):
        setattr(stepfunctions, action, _valid(getattr(stepfunctions, action)))


def _valid(start: Any) -> Any:
    def start_valid(request: dict[str, Any]) -> Any:
        return _refusal(request.get("name"), request.get("input")) or start(request)

    return start_valid


def _refusal(name: str | None, text: str | None) -> Any:
    if broken := violations("name", name, shortest=1, longest=_LONGEST_NAME):
        return validation_exception(broken)
    if name is not None and _NOT_IN_NAMES.search(name):
        return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
    if text is None:
        return None
    if len(text.encode("utf-8", "surrogatepass")) > _LARGEST_INPUT:
        rule = f"Member must have length less than or equal to {_LARGEST_INPUT}"
        return validation_exception([f"Value at 'input' failed to satisfy constraint: {rule}"])
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        message = f"Invalid State Machine Execution Input: '{error if text else 'Invalid execution input.'}'"
        return error_response_json("InvalidExecutionInput", message, 400)
    return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}'")
