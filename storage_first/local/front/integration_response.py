"""Answer with an integration response: choose it, map its headers, render its body."""

import json

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.gateway_responses import choose_media_type, with_values
from storage_first.local.front.http import DEFAULT_MEDIA_TYPE, Response, with_header
from storage_first.local.front.model import Integration, IntegrationResponse
from storage_first.local.front.payloads import as_bytes, as_text, response_payload
from storage_first.local.front.templates import render_template

_LOWEST, _HIGHEST = 100, 599
_REMAPPED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    }
)
"""What goes out as `x-amzn-Remapped-...` (API Gateway's important notes)."""


def integration_response(exchange: Exchange, integration: Integration, reply: Response, status: int | None) -> Response:
    """Make the response of a backend's answer.

    Args:
        exchange: The request.
        integration: Its integration.
        reply: The backend's answer.
        status: What the request template set `$context.responseOverride.status` to; the response's comes first.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where no integration response matches, or the template or a conversion
            fails.
    """
    exchange.reply = reply
    chosen = _choose(integration, reply)
    payload = response_payload(
        reply.body,
        reply.header("content-type"),
        exchange.request.header("accept"),
        chosen.content_handling,
        exchange.api.binary_media_types,
    )
    headers = [("Content-Type", DEFAULT_MEDIA_TYPE)]
    overrides: dict[str, str] = {}
    if not chosen.templates:
        body = as_bytes(payload)
    else:
        media_type = choose_media_type(chosen.templates, exchange.request.header("accept"))
        headers = [("Content-Type", media_type)]
        what = f"response template {chosen.status}"
        rendered = render_template(chosen.templates[media_type], as_text(payload), exchange, what)
        body = rendered.text.encode()
        overrides = dict(rendered.headers)
        exchange.context["responseOverride"] = {"header": overrides}  # an access log can tell of them
        status = rendered.status or status
    for name, source in chosen.headers.items():
        headers = with_values(headers, name, source(exchange))
    for name, value in overrides.items():
        headers = with_header(headers, name, value)
    headers = [(f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, value) for name, value in headers]
    # AWS ignores an override that is no status.
    overridden = status is not None and _LOWEST <= status <= _HIGHEST
    return Response(status=status if status and overridden else chosen.status, headers=headers, body=body)


def _choose(integration: Integration, reply: Response) -> IntegrationResponse:
    key = _selection_key(integration, reply)
    matching = (response for response in integration.responses if response.pattern and response.pattern.fullmatch(key))
    catch_all = (response for response in integration.responses if response.pattern is None)
    chosen = next(matching, None) or next(catch_all, None)
    if chosen is None:
        raise GatewayError("API_CONFIGURATION_ERROR", log=f"no integration response matches {key!r}")
    return chosen


def _selection_key(integration: Integration, reply: Response) -> str:
    """What selection patterns are matched against: the status, or for a Lambda function its error message."""
    if ":lambda:path/" not in integration.uri:
        return str(reply.status)
    try:
        result = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    message = result.get("errorMessage") if isinstance(result, dict) else None
    return message if isinstance(message, str) else ""
