"""Finds the StorageFirstApis of a cloud assembly, and puts the parts of each together."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from storage_first.local.front.intrinsics import DeployedStack, Resolver
from storage_first.local.front.raw import Props, RawApi, collect
from storage_first.openapi.errors import OpenApiError

PROBLEM: Final = "application/problem+json"
MADE_UP: Final = "made-up:"
"""What an id begins with that nobody knows before the deployment."""

_PREFIX: Final = "AWS::ApiGateway::"
_METADATA: Final = "Metadata"
_CDK_PATH: Final = "aws:cdk:path"


@dataclass(frozen=True, kw_only=True)
class SynthesizedApi:
    """A REST API as its templates define it.

    Attributes:
        address: The construct's path, such as `GopherHoles/Api`.
        stack: The stack that holds the API.
        parts: Its parts; what the CDK or a construct noted of one is its property `Metadata`.
        domains: The addresses under its custom domains.
        filtered: Whether a web ACL filters its requests.
    """

    address: str
    stack: str
    parts: RawApi
    domains: Sequence[str]
    filtered: bool

    @property
    def methods(self) -> Iterator[tuple[str, Props]]:
        """Each method with its path, in the order of their names; `ANY` comes after what it gives way to."""
        paths = self.parts.paths
        for resource_id in sorted(self.parts.methods, key=paths.__getitem__):
            methods = self.parts.methods[resource_id]
            for method in sorted(methods, key=lambda method: (method["HttpMethod"] == "ANY", method["HttpMethod"])):
                yield paths[resource_id], method


def read_apis(assembly: Path) -> Sequence[SynthesizedApi]:
    """Read the APIs of an assembly that speak the library's contract: their problems are RFC 9457's.

    Args:
        assembly: The directory that the app was synthesized to.

    Raises:
        OpenApiError: If `assembly` is no cloud assembly.
    """
    stacks = _with_exports(list(_stacks(assembly)))
    filtered = {arn for stack in stacks for arn in _filtered(stack)}
    return [_api(parts, filtered) for parts in collect(stacks) if _speaks_problems(parts)]


def choose(apis: Sequence[SynthesizedApi], *, stack: str | None = None, api: str | None = None) -> SynthesizedApi:
    """Choose the one API that is meant.

    Args:
        apis: All there are.
        stack: The name of its stack, if there are several.
        api: Its address, or the end of it, if there are several.

    Raises:
        OpenApiError: If there is none, or more than one.
    """
    if not apis:
        raise OpenApiError("The app has no StorageFirstApi, so there is nothing to describe.")
    found = [
        one
        for one in apis
        if stack in {None, one.stack} and (api is None or f"/{one.address}".endswith(f"/{api.strip('/')}"))
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(one.address for one in found or apis))
    if found:
        raise OpenApiError(f"The app has several StorageFirstApis: {names}. Choose one with --api.")
    asked = " ".join(f"{option} {value}" for option, value in (("--stack", stack), ("--api", api)) if value)
    raise OpenApiError(f"No StorageFirstApi of the app fits {asked}: there is {names}.")


def note(props: Props, key: str) -> Any:  # noqa: ANN401 - metadata is any JSON
    """What the CDK or a construct noted of a resource under `key`, or `None`."""
    return props.get(_METADATA, {}).get(key)


def _api(parts: RawApi, filtered: Iterable[str]) -> SynthesizedApi:
    path = note(parts.props, _CDK_PATH) or f"{parts.stack.name}/{parts.logical_id}"
    return SynthesizedApi(
        address=path.removesuffix("/Resource").removesuffix("/RestApi"),
        stack=parts.stack.name,
        parts=parts,
        domains=[f"https://{it['DomainName']}/{it.get('BasePath') or ''}".rstrip("/") for it in parts.mappings],
        filtered=any(f"/restapis/{parts.id}/" in arn for arn in filtered),
    )


def _speaks_problems(parts: RawApi) -> bool:
    return any(
        PROBLEM in str(response.get("ResponseParameters", {}).values()) for response in parts.gateway_responses.values()
    )


def _stacks(directory: Path) -> Iterator[DeployedStack]:
    """Read the stacks of an assembly, and of the assemblies in it (one for each CDK stage)."""
    try:
        manifest = json.loads((directory / "manifest.json").read_text())
    except (OSError, ValueError):
        raise OpenApiError(f"{directory} is no cloud assembly: run cdk synth, and pass its output.") from None
    for artifact_id, artifact in manifest.get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(directory / properties["directoryName"])
        elif artifact["type"] == "aws:cloudformation:stack":
            yield from _stack(properties.get("stackName", artifact_id), directory / properties["templateFile"])


def _stack(name: str, file: Path, parameters: Mapping[str, str] | None = None) -> Iterator[DeployedStack]:
    """Read a stack and those nested in it, as if deployed: an id is the stack's name and the logical id."""
    template = json.loads(file.read_text())
    resources: Mapping[str, dict[str, Any]] = template.get("Resources", {})
    for resource in resources.values():
        if resource["Type"].startswith(_PREFIX) and _METADATA in resource:
            resource["Properties"] = {**resource.get("Properties", {}), _METADATA: resource[_METADATA]}
    stack = DeployedStack(
        name=name,
        template=template,
        physical_ids={logical_id: _id(name, logical_id, resource) for logical_id, resource in resources.items()},
        parameters=parameters or {},
        attributes={f"{logical_id}.RootResourceId": f"{name}.{logical_id}./" for logical_id in resources},
    )
    yield stack
    for logical_id, resource in resources.items():
        nested = resource.get(_METADATA, {}).get("aws:asset:path")
        if resource["Type"] == "AWS::CloudFormation::Stack" and nested:
            given = Resolver(stack).resolve(resource.get("Properties", {}).get("Parameters", {}))
            yield from _stack(f"{name}.{logical_id}", file.parent / nested, given)


def _id(stack: str, logical_id: str, resource: Props) -> str:
    """A domain is known by its name; of all else the name does not matter, as long as it is one of a kind."""
    domain = resource.get("Properties", {}).get("DomainName")
    return domain if resource["Type"] == f"{_PREFIX}DomainName" and domain else f"{MADE_UP}{stack}.{logical_id}"


def _with_exports(stacks: Sequence[DeployedStack]) -> Sequence[DeployedStack]:
    exports: dict[str, str] = {}
    for stack in stacks:
        resolve = Resolver(stack).resolve
        for output in stack.template.get("Outputs", {}).values():
            if "Export" in output:
                exports[str(resolve(output["Export"]["Name"]))] = resolve(output["Value"])
    return [replace(stack, exports=exports) for stack in stacks]


def _filtered(stack: DeployedStack) -> Iterator[str]:
    """The ARNs of what web ACLs filter."""
    resolve = Resolver(stack).resolve
    for resource in stack.resources.values():
        if resource["Type"] == "AWS::WAFv2::WebACLAssociation":
            yield str(resolve(resource["Properties"]["ResourceArn"]))
