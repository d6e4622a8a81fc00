"""Read what was deployed: templates from the cloud assembly, ids and values from the emulator."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage_first.local.aws import client
from storage_first.local.front.intrinsics import DeployedStack
from storage_first.local.front.model import ApiKey
from storage_first.local.front.values import Json

_NESTED_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class _Synthesized:
    """A stack of a cloud assembly."""

    name: str
    template: Path


def read_stacks(emulator: str, assembly: Path) -> list[DeployedStack]:
    """Read every deployed stack of a cloud assembly, nested stacks included.

    Args:
        emulator: The emulator's address.
        assembly: The cloud assembly's directory (`cdk.out`).
    """
    cloudformation = client("cloudformation", emulator)
    described = {stack["StackName"]: stack for stack in _pages(cloudformation, "describe_stacks", "Stacks")}
    by_id = {stack["StackId"]: stack for stack in described.values()}
    exports = {export["Name"]: export["Value"] for export in _pages(cloudformation, "list_exports", "Exports")}
    reader = _Reader(cloudformation, client("apigateway", emulator), {**by_id, **described}, exports)
    return [
        stack
        for synthesized in _synthesized(assembly)
        if synthesized.name in described
        for stack in reader.read(synthesized.name, synthesized.template)
    ]


def read_api_keys(emulator: str) -> list[ApiKey]:
    """Read the account's API keys with their values."""
    keys = _pages(client("apigateway", emulator), "get_api_keys", "items", includeValues=True)
    return [ApiKey(id=key["id"], value=key["value"], enabled=key.get("enabled", True)) for key in keys]


def _synthesized(assembly: Path) -> Iterator[_Synthesized]:
    """Find the stacks of an assembly and of the assemblies in it (one for each CDK stage)."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    for artifact_id, artifact in manifest.get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        match artifact["type"]:
            case "aws:cloudformation:stack":
                yield _Synthesized(properties.get("stackName", artifact_id), assembly / properties["templateFile"])
            case "cdk:cloud-assembly":
                yield from _synthesized(assembly / properties["directoryName"])
            case _:
                pass


class _Reader:
    def __init__(
        self, cloudformation: Json, apigateway: Json, described: Mapping[str, Any], exports: Mapping[str, str]
    ) -> None:
        self._cloudformation = cloudformation
        self._apigateway = apigateway
        self._described = described
        self._exports = exports

    def read(self, name: str, template_file: Path) -> Iterable[DeployedStack]:
        """Read a stack, and those nested in it."""
        described = self._described[name]
        template = json.loads(template_file.read_text())
        resources = self._cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        physical_ids = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources
            if resource.get("PhysicalResourceId")
        }
        _, _, _, region, account, _ = described["StackId"].split(":", 5)
        yield DeployedStack(
            name=described["StackName"],
            template=template,
            physical_ids=physical_ids,
            parameters={
                parameter["ParameterKey"]: parameter.get("ResolvedValue", parameter.get("ParameterValue", ""))
                for parameter in described.get("Parameters", ())
            },
            exports=self._exports,
            attributes=self._attributes(template, physical_ids),
            region=region,
            account=account,
            stack_id=described["StackId"],
        )
        for logical_id, resource in template.get("Resources", {}).items():
            asset = resource.get("Metadata", {}).get("aws:asset:path")
            if resource["Type"] == _NESTED_STACK and asset and physical_ids.get(logical_id) in self._described:
                yield from self.read(physical_ids[logical_id], template_file.parent / asset)

    def _attributes(self, template: Mapping[str, Any], physical_ids: Mapping[str, str]) -> Mapping[str, str]:
        """Ask for the attributes that do not follow from physical ids."""
        attributes: dict[str, str] = {}
        for logical_id, resource in template.get("Resources", {}).items():
            physical_id = physical_ids.get(logical_id)
            if physical_id is None:
                continue
            if resource["Type"] == "AWS::ApiGateway::RestApi":
                resources = _pages(self._apigateway, "get_resources", "items", restApiId=physical_id)
                attributes[f"{logical_id}.RootResourceId"] = next(
                    resource["id"] for resource in resources if resource["path"] == "/"
                )
            elif resource["Type"] == _NESTED_STACK and physical_id in self._described:
                for output in self._described[physical_id].get("Outputs", ()):
                    attributes[f"{logical_id}.Outputs.{output['OutputKey']}"] = output["OutputValue"]
        return attributes


def _pages(service: Json, operation: str, key: str, **arguments: Json) -> list[Any]:
    paginator = service.get_paginator(operation)
    return [item for page in paginator.paginate(**arguments) for item in page.get(key, ())]
