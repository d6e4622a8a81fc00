"""What an API serves of the jobs that its routes store: look, list, cancel, try again. No compute, only their table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from constructs_lib.job_tracker.endpoints import cancelling, listing, retrying, showing
from constructs_lib.job_tracker.endpoints.links import JOBS
from constructs_lib.storage_first_api.access import ANYONE
from constructs_lib.storage_first_api.route import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_dynamodb as dynamodb

    from constructs_lib.storage_first_api import StorageFirstApi
    from constructs_lib.storage_first_api.access import Access
    from constructs_lib.storage_first_api.integrations import ServiceCall


class JobEndpoints:
    """Serves the jobs of one table, in each API whose answers link to them."""

    def __init__(self, table: dynamodb.ITable, *, expire_after: Duration) -> None:
        """Serve the jobs of `table`; a job that is cancelled is readable for as long as `expire_after`."""
        self._table = table
        self._expire_after = expire_after
        self._served: dict[str, Access] = {}

    def serve(self, api: StorageFirstApi, route: Route) -> None:
        """Add the routes of jobs to `api`, once, for whoever may call the API.

        Raises:
            ValueError: If `api` serves the jobs of another table, or those of `route` to others than may call it.
        """
        path = f"{api.root_path}{JOBS}/{{jobId}}"
        place = f"{api.rest_api.node.addr}{path}"
        if place not in self._served:
            if api.rest_api.root.resource_for_path(path).node.try_find_child("GET"):
                raise ValueError(
                    f"{api.node.path} serves GET {path} already, for another JobTracker. "
                    "Use one tracker for all routes of an API, or give one of the APIs another root_path"
                )
            self._add_routes(api)
            self._served[place] = api.access
        if route.access.tenant != self._served[place].tenant:
            raise ValueError(
                f"access of {route.name} must name the same tenant as access of {api.node.path}, "
                f"whose GET {path} shows its jobs"
            )
        if self._served[place] == ANYONE and route.access != ANYONE:
            raise ValueError(
                f"access of {route.name} does not keep its jobs: GET {path} shows them to anyone. Give the access to "
                f"{api.node.path}, and access=Access.anyone() to the routes that anyone may call"
            )

    def _add_routes(self, api: StorageFirstApi) -> None:
        job, jobs = f"{JOBS}/{{jobId}}", self._table.table_arn
        self._add(api, "GET", job, showing.call, "dynamodb:Query", jobs)
        indexes = [f"{jobs}/index/{listing.index_name(asked)}" for asked in listing.INDEXES]
        self._add(api, "GET", JOBS, listing.call, "dynamodb:Query", *indexes)
        cancel = partial(cancelling.call, expire_after=self._expire_after)
        self._add(api, "DELETE", job, cancel, "dynamodb:UpdateItem", jobs)
        self._add(api, "POST", f"{job}/retry", retrying.call, "dynamodb:UpdateItem", jobs)

    def _add(
        self,
        api: StorageFirstApi,
        http_method: str,
        path: str,
        describe: Callable[[str, Route], ServiceCall],
        action: str,
        *resources: str,
    ) -> None:
        """Serve one route by a call that `describe` makes, and that may do one `action`."""
        route = Route(http_method=http_method, path=f"{api.root_path}{path}", access=api.access, root=api.root_path)
        call = describe(self._table.table_name, route)
        api.add_service_method(route, call, target=self._table.node.path, grant=self._grant(action, resources))

    def _grant(self, action: str, resources: Sequence[str]) -> Callable[[iam.IGrantable], iam.Grant]:
        def grant(grantee: iam.IGrantable) -> iam.Grant:
            if self._table.encryption_key:
                self._table.encryption_key.grant_decrypt(grantee)
            return iam.Grant.add_to_principal(grantee=grantee, actions=[action], resource_arns=list(resources))

        return grant
