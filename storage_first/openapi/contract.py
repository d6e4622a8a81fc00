"""What the library's routes answer, as schemas with examples: the part of the contract that no template spells out.

A construct names the schema of an answer in its method's metadata, `{"StorageFirst::Route": {"answers": {"200":
"Job"}}}`; what answers 202 without a word is `Accepted`.
"""

from collections.abc import Mapping
from typing import Any, Final

ID: Final = "ce42c8c7-6a96-4fb4-8c20-dfe12ba5b52f"
INSTANCE: Final = "ToLEcSdgrtRp5SE="

ACCEPTED: Final = "Accepted"
JOB: Final = "Job"
JOBS: Final = "Jobs"
PROBLEM: Final = "Problem"

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
IDEMPOTENCY_KEY_PATTERN: Final = "[A-Za-z0-9_-]{1,64}"
IDEMPOTENCY_KEY_SCHEMA: Final[Mapping[str, Any]] = {
    "description": "The id of the request. The same key with the same body is the same request, however often sent.",
    "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$",
}

_TIME: Final = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Final = {"type": "integer", "minimum": 1}
_STATUSES: Final = ["Pending", "In Progress", "Succeeded", "Failed", "Cancelled"]


def _object(description: str, **members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "required": list(members),
        "properties": members,
        "additionalProperties": False,
    }


_SUMMARY: Final[Mapping[str, Mapping[str, Any]]] = {
    "id": {"type": "string"},
    "type": {"type": "string", "description": "What kind of work it is."},
    "status": {"type": "string", "enum": _STATUSES},
    "attempt": {**_COUNT, "description": "How often the work was begun."},
    "version": {**_COUNT, "description": "Grows with every change of status or progress."},
    "createdAt": _TIME,
    "startedAt": _TIME_OR_NULL,
    "finishedAt": _TIME_OR_NULL,
    "updatedAt": _TIME,
}
_LINKS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Link"}}

SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    ACCEPTED: _object(
        "The request is stored, and will be worked on.",
        id={"type": "string", "description": "What the request is stored under."},
        status={"type": "string", "description": "How far it is."},
        links=_LINKS,
    ),
    JOB: _object(
        "A stored request that is worked on. Succeeded, Failed and Cancelled jobs no longer change.",
        **_SUMMARY,
        progress={"oneOf": [{"$ref": "#/components/schemas/Progress"}, {"type": "null"}]},
        result={"description": "What the work made: any JSON, and null before it has succeeded."},
        error={"oneOf": [{"$ref": "#/components/schemas/JobError"}, {"type": "null"}]},
        links=_LINKS,
    ),
    JOBS: _object(
        "Some jobs, newest first; a link of the kind `next` leads to the rest. It may lead to none.",
        jobs={"type": "array", "items": {"$ref": "#/components/schemas/JobSummary"}},
        links=_LINKS,
    ),
    "JobSummary": _object("What a list tells of a job.", **_SUMMARY, links=_LINKS),
    "Progress": _object(
        "How far the work is.",
        percent={"type": "number", "minimum": 0, "maximum": 100},
        message={"type": "string"},
    ),
    "JobError": _object("Why the work failed.", code={"type": "string"}, message={"type": "string"}),
    "Link": _object("Where to go on.", rel={"type": "string"}, href={"type": "string", "format": "uri-reference"}),
    PROBLEM: _object(
        "Why the request was refused: problem details of RFC 9457.",
        type={"type": "string", "format": "uri-reference"},
        title={"type": "string", "description": "The status in words."},
        status={"type": "integer", "minimum": 400, "maximum": 599},
        detail={"type": "string", "description": "What happened, and what to do."},
        instance={"type": "string", "description": "The id of the request, for whoever operates the API."},
    ),
    "Message": {
        "description": "Why API Gateway refused the request.",
        "type": "object",
        "properties": {"message": {"type": ["string", "null"]}},
    },
}

HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Location": {"description": "Where to go on.", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {
        "description": "After how many seconds to come back.",
        "schema": {"type": "integer", "minimum": 0},
    },
}


def accepted(*, job: str | None, status: str) -> Mapping[str, Any]:
    """An example of what answers 202.

    Args:
        job: The path of the job, if the answer links to one.
        status: The status in the answer.
    """
    return {"id": ID, "status": status, "links": [{"rel": "job", "href": job}] if job else []}


def job(path: str) -> Mapping[str, Any]:
    """An example of a job that `path` shows."""
    return {
        "id": ID,
        "type": "make-report",
        "status": "In Progress",
        "attempt": 1,
        "version": 3,
        "createdAt": "2026-11-21T20:12:29.123Z",
        "startedAt": "2026-11-21T20:12:29.404Z",
        "finishedAt": None,
        "updatedAt": "2026-11-21T20:12:31.027Z",
        "progress": {"percent": 50, "message": "Gathered"},
        "result": None,
        "error": None,
        "links": [{"rel": "self", "href": path}],
    }
