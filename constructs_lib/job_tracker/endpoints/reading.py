"""Finds the job that a request names, shows it, and changes it in one conditional write."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from constructs_lib.job_tracker.endpoints.links import JOBS, base_path
from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import is_type, refused
from constructs_lib.storage_first_api.integrations import Answer
from constructs_lib.storage_first_api.reader import ID_PATTERN, RequestReader
from constructs_lib.storage_first_api.templates import Raw, Value, client_text, document, either, fragment
from constructs_lib.storage_first_api.values import Text, join, path, tenant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.storage_first_api.problems import Problem
    from constructs_lib.storage_first_api.route import Route

_ID = path("jobId")
KEY: Text = join(tenant(), "#", _ID)
DOCUMENTED_ID = {"path.jobId": {"pattern": f"^{ID_PATTERN}$"}}

# A terminal job no longer changes, so there is nothing to come back for.
IN_FLIGHT = '$job.status.S == "Pending" || $job.status.S == "In Progress"'
_ENDED_BADLY = '$job.status.S == "Failed" || $job.status.S == "Cancelled"'
# DynamoDB deletes what has expired days later. Nested, because not every engine leaves out what need not be asked.
NOW = '#set($now = $util.parseJson("[$context.requestTimeEpoch]").get(0) / 1000)'
SET_GONE = (
    '#set($gone = false)#if($job.containsKey("expiresAt"))'
    '#if($util.parseJson("[$job.expiresAt.N]").get(0) <= $now)#set($gone = true)#end#end'
)

HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
CONDITION_FAILED = is_type("ConditionalCheckFailed")


def reader_of_job(route: Route) -> RequestReader:
    """Read which job a request to `route` names; one that no job can have is the same 404 as an unknown one."""
    reader = RequestReader(route)
    reader.match(_ID, ID_PATTERN, problems.NO_SUCH_JOB)
    return reader


def change(
    reader: RequestReader, table: str, update: str, condition: str, values: Mapping[str, Mapping[str, Value]]
) -> str:
    """Write the template of one conditional write to the job; a refused one tells the job as it is."""
    request: Mapping[str, Value] = {
        "TableName": table,
        "Key": {"pk": {"S": reader.text(KEY)}},
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {name: name[1:] for name in re.findall(r"#\w+", f"{update} {condition}")},
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return reader.document(
        request,
        impossible=lambda reason: {"TableName": table, "Key": {"pk": {"S": "-"}}, "ReturnValues": reason},
    )


def changed(shown: Raw) -> Answer:
    """Answer 200 with what a write has made of the job."""
    unconfirmed = problems.answer_with(problems.UNAVAILABLE)
    return Answer(
        outcome="200",
        status=HTTPStatus.OK,
        template=document(
            either('"$!job.id.S" == ""', unconfirmed, shown),
            setup="#set($job = $input.path('$.Attributes'))",
        ),
        headers=HEADERS,
    )


def unchanged(reader: RequestReader, *, fine: str, shown: Raw, status: HTTPStatus, otherwise: Problem) -> Answer:
    """Answer a refused write by the job as it is.

    Args:
        reader: What has read the request.
        fine: The condition under which the job is as the caller wants it, with nothing left to write.
        shown: What is answered then.
        status: The status of that answer.
        otherwise: Why nothing was written to any other job.
    """
    cases = [
        *reader.refusals,
        (f"{CONDITION_FAILED} && $gone", problems.NO_SUCH_JOB),
        (CONDITION_FAILED, otherwise),
    ]
    repeated = (
        f"#set($context.responseOverride.status = {status.value})"
        f'#set($context.responseOverride.header.Content-Type = "application/json"){shown.source}'
    )
    return refused(
        cases,
        setup=f'#set($job = $input.path(\'$.Item\'))#set($gone = true)#if("$!job.id.S" != ""){NOW}{SET_GONE}#end',
        unless=(f"{CONDITION_FAILED} && !$gone && ({fine})", Raw(repeated)),
    )


def summary() -> Mapping[str, Value]:
    """Show what a list tells of `$job`."""
    return {
        "id": client_text("$job.id.S"),
        "type": client_text("$job.type.S"),
        "status": client_text("$job.status.S"),
        "attempt": Raw("$job.attempt.N"),
        "version": Raw("$job.version.N"),
        "createdAt": client_text("$job.createdAt.S"),
        "startedAt": _if_present("startedAt", fragment(client_text("$job.startedAt.S"))),
        "finishedAt": _if_present("finishedAt", fragment(client_text("$job.finishedAt.S"))),
        "updatedAt": client_text("$job.updatedAt.S"),
    }


def whole(route: Route) -> Raw:
    """Show `$job`, and say when to come back while it can still change."""
    progress = fragment(
        {"percent": Raw("$job.progress.M.percent.N"), "message": client_text("$job.progress.M.message.S")}
    )
    error = fragment({"code": client_text("$job.error.M.code.S"), "message": client_text("$job.error.M.message.S")})
    members: Mapping[str, Value] = {
        **summary(),
        "progress": _if_present("progress", progress),
        "result": _if_present("result", Raw("$job.result.S")),  # JSON text, written by the workflow's last state
        "error": _if_present("error", error),
        "links": Raw(f"[{_links()}]"),
    }
    come_back = (
        f'#if({IN_FLIGHT})#set($context.responseOverride.header.Retry-After = "{problems.RETRY_AFTER_SECONDS}")#end'
    )
    return Raw(f'{come_back}{base_path(route)}#set($self = "$base{JOBS}/$job.id.S"){fragment(members).source}')


def _links() -> str:
    entity = '$job.status.S == "Succeeded" && $job.containsKey("entity")'
    return (
        f"{_link('self', '$self')},{_link('collection', f'$base{JOBS}')}"
        f"#if({IN_FLIGHT}),{_link('cancel', '$self')}#end"
        f"#if({_ENDED_BADLY}),{_link('retry', '$self/retry')}#end"
        f"#if({entity}),{_link('entity', '$base$job.entity.S')}#end"
    )


def _link(rel: str, href: str) -> str:
    return f'{{"rel":"{rel}","href":"{href}"}}'


def _if_present(name: str, value: Raw) -> Raw:
    return Raw(f'#if($job.containsKey("{name}")){value.source}#{{else}}null#end')
