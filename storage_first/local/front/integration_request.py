"""Make the request to an integration's backend: passthrough, template, parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.http import with_header
from storage_first.local.front.model import Integration
from storage_first.local.front.payloads import as_bytes, as_text, request_payload
from storage_first.local.front.sources import Value, single
from storage_first.local.front.templates import render_template

_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_PATH_PARAMETER = re.compile(r"\{([\w.-]+\+?)\}")
# Where one of these is mapped, AWS answers 500 ("configuration error: Authorization header already present").
_GATEWAYS_OWN = frozenset({"content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"})
_SERVICES_OWN = _GATEWAYS_OWN | {"authorization", "connection", "expect", "proxy-authenticate", "te"}


@dataclass(frozen=True, kw_only=True)
class BackendRequest:
    """What goes to a backend.

    Attributes:
        uri: The integration's URI with its parameters filled in.
        status: What the request template set `$context.responseOverride.status` to, if it did.
    """

    uri: str
    http_method: str
    headers: list[tuple[str, str]]
    query: list[tuple[str, str]]
    body: bytes
    status: int | None = None

    @property
    def query_string(self) -> str:
        """The query as it goes on the wire, with its question mark."""
        return f"?{urlencode(self.query, quote_via=quote)}" if self.query else ""


def backend_request(exchange: Exchange, integration: Integration) -> BackendRequest:
    """Make the request of an integration that is no proxy.

    Raises:
        GatewayError: UNSUPPORTED_MEDIA_TYPE, or API_CONFIGURATION_ERROR where the template or a conversion fails, or a
            header is mapped that is API Gateway's own.
    """
    request = exchange.request
    template = _template(exchange, integration)
    payload = request_payload(
        request.body, request.media_type, integration.content_handling, exchange.api.binary_media_types
    )
    values = parameters(exchange, integration)
    _check_headers(values, integration)
    headers = _pairs(values, "header")
    status = None
    if template is None:
        body = as_bytes(payload)
    else:
        rendered = render_template(template, as_text(payload), exchange, "request template")
        body = rendered.text.encode()
        status = rendered.status
        values |= {("path", name): value for name, value in rendered.path.items()}
        values |= {("querystring", name): value for name, value in rendered.querystring.items()}
        for name, value in rendered.headers.items():
            headers = with_header(headers, name, value)
    return BackendRequest(
        uri=fill_uri(integration.uri, exchange, values),
        http_method=request.method if integration.http_method == "ANY" else integration.http_method,
        headers=headers,
        query=_pairs(values, "querystring"),
        body=body,
        status=status,
    )


def parameters(exchange: Exchange, integration: Integration) -> dict[tuple[str, str], Value]:
    """Take the values of an integration's mapped parameters, by location and name."""
    values = {target: source(exchange) for target, source in integration.parameters.items()}
    return {target: value for target, value in values.items() if value is not None}


def fill_uri(uri: str, exchange: Exchange, values: Mapping[tuple[str, str], Value]) -> str:
    """Fill in stage variables and path parameters.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where a path parameter has no value: "Illegal character in path".
    """
    if "{" not in uri:
        return uri
    variables = exchange.stage.variables
    uri = _STAGE_VARIABLE.sub(lambda match: variables.get(match[1], ""), uri)

    def path_parameter(match: re.Match[str]) -> str:
        value = single(values.get(("path", match[1].removesuffix("+"))))
        if value is None:
            raise GatewayError("API_CONFIGURATION_ERROR", log=f"no value is mapped to {match[0]} of {uri}")
        return quote(value, safe="/:~")

    return _PATH_PARAMETER.sub(path_parameter, uri)


def _template(exchange: Exchange, integration: Integration) -> str | None:
    templates = integration.templates
    template = templates.get(exchange.request.media_type)
    if template is None and (
        integration.passthrough == "NEVER" or (integration.passthrough == "WHEN_NO_TEMPLATES" and templates)
    ):
        raise GatewayError("UNSUPPORTED_MEDIA_TYPE")
    return template


def _check_headers(values: Mapping[tuple[str, str], Value], integration: Integration) -> None:
    refused = _SERVICES_OWN if integration.type == "AWS" else _GATEWAYS_OWN
    for location, name in values:
        if location == "header" and name.lower() in refused:
            raise GatewayError("API_CONFIGURATION_ERROR", log=f"the {name} header is not an integration's to map")


def _pairs(values: Mapping[tuple[str, str], Value], wanted: str) -> list[tuple[str, str]]:
    return [
        (name, item)
        for (location, name), value in values.items()
        if location == wanted
        for item in (value if isinstance(value, list) else [value or ""])
    ]
