"""Who may call a route, and whose a request is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from constructs_lib.storage_first_api.values import RequestValue


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may call a route.

    Attributes:
        tenant: What tells one tenant's requests from another's; all are one tenant's by default.
    """

    tenant: RequestValue | None = None

    @classmethod
    def anyone(cls) -> Access:
        """Let everybody call."""
        return cls()


ANYONE = Access.anyone()
