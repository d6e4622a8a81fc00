"""Stores the requests of a route as jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aws_cdk import Size

from constructs_lib.job_tracker.endpoints.links import accepted_job
from constructs_lib.job_tracker.endpoints.listing import TYPE_PATTERN
from constructs_lib.storage_first_api.stores.dynamodb import ITEM, DynamoDbStore
from constructs_lib.storage_first_api.values import (
    arrival_digit,
    arrival_time,
    body,
    idempotency_key,
    join,
    request_id,
    tenant,
)

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb

    from constructs_lib.job_tracker.endpoints import JobEndpoints
    from constructs_lib.storage_first_api import StorageFirstApi
    from constructs_lib.storage_first_api.integrations import Answer
    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.values import Text

# An execution's input has at most 256 KiB: what is stored must fit into it, with the job around it.
_MAX_BODY = Size.kibibytes(240)
_TYPE_NAME = re.compile(TYPE_PATTERN)
_PATH = re.compile(r"/[A-Za-z0-9/._~-]*")


class JobStore(DynamoDbStore):
    """Stores each request of a route as a job; an API that uses it serves `GET /jobs/{jobId}` too.

    The id of the job is the caller's `Idempotency-Key`, or else the request's id. The same key with the same body
    answers with the job as it is now, and changes nothing.
    """

    def __init__(self, table: dynamodb.ITable, endpoints: JobEndpoints, *, type: str, entity: str | None) -> None:
        """Store requests in the table of a `JobTracker`.

        Args:
            table: The jobs.
            endpoints: What an API serves of the jobs.
            type: The type of the jobs.
            entity: The path of what a job makes, with `{id}` for the job's id.
        """
        super().__init__(
            table,
            item={
                "pk": join(tenant(), "#", idempotency_key()),
                "id": idempotency_key(),
                "tenant": tenant(),
                "type": type,
                "status": "Pending",
                "attempt": 1,
                "version": 1,
                "createdAt": arrival_time(),
                "updatedAt": arrival_time(),
                "requestId": request_id(),
                "input": body(),
                **({"entity": _path(entity)} if entity else {}),
                # The index of the unfinished; `open` spreads it.
                "open": arrival_digit(),
                "checkAt": arrival_time(),
            },
            max_body=_MAX_BODY,
        )
        self._compared = ["type", "input"]
        self._expires = "expiresAt"
        self._endpoints = endpoints

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Let `api` show the jobs that its answers link to.

        Raises:
            ValueError: If the path of `route` is greedy, or `api` shows the jobs of another tracker, or those of
                `route` to others than may call it.
        """
        if "+}" in route.path:
            raise ValueError(
                "path of a route that stores jobs must not be greedy, because links are built from its depth; "
                f"got {route.path!r}"
            )
        self._endpoints.serve(api, route)

    def _accepted(self, route: Route) -> Answer:
        return accepted_job(route, setup=ITEM)


def _path(entity: str) -> Text:
    before, placeholder, after = entity.partition("{id}")
    if not (placeholder and _PATH.fullmatch(before + after)):
        raise ValueError(
            "entity must be a path of letters, digits, slashes and any of . _ ~ - with {id} in it once, such as "
            f"/gophers/{{id}}; got {entity!r}"
        )
    return join(before, idempotency_key(), *([after] if after else []))


def require_job_type(argument: str, value: str) -> None:
    """Check that `value` can be the type of jobs, and part of names.

    Raises:
        ValueError: If it cannot; the message names `argument`.
    """
    if not _TYPE_NAME.fullmatch(value):
        raise ValueError(
            f"{argument} must be 1 to 64 letters, digits, dots, dashes and underscores, and start with a letter; "
            f"got {value!r}"
        )
