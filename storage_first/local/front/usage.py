"""API keys and usage plans: who calls, and how often they may."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.model import Api, ApiKey, UsagePlan
from storage_first.local.front.throttling import Throttles, most_specific


class Usage:
    """What the holders of an API's keys have used up. Kept in memory: a new start forgets it."""

    def __init__(self, api: Api, throttles: Throttles, now: Callable[[], float] = time.time) -> None:
        """Start with nothing used.

        Args:
            api: The API.
            throttles: Where the plans' token buckets are kept.
            now: Tells the time, which quotas' periods depend on.
        """
        self._api = api
        self._throttles = throttles
        self._now = now
        self._started = {plan.id: _period(plan, now()) for plan in api.usage_plans}
        self._used: dict[tuple[str, str, str], int] = {}

    def check(self, exchange: Exchange) -> None:
        """Check the API key of a request to a method that needs one, and count the request.

        Raises:
            GatewayError: INVALID_API_KEY, THROTTLED or QUOTA_EXCEEDED.
        """
        if exchange.method is None or not exchange.method.api_key_required:
            return
        value = exchange.usage_key if self._api.key_source == "AUTHORIZER" else exchange.request.header("x-api-key")
        key = self._api.keys.get(value or "")
        plan = self._plan(key, exchange) if key and key.enabled else None
        if key is None or plan is None:
            raise GatewayError("INVALID_API_KEY")
        exchange.context["identity"] |= {"apiKey": key.value, "apiKeyId": key.id}
        self._check_throttles(plan, key, exchange)
        self._check_quota(plan, key)

    def _plan(self, key: ApiKey, exchange: Exchange) -> UsagePlan | None:
        plans = self._api.usage_plans
        return next((plan for plan in plans if key.id in plan.keys and exchange.stage.name in plan.stages), None)

    def _check_throttles(self, plan: UsagePlan, key: ApiKey, exchange: Exchange) -> None:
        if exchange.resource is None or exchange.method is None:
            return
        own = most_specific(plan.stages[exchange.stage.name], exchange.resource, exchange.method)
        place = (exchange.stage.name, exchange.resource.path, exchange.method.http_method)
        self._throttles.check((plan.id, key.id, place), own)
        self._throttles.check((plan.id, key.id), plan.throttle)

    def _check_quota(self, plan: UsagePlan, key: ApiKey) -> None:
        if plan.quota is None:
            return
        period = _period(plan, self._now())
        limit = plan.quota - (plan.offset if period == self._started[plan.id] else 0)
        used = self._used.get((plan.id, key.id, period), 0)
        if used >= limit:
            raise GatewayError("QUOTA_EXCEEDED")
        self._used[plan.id, key.id, period] = used + 1


def _period(plan: UsagePlan, now: float) -> str:
    """Name the period that a time falls into; periods are UTC's days, ISO weeks and months."""
    formats = {"DAY": "%Y-%m-%d", "WEEK": "%G-W%V", "MONTH": "%Y-%m"}
    return datetime.fromtimestamp(now, UTC).strftime(formats[plan.period])
