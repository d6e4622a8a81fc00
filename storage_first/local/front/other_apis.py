"""APIs that the front does not serve, because the emulator does: HTTP APIs and WebSocket APIs (API Gateway v2)."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

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
    apis: dict[str, tuple[DeployedStack, str, str, str]] = {}
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
                    apis[api_id] = (stack, logical_id, props.get("Name", logical_id), props.get("ProtocolType", "HTTP"))
                case "Stage":
                    stages.append((props["ApiId"], props["StageName"]))
                case _:
                    pass
    return [
        OtherApi(stack.name, logical_id, name, protocol, stage, _url(emulator, protocol, api_id, stage))
        for api_id, stage in stages
        if api_id in apis
        for stack, logical_id, name, protocol in [apis[api_id]]
    ]


def _url(emulator: str, protocol: str, id: str, stage: str) -> str:
    address = emulator.rstrip("/")
    if protocol == "WEBSOCKET":
        address = address.replace("http", "ws", 1)
    # The stage $default is no part of an address.
    return f"{address}/_aws/execute-api/{id}/" + ("" if stage == "$default" else f"{stage}/")
