"""One REST API: takes requests through API Gateway's steps, in its order."""

import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from storage_first.local.front.authorization import Authorization
from storage_first.local.front.backends import Backends
from storage_first.local.front.context import new_context
from storage_first.local.front.domains import Place, find_place
from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.gateway_responses import gateway_response
from storage_first.local.front.http import Request, Response, with_header
from storage_first.local.front.http_backends import call_http, call_http_proxy
from storage_first.local.front.integration_request import BackendRequest, backend_request
from storage_first.local.front.integration_response import integration_response
from storage_first.local.front.lambda_proxy import call_function
from storage_first.local.front.mock import mock_answer
from storage_first.local.front.model import Api, Integration
from storage_first.local.front.routing import Router
from storage_first.local.front.services import call_service
from storage_first.local.front.throttling import Throttles
from storage_first.local.front.usage import Usage
from storage_first.local.front.validation import check_size, validate

Write = Callable[[str], None]


class Gateway:
    """Serves one REST API."""

    def __init__(self, api: Api, backends: Backends, *, log: Write, access_log: Write) -> None:
        """Prepare to serve.

        Args:
            api: The API.
            backends: How to reach what its integrations call.
            log: Takes one line for the developer.
            access_log: Takes the lines of the stages' access logs.
        """
        self._api = api
        self._backends = backends
        self._log = log
        self._access_log = access_log
        self._router = Router(api.resources)
        self._throttles = Throttles()
        self._usage = Usage(api, self._throttles)
        self._authorization = Authorization(backends)

    async def answer(self, request: Request) -> Response:
        """Answer a request as API Gateway would."""
        place = find_place(self._api, request)
        if place is None:
            return _forbidden()
        started = time.perf_counter()
        stage = place.stage
        exchange = _begin(self._api, place, request)
        try:
            response = await self._steps(exchange)
        except GatewayError as error:
            if error.log:
                self._log(f"{exchange.place}: {error.log}")
            response = gateway_response(exchange, error)
        response = _finished(exchange, response)
        if stage.access_log:
            exchange.context |= {
                "status": response.status,
                "responseLength": len(response.body),
                "responseLatency": round((time.perf_counter() - started) * 1000),
            }
            self._access_log(stage.access_log(exchange))
        return response

    async def _steps(self, exchange: Exchange) -> Response:
        self._router.route(exchange)
        await self._authorization.authorize(exchange)
        self._usage.check(exchange)
        self._throttles.check_stage(exchange)
        check_size(exchange)
        validate(exchange)
        return await self._integrate(exchange)

    async def _integrate(self, exchange: Exchange) -> Response:
        integration = exchange.method.integration if exchange.method else None
        if integration is None:
            raise GatewayError("API_CONFIGURATION_ERROR", log="the method has no integration")
        if integration.type == "AWS_PROXY":
            return await self._timed(exchange, call_function(exchange, integration, self._backends))
        if integration.type == "HTTP_PROXY":
            return await self._timed(exchange, call_http_proxy(exchange, integration, self._backends))
        request = backend_request(exchange, integration)
        reply = await self._timed(exchange, self._call(exchange, integration, request))
        return integration_response(exchange, integration, reply, request.status)

    async def _call(self, exchange: Exchange, integration: Integration, request: BackendRequest) -> Response:
        match integration.type:
            case "AWS":
                return await call_service(exchange, integration, request, self._backends)
            case "HTTP":
                return await call_http(exchange, integration, request, self._backends)
            case "MOCK":
                return mock_answer(request)
            case unknown:
                raise GatewayError("API_CONFIGURATION_ERROR", log=f"there is no integration type {unknown}")

    async def _timed(self, exchange: Exchange, call: Awaitable[Response]) -> Response:
        """Await a backend's answer, and note for the access log how it went."""
        started = time.perf_counter()
        try:
            reply = await call
        except GatewayError as error:
            exchange.context["integrationErrorMessage"] = error.message
            raise
        latency = round((time.perf_counter() - started) * 1000)
        exchange.context |= {
            "integration": {"status": reply.status, "latency": latency, "requestId": reply.header("x-amzn-requestid")},
            "integrationLatency": latency,
            "integrationStatus": reply.status,
        }
        return reply


def _begin(api: Api, place: Place, request: Request) -> Exchange:
    request = replace(request, headers=_with_gateway_headers(request))
    return Exchange(
        api=api,
        stage=place.stage,
        request=request,
        path=place.path,
        event_path=request.raw_path if place.mapping else place.path,
        context=new_context(api, place, request),
    )


def _with_gateway_headers(request: Request) -> list[tuple[str, str]]:
    """Add the headers that API Gateway adds before any template or function sees them."""
    forwarded = [address for address in (request.header("x-forwarded-for"), request.client) if address]
    headers = with_header(request.headers, "X-Forwarded-For", ", ".join(forwarded))
    headers = with_header(headers, "X-Forwarded-Port", str(request.port))
    headers = with_header(headers, "X-Forwarded-Proto", request.scheme)
    if request.header("x-amzn-trace-id") is None:
        headers.append(("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"))
    return headers


def _finished(exchange: Exchange, response: Response) -> Response:
    headers = with_header(response.headers, "x-amzn-RequestId", exchange.context["requestId"])
    headers = with_header(headers, "x-amz-apigw-id", exchange.context["extendedRequestId"])
    return replace(response, headers=headers)


def _forbidden() -> Response:
    """Answer for a stage or a base path that does not exist: no gateway response of the API applies."""
    return Response(
        status=403,
        headers=[("Content-Type", "application/json"), ("x-amzn-ErrorType", "ForbiddenException")],
        body=json.dumps({"message": "Forbidden"}).encode(),
    )
