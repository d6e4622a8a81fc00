"""`GET /jobs?status=&type=`: the caller's jobs, newest first, a page at a time.

One index for each combination of what can be asked for, so that a page is read and nothing else: none is filtered by
reading past what was not asked for.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from constructs_lib.job_tracker.endpoints.links import JOBS, base_path
from constructs_lib.job_tracker.endpoints.reading import HEADERS, NOW, SET_GONE, summary
from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import refused
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall
from constructs_lib.storage_first_api.problems import Problem, answer_with
from constructs_lib.storage_first_api.reader import ID_PATTERN, RequestReader
from constructs_lib.storage_first_api.templates import If, Raw, Value, Vtl, concat, document, fragment, when
from constructs_lib.storage_first_api.values import query, tenant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs_lib.storage_first_api.route import Route

NEWEST = "newest"
# What can be asked for: each combination has an index of its own.
INDEXES = ((), ("type",), ("status",), ("type", "status"))
SHOWN = ("attempt", "expiresAt", "finishedAt", "id", "startedAt", "status", "type", "updatedAt", "version")

PAGE = 50
TYPE_PATTERN = "[A-Za-z][A-Za-z0-9_.-]{0,63}"
_STATUSES = ("Pending", "In Progress", "Succeeded", "Failed", "Cancelled")
_TIME_LENGTH = 24  # 2026-11-21T20:12:29.123Z
_CURSOR_PATTERN = f"[0-9TZ:.-]{{{_TIME_LENGTH}}}~{ID_PATTERN}"


def index_name(asked: Sequence[str]) -> str:
    """Name the index of the jobs that have in common what is `asked` for."""
    return ".".join((NEWEST, *asked))


def call(table: str, route: Route) -> ServiceCall:
    """Describe the call that lists a tenant's jobs in `table`."""
    reader = RequestReader(route)
    status = _optional(reader, "status", "|".join(_STATUSES), f"must be one of {', '.join(_STATUSES)}")
    type_ = _optional(reader, "type", TYPE_PATTERN, "is not the type of any job")
    cursor = _optional(reader, "cursor", _CURSOR_PATTERN, "is not one that a link has given")
    own = reader.text(tenant())
    by_type, by_status, onward = (f'{variable} != ""' for variable in (type_, status, cursor))

    asked: Mapping[str, Value] = {
        "tenant": {"S": own},
        "type": If(by_type, {"S": _plain(type_)}),
        "status": If(by_status, {"S": _plain(status)}),
    }
    after: Mapping[str, Value] = {
        "createdAt": {"S": Vtl(f"${{{cursor[1:]}.substring(0,{_TIME_LENGTH})}}")},
        "pk": {"S": concat(own, "#", Vtl(f"${{{cursor[1:]}.substring({_TIME_LENGTH + 1})}}"))},
    }
    request: Mapping[str, Value] = {
        "TableName": table,
        "IndexName": concat(NEWEST, when(by_type, ".type", ""), when(by_status, ".status", "")),
        "KeyConditionExpression": concat(
            "#tenant = :tenant", when(by_type, " AND #type = :type", ""), when(by_status, " AND #status = :status", "")
        ),
        "ExpressionAttributeNames": {
            "#tenant": "tenant",
            "#type": If(by_type, "type"),
            "#status": If(by_status, "status"),
        },
        "ExpressionAttributeValues": {f":{name}": value for name, value in asked.items()},
        "ScanIndexForward": False,
        "Limit": PAGE,
        "ExclusiveStartKey": If(onward, {**after, **asked}),
    }
    return ServiceCall(
        service="dynamodb",
        action="Query",
        template=reader.document(request, impossible=lambda reason: {"TableName": table, "Select": reason}),
        query_parameters=reader.query_parameters,
        documentation={"summary": "List jobs, newest first", "answers": {"200": "Jobs"}, "parameters": _documented()},
        answers=[_page(route), refused(reader.refusals)],
    )


def _optional(reader: RequestReader, name: str, pattern: str, wrong: str) -> str:
    problem = Problem(status=HTTPStatus.BAD_REQUEST, detail=f"The {name} {wrong}.")
    return reader.match(query(name, default=""), f"|{pattern}", problem)


def _plain(variable: str) -> Vtl:
    """Write a variable that was checked to be letters, digits and the like."""
    return Vtl(f"${{{variable[1:]}}}")


def _documented() -> Mapping[str, Any]:
    """Tell what each parameter may be; an empty one is none."""
    return {
        "querystring.status": {"enum": ["", *_STATUSES]},
        "querystring.type": {"pattern": f"^({TYPE_PATTERN})?$"},
        "querystring.cursor": {"pattern": f"^({_CURSOR_PATTERN})?$"},
    }


def _page(route: Route) -> Answer:
    """Show a page; one that has expired since is left out, as if DynamoDB had deleted it by now."""
    job = fragment({**summary(), "links": [{"rel": "self", "href": Vtl(f"$base{JOBS}/$job.id.S")}]}).source
    jobs = (
        f"#set($comma = \"\")#foreach($job in $input.path('$.Items'))"
        f'{SET_GONE}#if(!$gone)$comma{job}#set($comma = ",")#end#end'
    )
    asked = "".join(
        f"#if(\"$!last.{name}.S\" != \"\")&{name}=$last.{name}.S.replace(' ','%20')#end" for name in ("type", "status")
    )
    # In an address as it must be signed, by callers with keys of IAM: with every reserved character encoded.
    cursor = "$last.createdAt.S.replace(':','%3A')~$last.pk.S.substring($mark)"
    onward = (
        f'#set($last = $input.path(\'$.LastEvaluatedKey\'))#if("$!last.pk.S" != "")'
        f"#set($mark = $last.pk.S.indexOf('#') + 1)"
        f'{{"rel":"next","href":"$base{JOBS}?cursor={cursor}{asked}"}}#end'
    )
    unreadable = answer_with(problems.UNAVAILABLE).source
    return Answer(
        outcome="200",
        status=HTTPStatus.OK,
        template=document(
            Raw(f'#if("$!count" == ""){unreadable}#{{else}}{{"jobs":[{jobs}],"links":[{onward}]}}#end'),
            setup=f"#set($count = $input.path('$.Count')){NOW}{base_path(route)}",
        ),
        headers=HEADERS,
    )
