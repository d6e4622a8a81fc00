"""APIs that the front does not serve, because the emulator does: HTTP APIs and WebSocket APIs (API Gateway v2)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from storage_first.local.front.intrinsics import DeployedStack, Resolver

_PREFIX = "AWS::ApiGatewayV2::"


@dataclass(frozen=True)
class OtherApi:
    """An API of the emulator's own.

    Attributes:
        protocol: `HTTP` or `WEBSOCKET`.
        url: Where the emulator serves it.
    """

    stack: str
    logical_id: str
    name: str
    protocol: str
    stage: str
    url: str

    def as_json(self) -> str:
        """Write the line by which the front's process tells of it."""
        names = {"logical_id": "logicalId"}
        return json.dumps({names.get(name, name): value for name, value in asdict(self).items()})


def addresses_of_other_apis(stacks: Iterable[DeployedStack], emulator: str) -> list[OtherApi]:
    """Tell where the emulator serves the HTTP and WebSocket APIs of some stacks.

    Args:
        stacks: Every stack of the app, nested ones included.
        emulator: The emulator's address, for example `http://127.0.0.1:4566`.
    """
    apis, stages = _find(stacks)
    return [
        OtherApi(
            stack=api.stack.name,
            logical_id=api.logical_id,
            name=api.name,
            protocol=api.protocol,
            stage=stage,
            # The stage $default is no part of an address.
            url=_here(emulator, api) + ("/" if stage == "$default" else f"/{stage}/"),
        )
        for api_id, stage in stages
        if (api := apis.get(api_id))
    ]


def with_local_addresses(stacks: Sequence[DeployedStack], emulator: str) -> Sequence[DeployedStack]:
    """Let what a template says of the address of an HTTP or WebSocket API lead here.

    A template makes the address out of the API's id, and on AWS the emulator's ids belong to somebody else.

    Args:
        stacks: Every stack of the app, nested ones included.
        emulator: The emulator's address, for example `http://127.0.0.1:4566`.
    """
    apis, _ = _find(stacks)
    addresses = {
        f"{api.scheme}s://{api.id}.execute-api.{api.stack.region}.amazonaws.com": _here(emulator, api)
        for api in apis.values()
    }
    return [replace(stack, addresses=addresses) for stack in stacks]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """An API of a stack."""

    id: str
    stack: DeployedStack
    logical_id: str
    name: str
    protocol: str

    @property
    def scheme(self) -> str:
        return "ws" if self.protocol == "WEBSOCKET" else "http"


def _find(stacks: Iterable[DeployedStack]) -> tuple[dict[str, _Found], list[tuple[str, str]]]:
    """Find APIs by their ids, and stages, each with the id of its API."""
    apis: dict[str, _Found] = {}
    stages: list[tuple[str, str]] = []
    for stack in stacks:
        resolver = Resolver(stack)
        for logical_id, resource in stack.resources.items():
            if not resource["Type"].startswith(_PREFIX) or not resolver.is_deployed(resource):
                continue
            props = resolver.resolve(resource.get("Properties", {}))
            match resource["Type"].removeprefix(_PREFIX):
                case "Api":
                    api_id = stack.physical_ids.get(logical_id, logical_id)
                    name, protocol = props.get("Name", logical_id), props.get("ProtocolType", "HTTP")
                    apis[api_id] = _Found(id=api_id, stack=stack, logical_id=logical_id, name=name, protocol=protocol)
                case "Stage":
                    stages.append((props["ApiId"], props["StageName"]))
                case _:
                    pass
    return apis, stages


def _here(emulator: str, api: _Found) -> str:
    return f"{emulator.rstrip('/').replace('http', api.scheme, 1)}/_aws/execute-api/{api.id}"
