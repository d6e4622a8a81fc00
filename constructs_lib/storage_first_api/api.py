"""An API that stores what it receives before any compute runs on it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.access import ANYONE, Access
from constructs_lib.storage_first_api.integrations import ServiceCall, method_responses
from constructs_lib.storage_first_api.models import ANY_OBJECT, JsonSchema, body_model
from constructs_lib.storage_first_api.reader import IDEMPOTENCY_KEY
from constructs_lib.storage_first_api.route import Route

_PUSH_LOGS = (
    "AwsSolutions::AwsSolutions-IAM4"
    "[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
)
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "extendedRequestId": "$context.extendedRequestId",
    "requestTime": "$context.requestTime",
    "sourceIp": "$context.identity.sourceIp",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationStatus": "$context.integration.status",
    "integrationLatency": "$context.integration.latency",
    "errorType": "$context.error.responseType",
    "xrayTraceId": "$context.xrayTraceId",
}


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Who may call the API from a browser.

    Attributes:
        origins: One origin such as `https://app.example`, or `*`. API Gateway's own refusals carry a fixed value, so
            there can be no second.
        headers: Request headers that scripts may send besides `Content-Type` and `Idempotency-Key`.
        max_age: How long a browser remembers the answer to a preflight request.
    """

    origins: Sequence[str]
    headers: Sequence[str] = ()
    max_age: Duration | None = None

    def __post_init__(self) -> None:
        """Check the origin.

        Raises:
            ValueError: If there is not exactly one origin, or it is not one.
        """
        if isinstance(self.origins, str) or len(self.origins) != 1:
            raise ValueError(f'Cors.origins must be a list of one origin, or ["*"]; got {self.origins!r}')
        origin = self.origins[0]
        if origin != "*" and ("://" not in origin or origin.count("/") != 2 or "'" in origin):  # noqa: PLR2004 - "//"
            raise ValueError(
                'Cors.origins must hold a scheme and a host without a path, such as "https://app.example", or "*"; '
                f"got {origin!r}"
            )

    @property
    def response_headers(self) -> dict[str, str]:
        """The headers of every answer."""
        return {
            "Access-Control-Allow-Origin": self.origins[0],
            "Access-Control-Expose-Headers": "Location,Retry-After",
        }


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests the API takes.

    Attributes:
        rate: Requests per second, in the long run.
        burst: Requests at once.
    """

    rate: float
    burst: int

    def __post_init__(self) -> None:
        """Check both numbers.

        Raises:
            ValueError: If one of them is not positive.
        """
        for name, value in (("rate", self.rate), ("burst", self.burst)):
            if value <= 0:
                raise ValueError(
                    f"Throttle.{name} must be greater than 0, or the API answers every request with 429; got {value}"
                )


class Store(Protocol):
    """Where a route stores its requests."""

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` store requests, and nothing else."""

    def bind(self, api: "StorageFirstApi", route: Route) -> None:
        """Add to `api` what the answers of this store link to."""


class StorageFirstApi(Construct):
    """A REST API that saves each request straight from API Gateway and answers 202 with a link.

    A 2xx is sent only after the store confirmed the write. All else is a problem (RFC 9457) that the caller can act on.

    Attributes:
        access: Who may call, unless a route says otherwise.
        rest_api: The REST API; add methods that are not storage-first to it.
        access_log: Where each request is logged, as JSON.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        access: Access = ANYONE,
        cors: Cors | None = None,
        throttle: Throttle = Throttle(rate=1000, burst=2000),
        stage_name: str = "prod",
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the API and its stage.

        Args:
            scope: The scope.
            id: The id.
            access: Who may call, unless a route says otherwise.
            cors: Who may call from a browser; nobody by default.
            throttle: How many requests the stage takes. All APIs of an account in a Region share 10,000 a second.
            stage_name: The stage, which is the first segment of each URL.
            removal_policy: What becomes of the access log with the stack.
        """
        super().__init__(scope, id)
        self.access = access
        self._headers = cors.response_headers if cors else {}
        self.access_log = logs.LogGroup(
            self, "AccessLog", retention=logs.RetentionDays.ONE_YEAR, removal_policy=removal_policy
        )
        self.rest_api = apigateway.RestApi(
            self,
            "RestApi",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,  # without this account setting, a stage with an access log cannot be created
            deploy_options=apigateway.StageOptions(
                stage_name=stage_name,
                tracing_enabled=True,
                metrics_enabled=True,
                throttling_rate_limit=throttle.rate,
                throttling_burst_limit=throttle.burst,
                access_log_destination=apigateway.LogGroupLogDestination(self.access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(_ACCESS_LOG)),
            ),
            default_cors_preflight_options=_preflight(cors) if cors else None,
        )
        problems.add_gateway_responses(self.rest_api, headers=self._headers)
        self._explain()

    def post(
        self,
        path: str,
        store: Store,
        *,
        body: JsonSchema | None = None,
        access: Access | None = None,
        require_idempotency_key: bool = False,
    ) -> apigateway.Method:
        """Store what is posted to `path`.

        Args:
            path: The route, such as `/gophers` or `/clicks/{page}`.
            store: Where requests are stored.
            body: What a body must be; any JSON object by default.
            access: Who may call; as the API's by default.
            require_idempotency_key: Whether a request without an `Idempotency-Key` is refused with 400.

        Raises:
            ValueError: If `path` is no route or is served already, `body` has a keyword that API Gateway does not
                enforce, or `store` takes a value that the route does not have.
        """
        return self._store(
            "POST", path, store, body=body, access=access, require_idempotency_key=require_idempotency_key
        )

    def put(
        self, path: str, store: Store, *, body: JsonSchema | None = None, access: Access | None = None
    ) -> apigateway.Method:
        """Store what is put to `path`; for the rest see `post`."""
        return self._store("PUT", path, store, body=body, access=access)

    def add_service_method(
        self,
        route: Route,
        call: ServiceCall,
        *,
        grant: Callable[[iam.IGrantable], iam.Grant],
        body: JsonSchema | None = None,
        headers: Mapping[str, bool] | None = None,
    ) -> apigateway.Method:
        """Serve a route by one call to an AWS service, with a role of its own.

        Args:
            route: The route.
            call: The call, and what its outcomes answer.
            grant: Grants the role what the call needs.
            body: What the body must be; a body is not looked at by default.
            headers: Request headers besides those of `call`, each with whether a request without it is refused.

        Raises:
            ValueError: If the route is served already.
        """
        http_method = route.http_method
        resource = self.rest_api.root.resource_for_path(route.path)
        if resource.node.try_find_child(http_method):
            raise ValueError(f"{route.name} is served already; a route has one store")
        role = iam.Role(
            resource,
            f"{http_method.capitalize()}Role",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description=f"Lets {route.name} call {call.service}:{call.action}",
        )
        answers = call.all_answers(self._headers)
        method = resource.add_method(
            http_method,
            call.integration(role, answers),
            method_responses=method_responses(answers),
            request_validator=self._request_validator,
            request_models=self._models(resource, http_method, body) if body else None,
            request_parameters=call.request_parameters(sorted(route.parameters), headers or {}),
        )
        grant(role).apply_before(method)
        return method

    def _store(
        self,
        http_method: str,
        path: str,
        store: Store,
        *,
        body: JsonSchema | None,
        access: Access | None,
        require_idempotency_key: bool = False,
    ) -> apigateway.Method:
        if not path.startswith("/") or path.endswith("/") or "//" in path:
            raise ValueError(f'path must start with "/", and have no empty segment and no "/" at its end; got {path!r}')
        route = Route(http_method=http_method, path=path, access=access or self.access)
        store.bind(self, route)
        call = store.call(route)
        if body is not None and call.template is None:
            raise ValueError(f"body: the store of {route.name} takes any media type, so there is no JSON to check")
        model = (ANY_OBJECT if body is None else body) if call.template is not None else None
        headers = {IDEMPOTENCY_KEY: True} if require_idempotency_key else {}
        return self.add_service_method(route, call, grant=store.grant_store, body=model, headers=headers)

    def _explain(self) -> None:
        acknowledge(
            self.rest_api.node.find_child("CloudWatchRole"),
            _PUSH_LOGS,
            reason="The account setting of API Gateway takes this policy of AWS's; it allows writing logs.",
        )
        acknowledge(
            self.rest_api.deployment_stage,
            "AwsSolutions::AwsSolutions-APIG6",
            reason="Execution logs would hold what callers send. The access log tells each request and its outcome.",
        )

    @cached_property
    def _request_validator(self) -> apigateway.RequestValidator:
        return self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )

    def _models(
        self, resource: apigateway.Resource, http_method: str, body: JsonSchema
    ) -> dict[str, apigateway.IModel]:
        """Bind the model to every media type: a type without one would not be validated."""
        schema = body_model(body)
        model = apigateway.CfnModel(
            resource,
            f"{http_method.capitalize()}Body",
            rest_api_id=self.rest_api.rest_api_id,
            content_type="application/json",
            schema=schema,
        )
        deployment = self.rest_api.latest_deployment
        if deployment:  # a stage validates with the models of its deployment: a new model needs a new one
            deployment.add_to_logical_id({"model": schema})
            deployment.node.add_dependency(model)
        reference = apigateway.Model.from_model_name(resource, f"{http_method.capitalize()}Model", model.ref)
        return {"application/json": reference, "$default": reference}


def _preflight(cors: Cors) -> apigateway.CorsOptions:
    return apigateway.CorsOptions(
        allow_origins=list(cors.origins),
        allow_headers=["Content-Type", IDEMPOTENCY_KEY, *cors.headers],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        max_age=cors.max_age,
    )
