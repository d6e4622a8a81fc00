"""A route of an API, as its store sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.storage_first_api.values import Joined, RequestValue, Source, Text, join, path, tenant

if TYPE_CHECKING:
    from constructs_lib.storage_first_api.access import Access

SINGLE_TENANT = "default"
_SEPARATOR = re.compile(r"[#/]")  # neither can be in a tenant


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path.

    Attributes:
        http_method: Such as `POST`.
        path: Such as `/clicks/{page}`, from the root of the RestApi.
        access: Who may call it, and whose the request is.
        root: The beginning of `path` that all routes of its StorageFirstApi have in common.
    """

    http_method: str
    path: str
    access: Access
    root: str = ""

    @property
    def name(self) -> str:
        """How errors name it."""
        return f"{self.http_method} {self.path}"

    def scoped(self, key: Text, *, separator: str = "#") -> Text:
        """Put the tenant before a key, unless it begins with it: one tenant never writes under another's.

        It begins with it where only literals stand before the tenant, and a `#`, a `/` or nothing behind it. Anywhere
        else, two tenants could make the same key of different parts.
        """
        if self.access.tenant is None:
            return key
        parts = key.parts if isinstance(key, Joined) else (key,)
        own = tuple(tenant() if part == self.access.tenant else part for part in parts)
        return join(*own) if _begins_with_tenant(own) else join(tenant(), separator, *own)

    @property
    def segments(self) -> int:
        """Count the segments of the path behind its root."""
        return self.path.removeprefix(self.root).strip("/").count("/") + 1

    @property
    def called(self) -> Text:
        """The method, and the path with the parameters that a request gave."""
        segments = [
            path(segment[1:-1].removesuffix("+")) if segment.startswith("{") else segment
            for segment in self.path.split("/")
        ]
        parts: list[Text] = [f"{self.http_method} "]
        for segment in segments[1:]:
            parts += ["/", segment]
        return join(*parts)

    def require_path_parameter(self, name: str) -> None:
        """Check that the path has the parameter `name`.

        Raises:
            ValueError: If it has not.
        """
        if name not in self.parameters:
            raise ValueError(
                f"path({name!r}): {self.name} has no such parameter; it has {sorted(self.parameters) or 'none'}"
            )

    @property
    def parameters(self) -> frozenset[str]:
        """List the path parameters."""
        return frozenset(segment[1:-1].removesuffix("+") for segment in self.path.split("/") if segment.startswith("{"))


def _begins_with_tenant(parts: tuple[str | RequestValue, ...]) -> bool:
    variable = [index for index, part in enumerate(parts) if isinstance(part, RequestValue)]
    if not variable or parts[variable[0]] != RequestValue(source=Source.TENANT):
        return False
    behind = parts[variable[0] + 1 : variable[0] + 2]
    return not behind or (isinstance(behind[0], str) and _SEPARATOR.match(behind[0]) is not None)
