"""Store requests by a template that is written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api.errors import refused
from constructs_lib.storage_first_api.integrations import ServiceCall, accepted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route


class RawTemplateStore:
    r"""Stores each request of a route by any action of a service, with a mapping template of your own.

    Nothing in the template is escaped or checked for you: write client data as
    `$util.escapeJavaScript(x).replaceAll("\\'","'")` inside JSON strings, and headers as
    `$input.params().header.get('X')`, since `$input.params('X')` is spoofed by a query parameter. For services that
    speak JSON; of their answers only a 200 with an id is a success.
    """

    def __init__(
        self,
        *,
        service: str,
        action: str,
        template: str,
        id_path: str,
        actions: Sequence[str],
        resources: Sequence[str],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Store requests by `action` of `service`.

        Args:
            service: The service as API Gateway's URIs name it, such as `firehose`.
            action: The action, such as `PutRecord`.
            template: The mapping template, in Velocity, of a JSON body.
            id_path: The id's JSONPath in the service's answer, such as `$.RecordId`. An answer without it is a 503.
            actions: What the route's role may do, such as `firehose:PutRecord`.
            resources: The ARNs on which.
            headers: Headers of the call, such as `X-Amz-Target`, where API Gateway does not set them itself.
        """
        if not template.strip():
            raise ValueError("template must not be empty: API Gateway would pass any body on to the action as it is")
        self._service = service
        self._action = action
        self._template = template
        self._id_path = id_path
        self._actions = actions
        self._resources = resources
        self._headers = headers or {}

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return ", ".join(self._resources)

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell nothing: CloudWatch has no metrics of it without a charge."""
        return ()

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` do what the store was given."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=list(self._actions), resource_arns=list(self._resources)
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Add nothing."""

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        del route
        return ServiceCall(
            service=self._service,
            action=self._action,
            template=self._template,
            parameters={f"header.{name}": f"'{value}'" for name, value in self._headers.items()},
            answers=[accepted(f"$!input.path('{self._id_path}')"), refused()],
        )
