"""A synthesized template, to look things up in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storage_first.local.front.intrinsics import DeployedStack, Resolver
from storage_first.local.front.raw import RawApi, collect

_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")


class Stack:
    """One template, whose resources go by their logical ids as if those were the physical ones."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        """Look into `template`, as the CDK wrote it."""
        resources = template.get("Resources", {})
        self._deployed = DeployedStack(
            name="Stack", template=template, physical_ids={logical_id: logical_id for logical_id in resources}
        )
        self._resolver = Resolver(self._deployed)

    @property
    def apis(self) -> Sequence[RawApi]:
        """Its REST APIs."""
        return collect([self._deployed])

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """Return the properties of a resource, with all intrinsic functions resolved."""
        properties: Mapping[str, Any] = self._resolver.resolve(
            self._deployed.resources[logical_id].get("Properties", {})
        )
        return properties

    def of_type(self, *types: str) -> Iterator[Mapping[str, Any]]:
        """Yield the properties of all resources of some types."""
        for logical_id, resource in self._deployed.resources.items():
            if resource["Type"] in types:
                yield self.properties(logical_id)

    def named_in(self, value: object, *types: str) -> Sequence[str]:
        """List the resources of some types whose names or ARNs are somewhere in a resolved `value`."""
        words = set(_LOGICAL_ID.findall(str(value)))
        return [
            logical_id
            for logical_id, resource in self._deployed.resources.items()
            if logical_id in words and resource["Type"] in types
        ]
