"""A REST API's parts as templates write them, resolved and sorted by API, before they are prepared for serving."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storage_first.local.front.intrinsics import DeployedStack, Resolver

_PREFIX = "AWS::ApiGateway::"
_API_MAPPING = "AWS::ApiGatewayV2::ApiMapping"
"""What a custom domain with base paths of several segments takes instead of a base path mapping."""

Props = Mapping[str, Any]


@dataclass(kw_only=True)
class RawApi:
    """What templates say of one REST API; properties are CloudFormation's, as are their names.

    Attributes:
        paths: Path by resource id.
        methods: Methods by resource id, each with `HttpMethod`.
        models: Schema by name.
        validators: Request validators by id.
        authorizers: Authorizers by id.
        gateway_responses: By type.
        stages: Stages by name.
        mappings: Base path mappings of custom domains.
    """

    id: str
    stack: DeployedStack
    logical_id: str
    props: Props
    paths: dict[str, str] = field(default_factory=dict)
    methods: dict[str, list[Props]] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    validators: dict[str, Props] = field(default_factory=dict)
    authorizers: dict[str, Props] = field(default_factory=dict)
    gateway_responses: dict[str, Props] = field(default_factory=dict)
    stages: dict[str, Props] = field(default_factory=dict)
    mappings: list[Props] = field(default_factory=list)
    usage_plans: dict[str, Props] = field(default_factory=dict)
    plan_keys: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Deployed:
    """One resolved `AWS::ApiGateway::*` resource."""

    stack: DeployedStack
    type: str
    logical_id: str
    id: str
    props: Props


def collect(stacks: Iterable[DeployedStack]) -> list[RawApi]:
    """Find the REST APIs of all stacks; parts of one API may be spread over several stacks.

    Args:
        stacks: Every stack of the app, nested ones included.
    """
    resources: list[_Deployed] = []
    problems: dict[str, list[str]] = {}
    for stack in stacks:
        resolver = Resolver(stack)
        resources += _resolved(stack, resolver)
        problems[stack.name] = list(dict.fromkeys(resolver.problems))
    apis = {
        resource.id: RawApi(
            id=resource.id,
            stack=resource.stack,
            logical_id=resource.logical_id,
            props=resource.props,
            problems=problems[resource.stack.name],
        )
        for resource in resources
        if resource.type == "RestApi"
    }
    _place_resources(apis, [resource for resource in resources if resource.type == "Resource"])
    for resource in resources:
        _sort_in(apis, resource)
    return list(apis.values())


def _resolved(stack: DeployedStack, resolver: Resolver) -> Iterable[_Deployed]:
    for logical_id, resource in stack.resources.items():
        if not resource["Type"].startswith((_PREFIX, _API_MAPPING)) or not resolver.is_deployed(resource):
            continue
        yield _Deployed(
            stack=stack,
            type=resource["Type"].removeprefix(_PREFIX),
            logical_id=logical_id,
            id=stack.physical_ids.get(logical_id, logical_id),
            props=resolver.resolve(resource.get("Properties", {})),
        )


def _place_resources(apis: Mapping[str, RawApi], resources: Iterable[_Deployed]) -> None:
    """Work out each resource's path; whatever is nobody's child is the API's root."""
    by_id = {resource.id: resource for resource in resources}

    def path(id: str) -> str:
        resource = by_id.get(id)
        return f"{path(resource.props['ParentId'])}/{resource.props['PathPart']}" if resource else ""

    for resource in by_id.values():
        if api := apis.get(resource.props["RestApiId"]):
            api.paths[resource.id] = path(resource.id)


def _sort_in(apis: Mapping[str, RawApi], resource: _Deployed) -> None:
    if add := _ACCOUNT_WIDE.get(resource.type):
        for api in apis.values():
            add(api, resource)
    elif (add := _PARTS.get(resource.type)) and (api_of_part := apis.get(_api_id(resource))):
        add(api_of_part, resource)


def _api_id(resource: _Deployed) -> str:
    # A base path mapping may lead to no API at all.
    return str(resource.props.get("RestApiId") or resource.props.get("ApiId"))


def _add_method(api: RawApi, resource: _Deployed) -> None:
    resource_id = resource.props["ResourceId"]
    api.paths.setdefault(resource_id, "/")
    api.methods.setdefault(resource_id, []).append(resource.props)


def _add_model(api: RawApi, resource: _Deployed) -> None:
    api.models[resource.props.get("Name") or resource.id] = resource.props.get("Schema", {})


def _add_validator(api: RawApi, resource: _Deployed) -> None:
    api.validators[resource.id] = resource.props


def _add_authorizer(api: RawApi, resource: _Deployed) -> None:
    api.authorizers[resource.id] = resource.props


def _add_gateway_response(api: RawApi, resource: _Deployed) -> None:
    api.gateway_responses[resource.props["ResponseType"]] = resource.props


def _add_stage(api: RawApi, resource: _Deployed) -> None:
    api.stages[resource.props["StageName"]] = resource.props


def _add_deployment(api: RawApi, resource: _Deployed) -> None:
    """A deployment may make a stage by the way."""
    if "StageName" in resource.props:
        description = resource.props.get("StageDescription", {})
        api.stages.setdefault(resource.props["StageName"], {**description, "DeploymentId": resource.id})


def _add_base_path_mapping(api: RawApi, resource: _Deployed) -> None:
    api.mappings.append(resource.props)


def _add_api_mapping(api: RawApi, resource: _Deployed) -> None:
    api.mappings.append({**resource.props, "BasePath": resource.props.get("ApiMappingKey")})


def _add_usage_plan(api: RawApi, resource: _Deployed) -> None:
    api.usage_plans[resource.id] = resource.props


def _add_usage_plan_key(api: RawApi, resource: _Deployed) -> None:
    api.plan_keys.setdefault(resource.props["UsagePlanId"], []).append(resource.props["KeyId"])


_Add = Callable[[RawApi, _Deployed], None]
_PARTS: Mapping[str, _Add] = {
    "Authorizer": _add_authorizer,
    "BasePathMapping": _add_base_path_mapping,
    _API_MAPPING: _add_api_mapping,
    "Deployment": _add_deployment,
    "GatewayResponse": _add_gateway_response,
    "Method": _add_method,
    "Model": _add_model,
    "RequestValidator": _add_validator,
    "Stage": _add_stage,
}
_ACCOUNT_WIDE: Mapping[str, _Add] = {"UsagePlan": _add_usage_plan, "UsagePlanKey": _add_usage_plan_key}
