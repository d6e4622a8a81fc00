"""Integrations of type HTTP and HTTP_PROXY: any address."""

from urllib.parse import urlencode

from storage_first.local.front.backends import Backends
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.http import Response, with_header
from storage_first.local.front.integration_request import BackendRequest, fill_uri, parameters
from storage_first.local.front.model import Integration
from storage_first.local.front.sources import single

_NOT_PASSED_ON = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "expect",
        "proxy-authenticate",
        "te",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)


async def call_http(
    exchange: Exchange, integration: Integration, request: BackendRequest, backends: Backends
) -> Response:
    """Call the backend of an HTTP integration.

    Raises:
        GatewayError: INTEGRATION_TIMEOUT or INTEGRATION_FAILURE.
    """
    headers = [
        ("Accept", "application/json"),
        ("User-Agent", f"AmazonAPIGateway_{exchange.api.id}"),
        ("Content-Type", exchange.request.header("content-type") or "application/json"),
        ("x-amzn-apigateway-api-id", exchange.api.id),
    ]
    for name, value in request.headers:
        headers = with_header(headers, name, value)
    url = request.uri + _joined(request.uri, request.query_string.removeprefix("?"))
    return await backends.call(
        request.http_method, url, headers=headers, body=request.body, seconds=integration.timeout
    )


async def call_http_proxy(exchange: Exchange, integration: Integration, backends: Backends) -> Response:
    """Hand a request on to the backend of an HTTP proxy integration, with the mapped parameters added.

    Raises:
        GatewayError: INTEGRATION_TIMEOUT or INTEGRATION_FAILURE.
    """
    request = exchange.request
    values = parameters(exchange, integration)
    headers = [pair for pair in request.headers if pair[0].lower() not in _NOT_PASSED_ON]
    query = [(name, value) for name, values_ in request.query.items() for value in values_]
    for (location, name), value in values.items():
        if location == "header":
            headers = with_header(headers, name, single(value) or "")
        elif location == "querystring":
            query.append((name, single(value) or ""))
    uri = fill_uri(integration.uri, exchange, values)
    return await backends.call(
        request.method if integration.http_method == "ANY" else integration.http_method,
        uri + _joined(uri, urlencode(query)),
        headers=headers,
        body=request.body,
        seconds=integration.timeout,
    )


def _joined(uri: str, query: str) -> str:
    return f"{'&' if '?' in uri else '?'}{query}" if query else ""
