"""`DELETE /jobs/{jobId}`: the job is Cancelled; the stream reader then stops what works on it.

Until then it stays in the index of open jobs, so that the reconciler does so should the reader never come to it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from constructs_lib.job_tracker.endpoints.reading import (
    DOCUMENTED_ID,
    change,
    changed,
    reader_of_job,
    unchanged,
    whole,
)
from constructs_lib.storage_first_api.integrations import ServiceCall
from constructs_lib.storage_first_api.problems import Problem
from constructs_lib.storage_first_api.values import arrival_time, expires_after

if TYPE_CHECKING:
    from aws_cdk import Duration

    from constructs_lib.storage_first_api.route import Route

_ENDED = Problem(status=HTTPStatus.CONFLICT, detail="The job has ended already, and can no longer be cancelled.")


def call(table: str, route: Route, *, expire_after: Duration) -> ServiceCall:
    """Describe the call that cancels one job of `table`; to cancel it again changes nothing, and answers the same."""
    reader = reader_of_job(route)
    template = change(
        reader,
        table,
        "SET #status = :cancelled, #finishedAt = :now, #updatedAt = :now, #checkAt = :now, #expiresAt = :expires, "
        "#version = #version + :one REMOVE #waitingFor",
        "#status IN (:pending, :inProgress)",
        {
            ":cancelled": {"S": "Cancelled"},
            ":now": {"S": reader.text(arrival_time())},
            ":expires": {"N": reader.text(expires_after(expire_after))},
            ":one": {"N": "1"},
            ":pending": {"S": "Pending"},
            ":inProgress": {"S": "In Progress"},
        },
    )
    return ServiceCall(
        service="dynamodb",
        action="UpdateItem",
        template=template,
        documentation={"summary": "Cancel a job", "answers": {"200": "Job"}, "parameters": DOCUMENTED_ID},
        answers=[
            changed(whole(route)),
            unchanged(
                reader,
                fine='$job.status.S == "Cancelled"',
                shown=whole(route),
                status=HTTPStatus.OK,
                otherwise=_ENDED,
            ),
        ],
    )
