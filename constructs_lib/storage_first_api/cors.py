"""Who may call an API from a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_lib.storage_first_api.reader import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aws_cdk import Duration

# What routes and accesses of the library take.
_HEADERS = ("Content-Type", IDEMPOTENCY_KEY, "Authorization", "X-Api-Key", "Content-MD5", "If-None-Match")


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Who may call the API from a browser.

    Attributes:
        origins: One origin such as `https://app.example`, or `*`. API Gateway's own refusals carry a fixed value, so
            there can be no second.
        headers: Request headers of your own that scripts may send, such as `X-Tenant`.
        max_age: How long a browser remembers the answer to a preflight request.
    """

    origins: Sequence[str]
    headers: Sequence[str] = ()
    max_age: Duration | None = None

    def __post_init__(self) -> None:
        """Check the origin.

        Raises:
            ValueError: If there is not exactly one origin, it is not one, or `headers` is no list.
        """
        if isinstance(self.origins, str) or len(self.origins) != 1:
            raise ValueError(f'Cors.origins must be a list of one origin, or ["*"]; got {self.origins!r}')
        if isinstance(self.headers, str):
            raise ValueError(f'Cors.headers must be a list, such as ["X-Tenant"]; got {self.headers!r}')  # noqa: TRY004
        origin = self.origins[0]
        if origin != "*" and ("://" not in origin or origin.count("/") != 2 or "'" in origin):  # noqa: PLR2004 - "//"
            raise ValueError(
                'Cors.origins must hold a scheme and a host without a path, such as "https://app.example", or "*"; '
                f"got {origin!r}"
            )

    @property
    def response_headers(self) -> dict[str, str]:
        """The headers of every answer."""
        return {
            "Access-Control-Allow-Origin": self.origins[0],
            "Access-Control-Expose-Headers": "Location,Retry-After,ETag,X-Version-Id",
        }

    def require_headers(self, names: Iterable[str], route: str) -> None:
        """Check that scripts may send what a route takes.

        Raises:
            ValueError: If they may not.
        """
        allowed = {name.lower() for name in (*_HEADERS, *self.headers)}
        missing = [name for name in names if name.lower() not in allowed]
        if missing:
            raise ValueError(
                f"Cors.headers must have {', '.join(map(repr, missing))}, because {route} takes it, and browsers send "
                f"only what is allowed; got {list(self.headers)!r}"
            )

    @property
    def preflight(self) -> Mapping[str, Any]:
        """The arguments of `apigateway.CorsOptions`: what answers preflight requests, which anyone may send."""
        return {
            "allow_origins": list(self.origins),
            "allow_headers": [*_HEADERS, *self.headers],
            "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "max_age": self.max_age,
        }
