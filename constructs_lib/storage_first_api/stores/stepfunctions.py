"""Store requests as executions of a state machine."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_cdk import Size
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api.errors import is_type, refused
from constructs_lib.storage_first_api.integrations import ServiceCall, accepted
from constructs_lib.storage_first_api.problems import Problem, bad_request
from constructs_lib.storage_first_api.reader import RequestReader
from constructs_lib.storage_first_api.stores.reach import require_reachable
from constructs_lib.storage_first_api.templates import concat
from constructs_lib.storage_first_api.values import body, idempotency_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_stepfunctions as sfn

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route

_MAX_INPUT = Size.kibibytes(256)
_USED_KEY = Problem(
    status=HTTPStatus.UNPROCESSABLE_ENTITY,
    detail="This Idempotency-Key was used before, for this request or another. What it asked for then was started.",
)
_NOT_AN_INPUT = bad_request("The body cannot be the input of an execution.")


class StepFunctionsStore:
    """Starts an execution for each request of a route, whose input is the body exactly as it came.

    The execution's name is the caller's `Idempotency-Key`, or else the request's id, and the answer's id. The same
    request while its execution runs is the same execution; after that, and for another body, a key that was used is
    refused with 422: a `JobTracker` can tell them apart for as long as it keeps a job. Express workflows, and routes
    whose access gives a tenant, start another execution each time.
    """

    def __init__(self, state_machine: sfn.IStateMachine) -> None:
        """Start executions of `state_machine`."""
        self.state_machine = state_machine

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.state_machine.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell how it does."""
        return [
            self.state_machine.metric_started(),
            self.state_machine.metric_failed(),
            self.state_machine.metric_throttled(),
        ]

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` start executions, and nothing else."""
        return self.state_machine.grant_start_execution(grantee)

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the state machine.

        Raises:
            ValueError: If it is in another Region.
        """
        del route
        require_reachable("state_machine", self.state_machine, api, other_accounts=True)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that starts an execution for a request to `route`."""
        reader = RequestReader(route)
        reader.refuse_body_over(_MAX_INPUT)
        machine = self.state_machine.state_machine_arn
        # A name of one tenant's key would be another's too, and has no room for the tenant.
        name = {} if route.access.tenant else {"name": reader.text(idempotency_key())}
        template = reader.document(
            {"stateMachineArn": machine, **name, "input": reader.text(body())},
            # A name has no brackets.
            impossible=lambda reason: {"stateMachineArn": machine, "name": concat("<", reason, ">")},
        )
        cases = [
            *reader.refusals,
            (is_type("ExecutionAlreadyExists"), _USED_KEY),
            (is_type("InvalidExecutionInput"), _NOT_AN_INPUT),
        ]
        return ServiceCall(
            service="states",
            action="StartExecution",
            template=template,
            parameters={"header.Content-Type": "'application/x-amz-json-1.0'"},
            headers=reader.headers,
            query_parameters=reader.query_parameters,
            documentation=reader.documentation,
            answers=[
                accepted(
                    "$arn.substring($colon)",
                    setup="""#set($arn = "$!input.path('$.executionArn')")#set($colon = $arn.lastIndexOf(":") + 1)""",
                ),
                refused(cases),
            ],
        )
