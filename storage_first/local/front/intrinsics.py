"""Resolve CloudFormation's intrinsic functions against a deployed stack."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage_first.local.front.attributes import derived_attribute
from storage_first.local.front.values import Json

_PLACEHOLDER = re.compile(r"\$\{(?P<name>[^}]*)\}")


class _NoValue:
    """What `AWS::NoValue` stands for: the property that holds it is not there."""


NO_VALUE = _NoValue()


@dataclass(frozen=True, kw_only=True)
class DeployedStack:
    """A synthesized template, and what its deployment made of it.

    Attributes:
        name: The stack's name.
        template: The template as the CDK wrote it.
        physical_ids: Physical id by logical id.
        parameters: The values that the stack was deployed with.
        exports: Every export of the account and Region, for `Fn::ImportValue`.
        attributes: What is known of `Fn::GetAtt`, by `LogicalId.Attribute`; anything else is derived.
        addresses: Beginnings of addresses that lead nowhere on this machine, each with the one that leads here.
        stack_id: The stack's ARN.
    """

    name: str
    template: Mapping[str, Any]
    physical_ids: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    region: str = "us-east-1"
    account: str = "000000000000"
    stack_id: str = ""

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The template's resources by logical id."""
        resources: Mapping[str, Mapping[str, Any]] = self.template.get("Resources", {})
        return resources


class Resolver:
    """Turns template values into the values that CloudFormation deployed.

    Attributes:
        problems: What could not be resolved, one sentence each. Such a value becomes a text that names it, so
            that an API with one odd method still serves the others.
    """

    def __init__(self, stack: DeployedStack) -> None:
        """Prepare to resolve values of one stack.

        Args:
            stack: The stack whose template holds the values.
        """
        self.problems: list[str] = []
        self._stack = stack
        self._conditions: dict[str, bool] = {}
        self._pseudo: Mapping[str, Any] = {
            "AWS::AccountId": stack.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": stack.region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._functions: Mapping[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::And": lambda operands: all(self.resolve(operand) for operand in operands),
            "Fn::Base64": lambda value: base64.b64encode(str(self.resolve(value)).encode()).decode(),
            "Fn::Equals": lambda operands: self.resolve(operands[0]) == self.resolve(operands[1]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Not": lambda operands: not self.resolve(operands[0]),
            "Fn::Or": lambda operands: any(self.resolve(operand) for operand in operands),
            "Fn::Select": self._select,
            "Fn::Split": lambda args: str(self.resolve(args[1])).split(args[0]),
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": lambda value: json.dumps(self.resolve(value), separators=(",", ":")),
        }

    def resolve(self, value: Json) -> Json:
        """Resolve every intrinsic function in `value`, however deep."""
        if isinstance(value, Mapping):
            if len(value) == 1:
                (name, argument), *_ = value.items()
                # A policy statement may have a "Condition" of its own, which is an object.
                if (function := self._functions.get(name)) and not (
                    name == "Condition" and not isinstance(argument, str)
                ):
                    return function(argument)
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [item for item in map(self.resolve, value) if item is not NO_VALUE]
        return value

    def is_deployed(self, resource: Mapping[str, Any]) -> bool:
        """Tell whether the resource's own condition, if it has one, holds."""
        return "Condition" not in resource or self._condition(resource["Condition"])

    def _unknown(self, what: str) -> str:
        self.problems.append(f"stack {self._stack.name}: {what} is not known locally")
        return f"unknown:{what}"

    def _ref(self, name: str) -> Json:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._stack.physical_ids:
            return self._stack.physical_ids[name]
        if name in self._stack.template.get("Parameters", {}):
            return self._parameter(name)
        return self._unknown(f"Ref {name}")

    def _parameter(self, name: str) -> Json:
        definition = self._stack.template["Parameters"][name]
        value = self._stack.parameters.get(name, definition.get("Default", ""))
        if "List" in definition.get("Type", "String"):
            return [item.strip() for item in str(value).split(",")]
        return value

    def _get_att(self, argument: Json) -> Json:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        attribute = str(self.resolve(attribute))
        known = self._stack.attributes.get(f"{logical_id}.{attribute}")
        if known is not None:
            return known
        physical_id = self._stack.physical_ids.get(logical_id)
        resource = self._stack.resources.get(logical_id)
        if physical_id is not None and resource is not None:
            derived = derived_attribute(
                resource["Type"],
                attribute,
                physical_id=physical_id,
                region=self._stack.region,
                account=self._stack.account,
            )
            if derived is not None:
                return derived
        return self._unknown(f"Fn::GetAtt {logical_id}.{attribute}")

    def _join(self, argument: Sequence[Any]) -> str:
        delimiter, items = argument
        return self._reachable(str(delimiter).join(str(item) for item in self.resolve(items)))

    def _select(self, argument: Sequence[Any]) -> Json:
        index, items = argument
        return self.resolve(items)[int(self.resolve(index))]

    def _sub(self, argument: Json) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match["name"]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return self._reachable(_PLACEHOLDER.sub(replace, text))

    def _reachable(self, text: str) -> str:
        """Addresses of APIs are made out of parts: in the whole, those that lead nowhere are found."""
        for elsewhere, here in self._stack.addresses.items():
            text = text.replace(elsewhere, here)
        return text

    def _find_in_map(self, argument: Sequence[Any]) -> Json:
        name, first, second = (self.resolve(part) for part in argument[:3])
        return self.resolve(self._stack.template["Mappings"][name][first][second])

    def _import_value(self, argument: Json) -> Json:
        name = str(self.resolve(argument))
        return self._stack.exports.get(name) or self._unknown(f"Fn::ImportValue {name}")

    def _if(self, argument: Sequence[Any]) -> Json:
        condition, then, otherwise = argument
        return self.resolve(then if self._condition(condition) else otherwise)

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            self._conditions[name] = bool(self.resolve(self._stack.template["Conditions"][name]))
        return self._conditions[name]
