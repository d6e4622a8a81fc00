"""Tells early that an API does not fit into its stack, and how to split it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsii
from aws_cdk import CfnResource, Stack
from constructs import IValidation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct, IConstruct

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_MOST_RESOURCES = 500
_MOST_BYTES = 1_000_000
_WITH_PATHS = "aws:cdk:enable-path-metadata"  # as the CDK's command sets it
_SEPARATORS = (",", ": ")  # like the CDK's, to within a blank
_NOT_INDENTED = "@aws-cdk/core:suppressTemplateIndentation"
# To measure a template takes the CDK a second: it is done where mapping templates alone are this much of it.
_MEASURED_FROM = 250_000
_SPLIT = (
    "Give some of the routes to a StorageFirstApi in another stack; a custom domain name can serve both under one "
    "host, each with a base path of its own."
)


@jsii.implements(IValidation)
class FitsIntoStack:
    """Refuses to synthesize a stack that CloudFormation would refuse to deploy.

    Attributes:
        written: The characters of the API's mapping templates.
    """

    def __init__(self, scope: Construct) -> None:
        """Watch the stack of `scope`."""
        self._scope = scope
        self.written = 0

    def validate(self) -> list[str]:
        """Say what does not fit."""
        problem = self._problem()
        return [f"The stack {Stack.of(self._scope).node.path} {problem} {_SPLIT}"] if problem else []

    def _problem(self) -> str:
        stack = Stack.of(self._scope)
        resources = _resources_of(stack)
        if len(resources) > _MOST_RESOURCES:
            return f"would have {len(resources)} resources; CloudFormation takes {_MOST_RESOURCES}."
        if self.written < _MEASURED_FROM:
            return ""
        indented = not stack.node.try_get_context(_NOT_INDENTED)
        size = _size_of(stack, resources, indented=indented)
        if size <= _MOST_BYTES:
            return ""
        advice = f' "{_NOT_INDENTED}": true in the context of cdk.json saves a sixth.' if indented else ""
        return f"would have a template of {size:,} bytes and more; CloudFormation takes {_MOST_BYTES:,}.{advice}"


def _resources_of(stack: Stack) -> Sequence[CfnResource]:
    found: list[IConstruct] = stack.node.find_all()
    resources = [each for each in found if isinstance(each, CfnResource)]
    nested = any(isinstance(each, Stack) and each is not stack for each in found)
    return [each for each in resources if Stack.of(each) is stack] if nested else resources


def _size_of(stack: Stack, resources: Sequence[CfnResource], *, indented: bool) -> int:
    """Count the bytes of `resources` in a template, but for what they depend on, and what else a template has."""
    names: list[str] = stack.resolve([each.logical_id for each in resources])
    properties: list[object] = stack.resolve([each._cfn_properties for each in resources])  # noqa: SLF001 - no other way
    described: dict[str, object] = {}
    for resource, name, values in zip(resources, names, properties, strict=True):
        paths = {"Metadata": {"aws:cdk:path": resource.node.path}} if stack.node.try_get_context(_WITH_PATHS) else {}
        described[name] = {"Type": resource.cfn_resource_type, "Properties": values, **paths}
    text = json.dumps(
        {"Resources": described}, ensure_ascii=False, indent=1 if indented else None, separators=_SEPARATORS
    )
    return len(text.encode())
