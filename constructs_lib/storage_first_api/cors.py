"""Who may call an API from a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import IStableStringProducer, Lazy

from constructs_lib.storage_first_api.reader import IDEMPOTENCY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aws_cdk import Duration

# What most routes and accesses of the library take.
_HEADERS = ("Content-Type", IDEMPOTENCY_KEY, "Authorization", "X-Api-Key", "Content-MD5", "If-None-Match")


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Who may call the API from a browser.

    Attributes:
        origins: One origin such as `https://app.example`, or `*`. API Gateway's own refusals carry a fixed value, so
            there can be no second.
        headers: Request headers that scripts may send besides those that routes take, for methods of your own.
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


@jsii.implements(IStableStringProducer)
class Preflight:
    """What answers the preflight requests of browsers, which anyone may send.

    The headers that scripts may send are those that any route of the API takes: they are known when all routes are.
    """

    def __init__(self, cors: Cors) -> None:
        self._cors = cors
        self._names = {name.lower(): name for name in (*_HEADERS, *cors.headers)}

    def allow(self, names: Iterable[str]) -> None:
        """Let scripts send the headers that a route takes."""
        for name in names:
            self._names.setdefault(name.lower(), name)

    def produce(self) -> str:
        """Write the headers, when the app is synthesized."""
        return ",".join(self._names.values())

    @property
    def options(self) -> Mapping[str, Any]:
        """The arguments of `apigateway.CorsOptions`."""
        return {
            "allow_origins": list(self._cors.origins),
            "allow_headers": [Lazy.string(self)],
            "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "max_age": self._cors.max_age,
        }
