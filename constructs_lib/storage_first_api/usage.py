"""How much callers may send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests are taken, by a stage or from a key.

    Attributes:
        rate: Requests per second, in the long run.
        burst: Requests at once.
    """

    rate: float
    burst: int

    def __post_init__(self) -> None:
        """Check both numbers.

        Raises:
            ValueError: If one of them is not positive.
        """
        for name, value in (("rate", self.rate), ("burst", self.burst)):
            if value <= 0:
                raise ValueError(
                    f"Throttle.{name} must be greater than 0, or the API answers every request with 429; got {value}"
                )


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How many requests a key may send in a day, a week or a month.

    Attributes:
        requests: How many.
        per: In which time, such as `apigateway.Period.DAY`.
    """

    requests: int
    per: apigateway.Period

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            ValueError: If it is not positive.
        """
        if self.requests < 1:
            raise ValueError(f"Quota.requests must be at least 1; got {self.requests}")
