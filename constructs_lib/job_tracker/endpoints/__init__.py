"""`GET /jobs/{jobId}`: the job as it is now, read from the table without compute."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.access import ANYONE
from constructs_lib.storage_first_api.errors import refused
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall
from constructs_lib.storage_first_api.problems import answer_with
from constructs_lib.storage_first_api.reader import ID_PATTERN, TENANT_PATTERN, tenant_of
from constructs_lib.storage_first_api.route import Route
from constructs_lib.storage_first_api.templates import Raw, Value, Vtl, client_text, concat, document, fragment, when

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_dynamodb as dynamodb

    from constructs_lib.storage_first_api import StorageFirstApi
    from constructs_lib.storage_first_api.access import Access

JOBS = "/jobs"
_JOB = f"{JOBS}/{{jobId}}"

# A terminal job no longer changes, so there is nothing to come back for.
_IN_FLIGHT = '$job.status.S == "Pending" || $job.status.S == "In Progress"'


class JobEndpoint:
    """Serves the jobs of one table, in each API whose answers link to them."""

    def __init__(self, table: dynamodb.ITable) -> None:
        """Show jobs of `table`."""
        self._table = table
        self._shown: dict[str, Access] = {}

    def serve(self, api: StorageFirstApi, route: Route) -> None:
        """Add `GET /jobs/{jobId}` to `api`, once, for whoever may call the API.

        Raises:
            ValueError: If `api` shows the jobs of another table, or those of `route` to others than may call it.
        """
        path = f"{api.root_path}{_JOB}"
        place = f"{api.rest_api.node.addr}{path}"
        if place not in self._shown:
            if api.rest_api.root.resource_for_path(path).node.try_find_child("GET"):
                raise ValueError(
                    f"{api.node.path} serves GET {path} already, for another JobTracker. "
                    "Use one tracker for all routes of an API, or give one of the APIs another root_path"
                )
            show = Route(http_method="GET", path=path, access=api.access, root=api.root_path)
            api.add_service_method(show, _show_job(self._table, show), target=self._table.node.path, grant=self._grant)
            self._shown[place] = api.access
        if route.access.tenant != self._shown[place].tenant:
            raise ValueError(
                f"access of {route.name} must name the same tenant as access of {api.node.path}, "
                f"whose GET {path} shows its jobs"
            )
        if self._shown[place] == ANYONE and route.access != ANYONE:
            raise ValueError(
                f"access of {route.name} does not keep its jobs: GET {path} shows them to anyone. Give the access to "
                f"{api.node.path}, and access=Access.anyone() to the routes that anyone may call"
            )

    def _grant(self, grantee: iam.IGrantable) -> iam.Grant:
        if self._table.encryption_key:
            self._table.encryption_key.grant_decrypt(grantee)
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["dynamodb:Query"], resource_arns=[self._table.table_arn]
        )


def _show_job(table: dynamodb.ITable, route: Route) -> ServiceCall:
    """Describe the call that shows one job.

    An unknown job, another tenant's and an expired one are the same 404: what has expired is filtered, since DynamoDB
    deletes it days later.
    """
    request: Mapping[str, Value] = {
        "TableName": table.table_name,
        "ConsistentRead": True,
        "KeyConditionExpression": "#pk = :pk",
        "FilterExpression": "attribute_not_exists(#expiresAt) OR #expiresAt > :now",
        "ExpressionAttributeNames": {"#pk": "pk", "#expiresAt": "expiresAt"},
        "ExpressionAttributeValues": {
            # No item's key is a dash, which stands for an id that no job can have.
            ":pk": {"S": when("$known", concat(client_text("$tenant"), "#", client_text("$jobId")), "-")},
            ":now": {"N": Vtl("${epoch.substring(0,10)}")},
        },
    }
    has_tenant = f' && $tenant.matches("{TENANT_PATTERN}")' if route.access.tenant else ""
    setup = f"""
#set($jobId = "$!input.params().path.get('jobId')")
#set($tenant = {tenant_of(route)})
#set($known = $jobId.matches("{ID_PATTERN}"){has_tenant})
#set($epoch = "$context.requestTimeEpoch")"""
    found = Answer(
        outcome="200",
        status=HTTPStatus.OK,
        template=_job_or_not_found(),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )
    return ServiceCall(
        service="dynamodb",
        action="Query",
        template=document(request, setup=setup),
        documentation={
            "answers": {"200": "Job"},
            "parameters": {"path.jobId": {"pattern": f"^{ID_PATTERN}$"}},
        },
        answers=[found, refused()],
    )


def _job_or_not_found() -> str:
    progress = fragment(
        {"percent": Raw("$job.progress.M.percent.N"), "message": client_text("$job.progress.M.message.S")}
    )
    error = fragment({"code": client_text("$job.error.M.code.S"), "message": client_text("$job.error.M.message.S")})
    members: Mapping[str, Value] = {
        "id": client_text("$job.id.S"),
        "type": client_text("$job.type.S"),
        "status": client_text("$job.status.S"),
        "attempt": Raw("$job.attempt.N"),
        "version": Raw("$job.version.N"),
        "createdAt": client_text("$job.createdAt.S"),
        "startedAt": _if_present("startedAt", fragment(client_text("$job.startedAt.S"))),
        "finishedAt": _if_present("finishedAt", fragment(client_text("$job.finishedAt.S"))),
        "updatedAt": client_text("$job.updatedAt.S"),
        "progress": _if_present("progress", progress),
        "result": _if_present("result", Raw("$job.result.S")),  # JSON text, written by the workflow's last state
        "error": _if_present("error", error),
        "links": [{"rel": "self", "href": Vtl("$context.path")}],
    }
    come_back = (
        f'#if({_IN_FLIGHT})#set($context.responseOverride.header.Retry-After = "{problems.RETRY_AFTER_SECONDS}")#end'
    )
    found = f"#set($job = $input.path('$.Items[0]')){come_back}{fragment(members).source}"
    unknown = answer_with(problems.NO_SUCH_JOB).source
    unreadable = answer_with(problems.UNAVAILABLE).source
    choice = f"#if($count == 1){found}#elseif($count == 0){unknown}#{{else}}{unreadable}#end"
    return document(Raw(choice), setup="#set($count = $input.path('$.Count'))")


def _if_present(name: str, value: Raw) -> Raw:
    return Raw(f'#if($job.containsKey("{name}")){value.source}#{{else}}null#end')
