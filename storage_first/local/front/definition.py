"""Make the served model of REST APIs from the templates that deployed them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storage_first.local.front.bodies import BodyModel, InvalidModelError
from storage_first.local.front.intrinsics import DeployedStack
from storage_first.local.front.methods import MethodBuilder
from storage_first.local.front.model import (
    Api,
    ApiKey,
    BasePathMapping,
    GatewayResponse,
    Resource,
    Stage,
    Throttle,
    UsagePlan,
)
from storage_first.local.front.openapi import add_document
from storage_first.local.front.raw import Props, RawApi, collect
from storage_first.local.front.sources import Source, UnknownSourceError, parse_source, parse_text
from storage_first.local.front.values import Json

_ACCOUNT_THROTTLE = Throttle(rate=10_000, burst=5_000)
"""An account's own limits in a Region, which fill in for what a setting leaves out."""

_BUILT_IN_MODELS: Mapping[str, Any] = {
    "Empty": {},
    "Error": {"type": "object", "properties": {"message": {"type": "string"}}},
}


def define_apis(stacks: Iterable[DeployedStack], keys: Iterable[ApiKey] = ()) -> list[Api]:
    """Make the model of every REST API that some stacks deployed.

    A stage serves what the templates say now; that a stage may point to an older deployment is not modelled.

    Args:
        stacks: Every stack of the app, nested ones included.
        keys: The account's API keys, with their values.
    """
    by_value = {key.value: key for key in keys}
    return [_api(raw, by_value) for raw in collect(stacks)]


def _api(raw: RawApi, keys: Mapping[str, ApiKey]) -> Api:
    problems = raw.problems
    if "Body" in raw.props:
        add_document(raw, raw.props["Body"])
    elif "BodyS3Location" in raw.props:
        problems.append(f"{raw.logical_id}: its OpenAPI document is an asset, which the front does not read")
    builder = MethodBuilder(
        validators=raw.validators,
        authorizers=raw.authorizers,
        models=_models(raw),
        problems=problems,
    )
    resources = [
        Resource(
            id=resource_id,
            path=raw.paths[resource_id] or "/",
            methods={props["HttpMethod"]: builder.method(props, raw.paths[resource_id] or "/") for props in methods},
        )
        for resource_id, methods in raw.methods.items()
    ]
    return Api(
        id=raw.id,
        name=raw.props.get("Name") or raw.logical_id,
        stack=raw.stack.name,
        logical_id=raw.logical_id,
        account=raw.stack.account,
        region=raw.stack.region,
        resources=resources,
        stages={name: _stage(name, props) for name, props in raw.stages.items()},
        mappings=[_mapping(props) for props in raw.mappings],
        gateway_responses={type_: _gateway_response(props, problems) for type_, props in raw.gateway_responses.items()},
        usage_plans=[
            plan for plan_id, props in raw.usage_plans.items() if (plan := _usage_plan(raw, plan_id, props)).stages
        ],
        keys=keys,
        key_source=raw.props.get("ApiKeySourceType", "HEADER"),
        binary_media_types=frozenset(raw.props.get("BinaryMediaTypes", ())),
        problems=list(dict.fromkeys(problems)),
    )


def _models(raw: RawApi) -> Mapping[str, BodyModel]:
    schemas = {name: _schema(schema) for name, schema in {**_BUILT_IN_MODELS, **raw.models}.items()}
    others = {
        f"https://apigateway.amazonaws.com/restapis/{raw.id}/models/{name}": schema for name, schema in schemas.items()
    }
    models: dict[str, BodyModel] = {}
    for name, schema in schemas.items():
        try:
            models[name] = BodyModel(schema, others=others)
        except InvalidModelError as error:
            raw.problems.append(f"model {name} is not valid, and AWS refuses it: {error}")
    return models


def _schema(schema: Json) -> Json:
    return json.loads(schema) if isinstance(schema, str) else schema


def _stage(name: str, props: Props) -> Stage:
    access_log = props.get("AccessLogSetting", {}).get("Format")
    return Stage(
        name=name,
        variables=props.get("Variables", {}),
        throttles={
            (_method_setting_path(setting.get("ResourcePath", "/*")), setting.get("HttpMethod", "*")): throttle
            for setting in props.get("MethodSettings", ())
            if (throttle := _throttle(setting.get("ThrottlingRateLimit"), setting.get("ThrottlingBurstLimit")))
        },
        access_log=parse_text(access_log, missing="-") if access_log else None,
        deployment=props.get("DeploymentId", ""),
    )


def _mapping(props: Props) -> BasePathMapping:
    base_path = (props.get("BasePath") or "").strip("/")
    return BasePathMapping(
        domain=str(props["DomainName"]).lower(),
        base_path="" if base_path == "(none)" else base_path,
        stage=props.get("Stage") or None,
    )


def _method_setting_path(path: str) -> str:
    """Read a method setting's path: `/~1pets~1{id}` is `/pets/{id}`."""
    return path.removeprefix("/").replace("~1", "/") if "~1" in path else path


def _throttle(rate: Json, burst: Json) -> Throttle | None:
    if rate is None and burst is None:
        return None
    return Throttle(
        rate=_ACCOUNT_THROTTLE.rate if rate is None else float(rate),
        burst=_ACCOUNT_THROTTLE.burst if burst is None else int(burst),
    )


def _gateway_response(props: Props, problems: list[str]) -> GatewayResponse:
    headers: dict[str, Source] = {}
    for target, expression in props.get("ResponseParameters", {}).items():
        try:
            headers[target.removeprefix("gatewayresponse.header.")] = parse_source(expression)
        except UnknownSourceError as error:
            problems.append(f"gateway response {props['ResponseType']}, {target}: {error}")
    status = props.get("StatusCode")
    return GatewayResponse(
        status=int(status) if status else None,
        headers=headers,
        templates={
            media_type: parse_text(template, missing="")
            for media_type, template in props.get("ResponseTemplates", {}).items()
        },
    )


def _usage_plan(raw: RawApi, id: str, props: Props) -> UsagePlan:
    quota: Props = props.get("Quota", {})
    throttle: Props = props.get("Throttle", {})
    api_stages: Sequence[Props] = props.get("ApiStages", ())
    return UsagePlan(
        id=id,
        keys=frozenset(raw.plan_keys.get(id, ())),
        stages={
            stage["Stage"]: _method_throttles(stage.get("Throttle", {}))
            for stage in api_stages
            if stage["ApiId"] == raw.id
        },
        throttle=_throttle(throttle.get("RateLimit"), throttle.get("BurstLimit")),
        quota=int(quota["Limit"]) if "Limit" in quota else None,
        period=quota.get("Period", "MONTH"),
        offset=int(quota.get("Offset", 0)),
    )


def _method_throttles(settings: Mapping[str, Props]) -> Mapping[tuple[str, str], Throttle]:
    """Read throttles whose keys are a path and a method: `/pets/{id}/GET`."""
    throttles: dict[tuple[str, str], Throttle] = {}
    for key, setting in settings.items():
        path, _, method = key.rpartition("/")
        if throttle := _throttle(setting.get("RateLimit"), setting.get("BurstLimit")):
            throttles[path or "/", method] = throttle
    return throttles
