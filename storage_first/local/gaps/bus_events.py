"""EventBridge refuses an event that lacks a part, whose detail is no JSON object, or that is too large.

The emulator takes everything. EventBridge answers 400 to a request that breaks the rules of its model or its limit of
1 MB for all entries, and 200 with an error for each entry that it does not take.
"""

import json
from typing import Any, Final

from ministack.core.responses import error_response_json, json_response
from ministack.services import eventbridge

from storage_first.local.gaps.constraints import validation_exception, violations

_ENDPOINT_ID: Final = r"^[A-Za-z0-9\-]+[\.][A-Za-z0-9\-]+$"
_LIMIT: Final = 1_048_576
_SIZE_OF_TIME: Final = 14
_REQUIRED: Final = ("Source", "DetailType", "Detail")


def close() -> None:
    """Let PutEvents look at the entries."""
    put = eventbridge._put_events

    def put_valid(data: dict[str, Any], **internal: Any) -> Any:
        entries = data.get("Entries", [])
        if broken := violations("endpointId", data.get("EndpointId"), shortest=1, longest=50, pattern=_ENDPOINT_ID):
            return validation_exception(broken)
        if sum(map(_size, entries)) > _LIMIT:
            text = "Total size of the entries in the request is over the limit."
            return error_response_json("ValidationException", text, 400)
        errors = [_error(entry) for entry in entries]
        if not any(errors):
            return put(data, **internal)
        accepted = [entry for entry, error in zip(entries, errors, strict=True) if not error]
        status, headers, body = put({**data, "Entries": accepted}, **internal)
        if status != 200:  # noqa: PLR2004 - it refused the rest as a whole
            return status, headers, body
        results = iter(json.loads(body)["Entries"])
        merged = [error or next(results) for error in errors]
        return json_response({"FailedEntryCount": sum("ErrorCode" in entry for entry in merged), "Entries": merged})

    eventbridge._put_events = put_valid


def _error(entry: dict[str, Any]) -> dict[str, str] | None:
    for name in _REQUIRED:
        if not entry.get(name):
            text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}
    if not _is_object(entry["Detail"]):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=eventbridge._reject_json_constant), dict)
    except (ValueError, RecursionError):
        return False


def _size(entry: dict[str, Any]) -> int:
    """The size of an entry as EventBridge's guide calculates it, in bytes."""
    texts = [entry.get(name) or "" for name in _REQUIRED] + list(entry.get("Resources") or [])
    time = _SIZE_OF_TIME if entry.get("Time") is not None else 0
    return time + sum(len(str(text).encode("utf-8", "surrogatepass")) for text in texts)
