"""Who may call an API from a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from constructs_lib.storage_first_api.reader import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Duration


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Who may call the API from a browser.

    Attributes:
        origins: One origin such as `https://app.example`, or `*`. API Gateway's own refusals carry a fixed value, so
            there can be no second.
        headers: Request headers that scripts may send besides `Content-Type` and `Idempotency-Key`, such as
            `Authorization` or `x-api-key`.
        max_age: How long a browser remembers the answer to a preflight request.
    """

    origins: Sequence[str]
    headers: Sequence[str] = ()
    max_age: Duration | None = None

    def __post_init__(self) -> None:
        """Check the origin.

        Raises:
            ValueError: If there is not exactly one origin, or it is not one.
        """
        if isinstance(self.origins, str) or len(self.origins) != 1:
            raise ValueError(f'Cors.origins must be a list of one origin, or ["*"]; got {self.origins!r}')
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
            "Access-Control-Expose-Headers": "Location,Retry-After",
        }

    @property
    def preflight(self) -> Mapping[str, Any]:
        """The arguments of `apigateway.CorsOptions`: what answers preflight requests, which anyone may send."""
        return {
            "allow_origins": list(self.origins),
            "allow_headers": ["Content-Type", IDEMPOTENCY_KEY, *self.headers],
            "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "max_age": self.max_age,
        }
