"""`POST /jobs/{jobId}/retry`: a Failed or Cancelled job is Pending again, for a new attempt."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from constructs_lib.job_tracker.endpoints.links import accepted_already, accepted_job
from constructs_lib.job_tracker.endpoints.reading import DOCUMENTED_ID, IN_FLIGHT, change, reader_of_job, unchanged
from constructs_lib.storage_first_api.integrations import ServiceCall
from constructs_lib.storage_first_api.problems import Problem
from constructs_lib.storage_first_api.stores.dynamodb import ITEM
from constructs_lib.storage_first_api.templates import Vtl
from constructs_lib.storage_first_api.values import arrival_digit, arrival_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.templates import Value

_SUCCEEDED = Problem(status=HTTPStatus.CONFLICT, detail="The job has succeeded: there is nothing to try again.")


def call(table: str, route: Route) -> ServiceCall:
    """Describe the call that gives one job of `table` a new attempt; one that is under way anyway is left alone."""
    reader = reader_of_job(route)
    now: Mapping[str, Value] = {"S": reader.text(arrival_time())}
    template = change(
        reader,
        table,
        "SET #status = :pending, #updatedAt = :now, #checkAt = :now, #open = :digit, #attempt = #attempt + :one, "
        "#version = #version + :one "
        "REMOVE #startedAt, #finishedAt, #expiresAt, #executionArn, #progress, #result, #error",
        "#status IN (:failed, :cancelled) AND #expiresAt > :epoch",
        {
            ":pending": {"S": "Pending"},
            ":now": now,
            ":digit": {"S": reader.text(arrival_digit())},
            ":one": {"N": "1"},
            ":failed": {"S": "Failed"},
            ":cancelled": {"S": "Cancelled"},
            ":epoch": {"N": Vtl(f"${{{reader.epoch[1:]}.substring(0,10)}}")},
        },
    )
    return ServiceCall(
        service="dynamodb",
        action="UpdateItem",
        template=template,
        documentation={"summary": "Give a job that is Failed or Cancelled a new attempt", "parameters": DOCUMENTED_ID},
        answers=[
            accepted_job(route, setup=ITEM),
            unchanged(
                reader,
                fine=IN_FLIGHT,
                shown=accepted_already(route),
                status=HTTPStatus.ACCEPTED,
                otherwise=_SUCCEEDED,
            ),
        ],
    )
