"""A route of an API, as its store sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from constructs_lib.storage_first_api.values import Source, Text, join, tenant, values_of

if TYPE_CHECKING:
    from constructs_lib.storage_first_api.access import Access

SINGLE_TENANT = "default"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path.

    Attributes:
        http_method: Such as `POST`.
        path: Such as `/clicks/{page}`.
        access: Who may call it, and whose the request is.
    """

    http_method: str
    path: str
    access: Access

    @property
    def name(self) -> str:
        """How errors name it."""
        return f"{self.http_method} {self.path}"

    def scoped(self, key: Text) -> Text:
        """Put the tenant before a key, unless it is in it: one tenant never writes under another's."""
        named = any(value.source is Source.TENANT or value == self.access.tenant for value in values_of(key))
        return key if self.access.tenant is None or named else join(tenant(), "#", key)

    @property
    def segments(self) -> int:
        """Count the segments of the path."""
        return self.path.strip("/").count("/") + 1

    @property
    def parameters(self) -> frozenset[str]:
        """List the path parameters."""
        return frozenset(segment[1:-1].removesuffix("+") for segment in self.path.split("/") if segment.startswith("{"))
