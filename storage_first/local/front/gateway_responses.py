"""Answer with a gateway response: what API Gateway says itself when a request ends early."""

import json
from collections.abc import Iterable, Mapping

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.http import DEFAULT_MEDIA_TYPE, Response, with_header
from storage_first.local.front.model import GatewayResponse
from storage_first.local.front.sources import parse_text

_PLAIN = GatewayResponse()
_DEFAULT_TEMPLATES = {DEFAULT_MEDIA_TYPE: parse_text('{"message":$context.error.messageString}', missing="")}


def gateway_response(exchange: Exchange, error: GatewayError) -> Response:
    """Make the response for an error, with what the API customizes.

    Args:
        exchange: The request; its `$context.error` is set.
        error: Why it ends.
    """
    kind = error.response_type
    exchange.context["error"] = {
        "message": error.message,
        "messageString": json.dumps(error.message, ensure_ascii=False),
        "responseType": kind.name,
        "validationErrorString": error.validation_error,
    }
    customized = exchange.api.gateway_responses
    response = customized.get(kind.name) or customized.get(kind.fallback) or _PLAIN
    templates = response.templates or _DEFAULT_TEMPLATES
    media_type = choose_media_type(templates, exchange.request.header("accept"))
    headers = [("Content-Type", media_type), ("x-amzn-ErrorType", kind.error_type)]
    for name, source in response.headers.items():
        headers = with_values(headers, name, source(exchange))
    return Response(
        status=response.status or error.status,
        headers=headers,
        body=templates[media_type](exchange).encode(),
    )


def choose_media_type(templates: Mapping[str, object], accept: str | None) -> str:
    """Choose which of some templates answers: the accepted one, else JSON's, else the first.

    API Gateway documents that the Accept header decides; what it does where none matches is observed behaviour.
    """
    for wanted in _media_types(accept):
        if wanted in templates:
            return wanted
    return DEFAULT_MEDIA_TYPE if DEFAULT_MEDIA_TYPE in templates else next(iter(templates))


def with_values(headers: list[tuple[str, str]], name: str, value: str | list[str] | None) -> list[tuple[str, str]]:
    """Set a header to what a mapping gave; nothing leaves it as it is."""
    if value is None:
        return headers
    return with_header(headers, name, *([value] if isinstance(value, str) else value))


def _media_types(accept: str | None) -> Iterable[str]:
    return (part.partition(";")[0].strip().lower() for part in (accept or "").split(","))
