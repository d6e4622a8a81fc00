"""An API that stores what it receives before any compute runs on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, Unpack, cast

from aws_cdk import Names, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib.storage_first_api.access import ANYONE, Access
from constructs_lib.storage_first_api.cors import Cors, Preflight
from constructs_lib.storage_first_api.gateway import Gateway
from constructs_lib.storage_first_api.integrations import DOCUMENTATION, ServiceCall, method_responses
from constructs_lib.storage_first_api.models import ANY_OBJECT, Body
from constructs_lib.storage_first_api.operation import ACCESS_LOG, Overview, Throttled, define_alarms
from constructs_lib.storage_first_api.reader import IDEMPOTENCY_KEY
from constructs_lib.storage_first_api.route import Route
from constructs_lib.storage_first_api.size import FitsIntoStack
from constructs_lib.storage_first_api.usage import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_sns as sns
    from aws_cdk.interfaces import aws_wafv2 as wafv2_interfaces

    from constructs_lib.alarms import AlarmTopic
    from constructs_lib.storage_first_api.operation import MetricOptions

_PUSH_LOGS = (
    "AwsSolutions::AwsSolutions-IAM4"
    "[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
)
_THROTTLE = Throttle(rate=1000, burst=2000)
_STAGE = "prod"


class Store(Protocol):
    """Where a route stores its requests."""

    @property
    def target(self) -> str:
        """Name what requests are stored in; routes that store in the same share a role."""

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` store requests, and nothing else."""

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Add to `api` what the answers of this store link to."""

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell how `target` does, for the dashboard of the API."""


class StorageFirstApi(Construct):
    """A REST API that saves each request straight from API Gateway and answers 202 with a link.

    A 2xx is sent only after the store confirmed the write. All else is a problem (RFC 9457) that the caller can act on.

    Attributes:
        access: Who may call, unless a route says otherwise.
        rest_api: The REST API; add methods that are not storage-first to it.
        access_log: Where each request is logged, as JSON; None where `rest_api` was given, whose stage has its own.
        root_path: What all routes begin with.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        access: Access = ANYONE,
        cors: Cors | None = None,
        throttle: Throttle = _THROTTLE,
        stage_name: str = _STAGE,
        rest_api: apigateway.RestApi | None = None,
        root_path: str = "",
        web_acl: wafv2_interfaces.IWebACLRef | str | None = None,
        alarm_topic: sns.ITopic | AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the API and its stage, or add to one.

        Args:
            scope: The scope.
            id: The id.
            access: Who may call, unless a route says otherwise.
            cors: Who may call from a browser; nobody by default.
            throttle: How many requests the stage takes. All APIs of an account in a Region share 10,000 a second.
            stage_name: The stage, which is the first segment of each URL.
            rest_api: A REST API of the same stack to add to; one of its own by default. Its stage is as the app defined
                it: throttling, tracing and logs are the app's. Refusals that the app has worded stay so.
            root_path: What all routes begin with, such as `/shop`, so that several StorageFirstApis, each with a
                JobTracker of its own, share one `rest_api`.
            web_acl: A web ACL to put before the stage, or the ARN of one: see `managed_web_acl`. None by default, since
                it costs 5 USD a month, 1 USD for each rule, and 0.60 USD per million requests.
            alarm_topic: Who is told when the API fails, is slow, or is throttled for long: the `topic` of an
                `AlarmTopic`. Without it there are no alarms.
            removal_policy: What becomes of the access log with the stack.

        Raises:
            ValueError: If `rest_api` is of another stack, imported, or given together with what its stage says; or
                `root_path` is no path.
        """
        super().__init__(scope, id)
        if root_path:
            _require_path("root_path", root_path)
        self.access = access
        self.root_path = root_path
        self.access_log: logs.LogGroup | None = None
        if rest_api is None:
            preflight = Preflight(cors) if cors else None
            self.rest_api = self._define_rest_api(preflight, throttle, stage_name, removal_policy)
            self._gateway = Gateway.of(self.rest_api, cors=cors, preflight=preflight, scope=self.rest_api)
        else:
            if throttle is not _THROTTLE or stage_name != _STAGE:
                raise ValueError("throttle and stage_name belong to the stage of rest_api, which has them already")
            self._require_own(rest_api)
            self.rest_api = rest_api
            self._gateway = Gateway.of(rest_api, cors=cors)
        self._throttled: Throttled | None = None
        self._overview: Overview | None = None
        self._stores: list[Store] = []
        self._fits = FitsIntoStack(self)
        self.node.add_validation(self._fits)
        if web_acl is not None:
            arn = web_acl if isinstance(web_acl, str) else web_acl.web_acl_ref.web_acl_arn
            wafv2.CfnWebACLAssociation(
                self, "WebAclAssociation", resource_arn=self._gateway.stage.stage_arn, web_acl_arn=arn
            )
        if alarm_topic is not None:
            define_alarms(self, self._gateway.stage, throttled=self._throttled_if_known(), topic=alarm_topic)

    @property
    def usage_plan(self) -> apigateway.UsagePlan | None:
        """What holders of keys may send; None before a route has `Access.api_key`."""
        return self._gateway.usage_plan

    def post(
        self,
        path: str,
        store: Store,
        *,
        body: Body | None = None,
        access: Access | None = None,
        require_idempotency_key: bool = False,
    ) -> apigateway.Method:
        """Store what is posted to `path`.

        Args:
            path: The route, such as `/gophers` or `/clicks/{page}`.
            store: Where requests are stored.
            body: What a body must be: a JSON Schema, a pydantic model class, or what `from_openapi` returns; any JSON
                object by default.
            access: Who may call; as the API's by default.
            require_idempotency_key: Whether a request without an `Idempotency-Key` is refused with 400.

        Raises:
            ValueError: If `path` is no route or is served already, `body` has a keyword that API Gateway does not
                enforce, or `store` takes a value that the route or its callers do not have.
        """
        return self._store(
            "POST", path, store, body=body, access=access, require_idempotency_key=require_idempotency_key
        )

    def put(
        self, path: str, store: Store, *, body: Body | None = None, access: Access | None = None
    ) -> apigateway.Method:
        """Store what is put to `path`; for the rest see `post`."""
        return self._store("PUT", path, store, body=body, access=access)

    def add_service_method(
        self,
        route: Route,
        call: ServiceCall,
        *,
        target: str,
        grant: Callable[[iam.IGrantable], iam.Grant],
        body: Body | None = None,
        headers: Mapping[str, bool] | None = None,
    ) -> apigateway.Method:
        """Serve a route by one call to an AWS service, with a role for this call alone.

        Args:
            route: The route.
            call: The call, and what its outcomes answer.
            target: Names what is called; routes that make the same call to it share the role.
            grant: Grants the role what the call needs.
            body: What the body must be; a body is not looked at by default.
            headers: Request headers besides those of `call`, each with whether a request without it is refused.

        Raises:
            ValueError: If the route is served already.
        """
        gateway = self._gateway
        resource = gateway.resource(route.path)
        if resource.node.try_find_child(route.http_method):
            raise ValueError(f"{route.name} is served already; a route has one store")
        if gateway.preflight:
            gateway.preflight.allow(call.headers)
        role = gateway.role(resource, route.http_method, call, target)
        gateway.accept_bytes(call.binary_media_types)
        answers = call.all_answers(gateway.headers)
        method = resource.add_method(
            route.http_method,
            call.integration(role, answers),
            method_responses=method_responses(answers),
            request_validator=gateway.validator,
            request_models=gateway.models(resource, route.http_method, body) if body else None,
            request_parameters=call.request_parameters(sorted(route.parameters), headers or {}),
            **route.access.on(gateway),
        )
        gateway.serve(method, len(answers))
        if call.documentation:
            cast("apigateway.CfnMethod", method.node.default_child).add_metadata(DOCUMENTATION, call.documentation)
        grant(role).apply_before(method)
        self._fits.written += len(call.template or "") + sum(len(answer.template) for answer in answers)
        return method

    def metric_count(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Count the requests to the stage; by default the number in 5 minutes."""
        return self._gateway.stage.metric_count(**options)

    def metric_client_error(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Count the answers of 4xx; the average is their share."""
        return self._gateway.stage.metric_client_error(**options)

    def metric_server_error(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Count the answers of 5xx; the average is their share."""
        return self._gateway.stage.metric_server_error(**options)

    def metric_latency(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Measure the time from a request to its answer, in milliseconds."""
        return self._gateway.stage.metric_latency(**options)

    def metric_integration_latency(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Measure the time that the services behind the API took, in milliseconds."""
        return self._gateway.stage.metric_integration_latency(**options)

    def metric_throttled(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Count the answers of 429, in the access log; by default the number in 5 minutes.

        Raises:
            ValueError: If the access log is not this construct's, but that of the `rest_api` that was given.
        """
        if self._throttled is None:
            if self.access_log is None:
                raise ValueError(
                    f"metric_throttled counts in the access log, which is not {self.node.path}'s but that of the "
                    "rest_api it was given; add a metric filter to that"
                )
            self._throttled = Throttled(self, api=self.rest_api, access_log=self.access_log)
        return self._throttled.metric(**options)

    def add_dashboard(self) -> cloudwatch.Dashboard:
        """Define a dashboard of the API, its routes and what is behind it; widgets of your own can be added.

        CloudWatch charges 3 USD a month for each dashboard beyond three.

        Raises:
            ValueError: If there is one already.
        """
        if self._overview is not None:
            raise ValueError(f"{self.node.path} has a dashboard already")
        self._overview = Overview(self, stage=self._gateway.stage, throttled=self._throttled_if_known(label="429"))
        for store in self._stores:
            self._overview.show(store.target, store.metrics())
        return self._overview.dashboard

    def _store(
        self,
        http_method: str,
        path: str,
        store: Store,
        *,
        body: Body | None,
        access: Access | None,
        require_idempotency_key: bool = False,
    ) -> apigateway.Method:
        _require_path("path", path)
        if not hasattr(store, "grant_store"):
            raise ValueError(f"store must be a store, such as SqsStore(queue) or jobs.store(...); got {store!r}")
        if access is not None and not isinstance(access, Access):
            raise ValueError(f"access must be an Access, such as Access.iam(); got {access!r}")
        route = Route(
            http_method=http_method,
            path=f"{self.root_path}{path}",
            access=access or self.access,
            root=self.root_path,
        )
        store.bind(self, route)
        call = store.call(route)
        if require_idempotency_key and IDEMPOTENCY_KEY not in call.headers:
            raise ValueError(
                f"require_idempotency_key of {route.name} has no effect: its store does not take the key, and cannot "
                "tell a repetition by it"
            )
        if body is not None and call.template is None:
            raise ValueError(f"body: the store of {route.name} takes any media type, so there is no JSON to check")
        model = (ANY_OBJECT if body is None else body) if call.template is not None else None
        headers = {IDEMPOTENCY_KEY: True} if require_idempotency_key else {}
        method = self.add_service_method(
            route, call, target=store.target, grant=store.grant_store, body=model, headers=headers
        )
        self._stores.append(store)
        if self._overview is not None:
            self._overview.show(store.target, store.metrics())
        return method

    def _define_rest_api(
        self, preflight: Preflight | None, throttle: Throttle, stage_name: str, removal_policy: RemovalPolicy
    ) -> apigateway.RestApi:
        self.access_log = logs.LogGroup(
            self, "AccessLog", retention=logs.RetentionDays.ONE_YEAR, removal_policy=removal_policy
        )
        rest_api = apigateway.RestApi(
            self,
            "RestApi",
            # Metrics know an API by this name alone: it is unique among the APIs of the account.
            rest_api_name=Names.unique_resource_name(self, separator="-"),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,  # without this account setting, a stage with an access log cannot be created
            deploy_options=apigateway.StageOptions(
                stage_name=stage_name,
                tracing_enabled=True,
                metrics_enabled=True,
                throttling_rate_limit=throttle.rate,
                throttling_burst_limit=throttle.burst,
                access_log_destination=apigateway.LogGroupLogDestination(self.access_log),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            ),
            default_cors_preflight_options=apigateway.CorsOptions(**preflight.options) if preflight else None,
        )
        acknowledge(
            rest_api.node.find_child("CloudWatchRole"),
            _PUSH_LOGS,
            reason="The account setting of API Gateway takes this policy of AWS's; it allows writing logs.",
        )
        acknowledge(
            rest_api.deployment_stage,
            "AwsSolutions::AwsSolutions-APIG6",
            reason="Execution logs would hold what callers send. The access log tells each request and its outcome.",
        )
        return rest_api

    def _require_own(self, rest_api: apigateway.RestApi) -> None:
        """Check that routes can be added to a REST API."""
        if not isinstance(rest_api, apigateway.RestApi):
            raise ValueError(  # noqa: TRY004 - a RestApi, but not one that can grow
                "rest_api must be a RestApi that this app defines: an imported one has no deployment that would bring "
                "new routes to its stage"
            )
        if Stack.of(rest_api) is not Stack.of(self):
            raise ValueError(
                f"rest_api must be of the same stack: {rest_api.node.path} is of {Stack.of(rest_api).node.path}, and "
                f"{self.node.path} of {Stack.of(self).node.path}. Define the StorageFirstApi there; "
                "what it stores in can be anywhere"
            )

    def _throttled_if_known(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric | None:
        return self.metric_throttled(**options) if self.access_log else None


def _require_path(argument: str, path: str) -> None:
    if not path.startswith("/") or path.endswith("/") or "//" in path:
        raise ValueError(
            f'{argument} must start with "/", and have no empty segment and no "/" at its end; got {path!r}'
        )
