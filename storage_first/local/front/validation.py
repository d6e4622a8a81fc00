"""Validate: a request's parameters and body against what its method asks for."""

import json

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange

MAX_PAYLOAD = 10 * 1024 * 1024
"""The largest body that API Gateway takes, in bytes."""


def check_size(exchange: Exchange) -> None:
    """Refuse a body that is too large.

    Raises:
        GatewayError: REQUEST_TOO_LARGE.
    """
    if exchange.request.too_large:
        raise GatewayError("REQUEST_TOO_LARGE")


def validate(exchange: Exchange) -> None:
    """Check parameters first, then the body.

    Raises:
        GatewayError: BAD_REQUEST_PARAMETERS or BAD_REQUEST_BODY.
    """
    if exchange.method is None:
        return
    missing = [name for location, name in exchange.method.required_parameters if not _value(exchange, location, name)]
    if missing:
        names = ", ".join(missing)
        raise GatewayError("BAD_REQUEST_PARAMETERS", message=f"Missing required request parameters: [{names}]")
    models = exchange.method.models
    model = models.get(exchange.request.media_type) or models.get("$default")
    complaint = model.complaint(exchange.request.text) if model else None
    if complaint:
        # As AWS does: escaped as in a JSON string, but without the quotes.
        raise GatewayError("BAD_REQUEST_BODY", validation_error=json.dumps(complaint, ensure_ascii=False)[1:-1])


def _value(exchange: Exchange, location: str, name: str) -> str | None:
    """Find a parameter's value; API Gateway wants it "included and not blank"."""
    match location:
        case "header":
            return exchange.request.header(name)
        case "querystring":
            return exchange.request.query_map.get(name)
        case _:
            return exchange.path_parameters.get(name)
