"""One REST API, and what all StorageFirstApis on it share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.cors import Cors, Preflight
from constructs_lib.storage_first_api.models import body_model

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from constructs import IConstruct

    from constructs_lib.storage_first_api.access import ApiKeyAccess
    from constructs_lib.storage_first_api.integrations import ServiceCall
    from constructs_lib.storage_first_api.models import Body
    from constructs_lib.storage_first_api.usage import Quota, Throttle

_gateways: WeakKeyDictionary[apigateway.RestApi, Gateway] = WeakKeyDictionary()


class Gateway:
    """One REST API: its refusals, and the authorizers, roles and models that its routes use.

    Attributes:
        rest_api: The REST API.
        cors: Who may call it from a browser.
        preflight: What tells browsers so.
        usage_plan: What holders of keys may send, if any route wants a key.
    """

    def __init__(
        self, rest_api: apigateway.RestApi, scope: Construct, cors: Cors | None, preflight: Preflight | None
    ) -> None:
        """Make the refusals of `rest_api` problem details; use `of` instead."""
        self.rest_api = rest_api
        self.cors = cors
        self.preflight = preflight or (Preflight(cors) if cors else None)
        self.usage_plan: apigateway.UsagePlan | None = None
        self._scope = scope
        self._plan_of: ApiKeyAccess | None = None
        self._validator: apigateway.RequestValidator | None = None
        self._authorizers: dict[tuple[str, Hashable], apigateway.IAuthorizer] = {}
        self._roles: dict[Hashable, iam.Role] = {}
        self._models: dict[str, apigateway.IModel] = {}
        self._answers: list[tuple[apigateway.Method, int]] = []
        self._refusals = problems.add_gateway_responses(scope, rest_api, headers=self.headers)

    @classmethod
    def of(
        cls,
        rest_api: apigateway.RestApi,
        *,
        cors: Cors | None,
        preflight: Preflight | None = None,
        scope: Construct | None = None,
    ) -> Gateway:
        """Return what is shared on `rest_api`.

        Args:
            rest_api: The REST API.
            cors: Who may call it from a browser; as the first StorageFirstApi on it said, by default.
            preflight: What answers preflight requests there already.
            scope: Where to define what is shared, by default below `rest_api`.

        Raises:
            ValueError: If another StorageFirstApi has other `cors`.
        """
        gateway = _gateways.get(rest_api)
        if gateway is None:
            gateway = cls(rest_api, scope or Construct(rest_api, "StorageFirst"), cors, preflight)
            _gateways[rest_api] = gateway
        elif cors is not None and cors != gateway.cors:
            raise ValueError(
                f"cors must be the same for all StorageFirstApis on {rest_api.node.path}, whose refusals are the same: "
                "give it to the first of them, and leave it out of the others"
            )
        return gateway

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every answer."""
        return self.cors.response_headers if self.cors else {}

    @property
    def stage(self) -> apigateway.Stage:
        """The stage.

        Raises:
            ValueError: If the REST API has none.
        """
        try:
            return self.rest_api.deployment_stage
        except RuntimeError:  # which is how jsii tells that there is none
            raise ValueError(
                f"rest_api must have a stage, for usage plans and metrics: {self.rest_api.node.path} has none"
            ) from None

    @property
    def validator(self) -> apigateway.RequestValidator:
        """Checks bodies and parameters."""
        if self._validator is None:
            self._validator = apigateway.RequestValidator(
                self._scope,
                "Validator",
                rest_api=self.rest_api,
                validate_request_body=True,
                validate_request_parameters=True,
            )
        return self._validator

    def resource(self, path: str) -> apigateway.Resource:
        """Find or define what is at `path`; browsers may ask it who may call."""
        self._require_one_name_each(path)
        resource = self.rest_api.root.resource_for_path(path)
        if self.preflight and not resource.node.try_find_child("OPTIONS"):
            resource.add_cors_preflight(**self.preflight.options)
        return resource

    def _require_one_name_each(self, path: str) -> None:
        """Check that no other route calls a parameter of `path` by another name, which API Gateway does not take."""
        segments = path.strip("/").split("/")
        names = [segment for segment in segments if segment.startswith("{")]
        if len(names) != len(set(names)):
            raise ValueError(f"path must name each of its parameters differently; got {path!r}")
        if not names:
            return
        here: apigateway.IResource = self.rest_api.root
        for segment in segments:
            resources = [each.node.id for each in here.node.children if isinstance(each, apigateway.Resource)]
            others = [name for name in resources if name.startswith("{") and name != segment]
            if segment.startswith("{") and others:
                raise ValueError(
                    f"path {path!r} must have {others[0]} in place of {segment}, because another route calls this "
                    "parameter so, and API Gateway takes one name at each place"
                )
            following = here.get_resource(segment)
            if following is None:
                return
            here = following

    def role(self, resource: apigateway.Resource, http_method: str, call: ServiceCall, target: str) -> iam.Role:
        """Return the role of all routes that make the same call to the same target; the first of them has it."""
        key = (call.service, call.action, target)
        if key not in self._roles:
            self._roles[key] = iam.Role(
                resource,
                f"{http_method.capitalize()}Role",
                assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
                description=f"Lets routes of an API call {call.service}:{call.action}",
            )
        return self._roles[key]

    def models(self, resource: apigateway.Resource, http_method: str, body: Body) -> Mapping[str, apigateway.IModel]:
        """Bind a model to every media type: a type without one would not be validated."""
        schema = body_model(body)
        key = json.dumps(schema, sort_keys=True)
        if key not in self._models:
            model = apigateway.CfnModel(
                resource,
                f"{http_method.capitalize()}Body",
                rest_api_id=self.rest_api.rest_api_id,
                content_type="application/json",
                schema=schema,
            )
            # A stage validates with the models of its deployment: a new model needs a new one.
            self._deploy_again({"model": schema}, after=model)
            self._models[key] = apigateway.Model.from_model_name(
                resource, f"{http_method.capitalize()}Model", model.ref
            )
        return {"application/json": self._models[key], "$default": self._models[key]}

    def serve(self, method: apigateway.Method, answers: int) -> None:
        """Note a method that calls a service, and how many answers it has."""
        self._answers.append((method, answers))
        if cast("apigateway.CfnRestApi", self.rest_api.node.default_child).binary_media_types:
            _answer_as_text(method, answers)

    def accept_bytes(self, media_types: Sequence[str]) -> None:
        """Take bodies of `media_types` as bytes, on all routes."""
        api = cast("apigateway.CfnRestApi", self.rest_api.node.default_child)
        if media_types:
            if not api.binary_media_types:
                for method, answers in self._answers:
                    _answer_as_text(method, answers)
            api.binary_media_types = sorted({*(api.binary_media_types or ()), *media_types})

    def authorizer(
        self, id: str, about: Hashable, define: Callable[[Construct, str], apigateway.Authorizer]
    ) -> apigateway.IAuthorizer:
        """Return the authorizer that is `about` the same callers, for all routes.

        Args:
            id: The id of the first of its kind.
            about: What tells authorizers apart.
            define: Defines the authorizer.
        """
        key = (id, about)
        if key not in self._authorizers:
            others = sum(kind == id for kind, _ in self._authorizers)
            authorizer = define(self._scope, f"{id}{others + 1}" if others else id)
            properties = cast("apigateway.CfnAuthorizer", authorizer.node.default_child)
            # A stage asks the authorizers of its deployment.
            changes = {
                "pools": properties.provider_arns,
                "function": properties.authorizer_uri,
                "identity": properties.identity_source,
                "cache": properties.authorizer_result_ttl_in_seconds,
            }
            self._deploy_again({"authorizer": changes}, after=authorizer)
            self._authorizers[key] = authorizer
        return self._authorizers[key]

    def plan_usage(self, access: ApiKeyAccess) -> None:
        """Give the keys of `access` a usage plan.

        Raises:
            ValueError: If the API has another, or no stage.
        """
        if self._plan_of is None:
            self._plan_of = access
            self.usage_plan = apigateway.UsagePlan(
                self._scope,
                "UsagePlan",
                api_stages=[apigateway.UsagePlanPerApiStage(api=self.rest_api, stage=self.stage)],
                throttle=_throttle_settings(access.throttle) if access.throttle else None,
                quota=_quota_settings(access.quota) if access.quota else None,
            )
            for key in access.keys:
                self.usage_plan.add_api_key(key)
        elif (access.keys, access.throttle, access.quota) != (
            self._plan_of.keys,
            self._plan_of.throttle,
            self._plan_of.quota,
        ):
            raise ValueError(
                "Access.api_key(...) must be the same for all routes of a REST API: API Gateway takes the keys of any "
                "plan on every route that wants one. For other limits, add a plan by rest_api.add_usage_plan(...)"
            )

    def tell_unsigned_requests(self) -> None:
        """Answer 403 to requests without a signature.

        API Gateway does not tell them from requests to routes that do not exist, which are 403 then too.
        """
        problems.refuse_unsigned(self._refusals)

    def _deploy_again(self, changes: Mapping[str, object], *, after: IConstruct) -> None:
        deployment = self.rest_api.latest_deployment
        if deployment:
            deployment.add_to_logical_id(changes)
            deployment.node.add_dependency(after)


def _answer_as_text(method: apigateway.Method, answers: int) -> None:
    """In an API that takes bytes, an `Accept` of a binary media type would make bytes of an answer in JSON."""
    resource = cast("apigateway.CfnMethod", method.node.default_child)
    for index in range(answers):
        place = f"Integration.IntegrationResponses.{index}.ContentHandling"
        resource.add_property_override(place, "CONVERT_TO_TEXT")


def _throttle_settings(throttle: Throttle) -> apigateway.ThrottleSettings:
    return apigateway.ThrottleSettings(rate_limit=throttle.rate, burst_limit=throttle.burst)


def _quota_settings(quota: Quota) -> apigateway.QuotaSettings:
    return apigateway.QuotaSettings(limit=quota.requests, period=quota.per)
