"""Throttle: token buckets of stages and their methods."""

import time
from collections.abc import Callable, Mapping

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.model import Method, Resource, Throttle

Clock = Callable[[], float]


class TokenBucket:
    """Lets `burst` requests through at once, and `rate` a second in the long run."""

    def __init__(self, throttle: Throttle, clock: Clock = time.monotonic) -> None:
        """Fill a bucket.

        Args:
            throttle: Its settings.
            clock: Tells the seconds that have passed.
        """
        self._throttle = throttle
        self._clock = clock
        self._tokens = float(throttle.burst)
        self._at = clock()

    def take(self) -> bool:
        """Take a token, and tell whether there was one."""
        now = self._clock()
        self._tokens = min(self._throttle.burst, self._tokens + (now - self._at) * self._throttle.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttles:
    """The token buckets of one API.

    A setting for `/*` is each method's own limit ("default method throttling"), not one that they share.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Start with full buckets.

        Args:
            clock: Tells the seconds that have passed.
        """
        self._clock = clock
        self._buckets: dict[object, TokenBucket] = {}

    def check_stage(self, exchange: Exchange) -> None:
        """Let a request pass by its stage's settings.

        Raises:
            GatewayError: THROTTLED.
        """
        if exchange.stage.throttles and exchange.resource and exchange.method:
            setting = most_specific(exchange.stage.throttles, exchange.resource, exchange.method)
            self.check((exchange.stage.name, exchange.resource.path, exchange.method.http_method), setting)

    def check(self, key: object, throttle: Throttle | None) -> None:
        """Let a request pass by one bucket.

        Args:
            key: Tells the buckets apart.
            throttle: The bucket's settings; None lets everything pass.

        Raises:
            GatewayError: THROTTLED.
        """
        if throttle is None:
            return
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(throttle, self._clock)
        if not bucket.take():
            raise GatewayError("THROTTLED")


def most_specific(settings: Mapping[tuple[str, str], Throttle], resource: Resource, method: Method) -> Throttle | None:
    """Find the setting for a method: its own, or what holds for all."""
    keys = ((path, verb) for path in (resource.path, "/*") for verb in (method.http_method, "*"))
    return next((settings[key] for key in keys if key in settings), None)
