"""`GET /jobs/{jobId}`: the job as it is now."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from constructs_lib.job_tracker.endpoints.reading import DOCUMENTED_ID, HEADERS, KEY, reader_of_job, whole
from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import refused
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall
from constructs_lib.storage_first_api.problems import answer_with
from constructs_lib.storage_first_api.templates import Raw, Value, Vtl, document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.storage_first_api.route import Route


def call(table: str, route: Route) -> ServiceCall:
    """Describe the call that shows one job of `table`.

    An unknown job, another tenant's and an expired one are the same 404: what has expired is filtered, since DynamoDB
    deletes it days later. A query counts what it finds, so that an answer which is none of DynamoDB's is no 404.
    """
    reader = reader_of_job(route)
    request: Mapping[str, Value] = {
        "TableName": table,
        "ConsistentRead": True,
        "KeyConditionExpression": "#pk = :pk",
        "FilterExpression": "attribute_not_exists(#expiresAt) OR #expiresAt > :now",
        "ExpressionAttributeNames": {"#pk": "pk", "#expiresAt": "expiresAt"},
        "ExpressionAttributeValues": {
            ":pk": {"S": reader.text(KEY)},
            ":now": {"N": Vtl(f"${{{reader.epoch[1:]}.substring(0,10)}}")},
        },
    }
    return ServiceCall(
        service="dynamodb",
        action="Query",
        template=reader.document(request, impossible=lambda reason: {"TableName": table, "Select": reason}),
        documentation={"answers": {"200": "Job"}, "parameters": DOCUMENTED_ID},
        answers=[_shown(route), refused(reader.refusals)],
    )


def _shown(route: Route) -> Answer:
    found = f"#set($job = $input.path('$.Items[0]')){whole(route).source}"
    unknown = answer_with(problems.NO_SUCH_JOB).source
    unreadable = answer_with(problems.UNAVAILABLE).source
    return Answer(
        outcome="200",
        status=HTTPStatus.OK,
        template=document(
            Raw(f"#if($count == 1){found}#elseif($count == 0){unknown}#{{else}}{unreadable}#end"),
            setup="#set($count = $input.path('$.Count'))",
        ),
        headers=HEADERS,
    )
