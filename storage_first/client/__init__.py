"""Send requests to a storage-first API from Python, and follow what becomes of them."""

from storage_first.client.client import Client
from storage_first.client.errors import (
    AnswerError,
    ApiError,
    JobCancelledError,
    JobFailedError,
    JobTimeoutError,
    LinkError,
    ProblemError,
    UnreachableError,
)
from storage_first.client.job import Job, Progress, Status

__all__ = [
    "AnswerError",
    "ApiError",
    "Client",
    "Job",
    "JobCancelledError",
    "JobFailedError",
    "JobTimeoutError",
    "LinkError",
    "ProblemError",
    "Progress",
    "Status",
    "UnreachableError",
]
