"""What a million requests of each route cost."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.benchmarks.costs.assumptions import Assumptions
from scripts.benchmarks.costs.calls import Call, Calls
from scripts.benchmarks.costs.jobs import Jobs
from scripts.benchmarks.costs.lines import Line, merged, per_million
from scripts.benchmarks.costs.prices import GB, UnknownPriceError
from scripts.benchmarks.costs.stack import Stack
from storage_first.local.front.raw import RawApi

_URI = re.compile(r"arn:[^:]*:apigateway:[^:]*:(?P<service>[\w.-]+):(?P<kind>action|path)/(?P<rest>.*)", re.DOTALL)
_FORM_ACTION = re.compile(r"\bAction=(\w+)")


@dataclass(frozen=True, kw_only=True)
class RouteCost:
    """What requests to one route cost.

    Attributes:
        route: Such as `POST /orders`.
        calls: What API Gateway calls, such as `sqs:SendMessage`.
        lines: What one request costs; of a tracked job, all that it costs until it is Succeeded.
        function: What one request costs besides if a Lambda function stands between API Gateway and the service.
        month: What one month costs, even without requests.
        is_job: Whether a request is a job: the cost is that of the job, until it is Succeeded.
    """

    route: str
    calls: str
    lines: Sequence[Line]
    function: Sequence[Line]
    month: Sequence[Line] = ()
    is_job: bool = False

    @property
    def direct(self) -> float:
        """A million requests, in USD."""
        return per_million(self.lines)

    @property
    def by_function(self) -> float:
        """A million requests through a Lambda function, in USD."""
        return self.direct + per_million(self.function)

    @property
    def by_http_api(self) -> float:
        """A million requests through an HTTP API and a Lambda function, in USD."""
        return (
            self.by_function - per_million([Line("API Gateway", 1)]) + per_million([Line("API Gateway, HTTP API", 1)])
        )

    @property
    def monthly(self) -> float:
        """A month, in USD."""
        return sum(line.usd for line in self.month)


def costs_of(template: Mapping[str, Any], assumptions: Assumptions | None = None) -> Sequence[RouteCost]:
    """Compute what a million requests cost of each route of the REST APIs in a template.

    Preflights (`OPTIONS`) are left out: API Gateway answers them itself.

    Args:
        template: The template as the CDK wrote it.
        assumptions: What the template does not tell.

    Raises:
        UnknownPriceError: If a route calls something whose price is not known; the message names both.
    """
    assumed = assumptions or Assumptions()
    stack = Stack(template)
    return [cost for api in stack.apis for cost in _Api(stack, api, assumed).costs()]


class _Api:
    """One REST API."""

    def __init__(self, stack: Stack, api: RawApi, assumptions: Assumptions) -> None:
        self._stack = stack
        self._api = api
        self._assumed = assumptions
        self._calls = Calls(stack, assumptions)
        self._jobs = Jobs(stack, self._calls)

    def costs(self) -> Iterator[RouteCost]:
        for resource_id, methods in self._api.methods.items():
            for method in methods:
                if method["HttpMethod"] != "OPTIONS":
                    yield self._cost(f"{method['HttpMethod']} {self._api.paths[resource_id] or '/'}", method)

    def _cost(self, route: str, method: Mapping[str, Any]) -> RouteCost:
        if method["Integration"]["Type"] == "MOCK":
            return RouteCost(route=route, calls="nothing", lines=merged(self._front()), function=list(self._function()))
        call = _call(route, method["Integration"])
        after = list(self._after(call))
        is_function = call.service == "lambda"
        return RouteCost(
            route=route,
            calls=call.name,
            lines=merged([*self._front(), *self._calls.price(call), *after]),
            function=[] if is_function else list(self._function()),
            month=self._calls.month(call),
            is_job=bool(after),
        )

    def _front(self) -> Iterator[Line]:
        yield Line("API Gateway", 1)
        # A request goes through one stage, and the CDK makes no more than that.
        for name, stage in [*self._api.stages.items()][:1]:
            if stage.get("TracingEnabled"):
                yield Line("traces", self._assumed.traced)
            # A line of the log is about as long as its format: values stand where variables stood.
            yield Line("logs", len(stage.get("AccessLogSetting", {}).get("Format", "")) / GB)
            if self._has_web_acl(name):
                yield Line("WAF", 1)

    def _has_web_acl(self, stage: str) -> bool:
        path = f"/restapis/{self._api.id}/stages/{stage}"
        associations = self._stack.of_type("AWS::WAFv2::WebACLAssociation")
        return any(str(association["ResourceArn"]).endswith(path) for association in associations)

    def _after(self, call: Call) -> Iterator[Line]:
        if call.action in {"PutItem", "UpdateItem"}:
            yield from self._jobs.price(call)

    def _function(self) -> Iterator[Line]:
        yield from self._calls.invocations({"Architectures": ["arm64"], "MemorySize": self._assumed.lambda_megabytes})


def _call(route: str, integration: Mapping[str, Any]) -> Call:
    """Read what an integration calls.

    Raises:
        UnknownPriceError: If it calls no AWS service.
    """
    uri = str(integration.get("Uri", ""))
    found = _URI.fullmatch(uri)
    if found is None:
        raise UnknownPriceError(
            f"{route} has an integration of type {integration['Type']} with {uri or 'no address'}, "
            "whose cost is not known."
        )
    templates = integration.get("RequestTemplates", {})
    service, rest = found["service"], found["rest"]
    if service == "lambda":
        action = "Invoke"
    elif found["kind"] == "action":
        action = rest
    elif service == "s3":
        action = f"{integration['IntegrationHttpMethod'].capitalize()}Object"
    else:
        form = _FORM_ACTION.search(str(templates))
        action = form[1] if form else rest
    return Call(by=route, service=service, action=action, request=[uri, templates])
