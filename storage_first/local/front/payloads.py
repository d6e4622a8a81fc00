"""Payloads: when API Gateway takes them as text, when as bytes, and when it converts one to the other.

As its table of content type conversions has it. What the table leaves open (text that is no UTF-8, text that is no
Base64, templates that meet bytes) is what recordings of AWS that others published show.
"""

import base64
import binascii
from collections.abc import Collection

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.http import media_type

Payload = str | bytes
"""Text, or bytes that API Gateway does not look into."""


def is_binary(name: str, binary_media_types: Collection[str]) -> bool:
    """Tell whether an API takes payloads of a media type as bytes.

    Args:
        name: The media type, without parameters.
        binary_media_types: The API's: exact ones, `type/*`, or `*/*`. AWS matches nothing with `*/subtype`.
    """
    return not {name, f"{name.partition('/')[0]}/*", "*/*"}.isdisjoint(binary_media_types)


def accepts_binary(accept: str | None, binary_media_types: Collection[str]) -> bool:
    """Tell whether a caller wants bytes: "API Gateway honors only the first Accept media type"."""
    first = (accept or "").partition(",")[0]
    return is_binary(first.partition(";")[0].strip().lower(), binary_media_types)


def request_payload(body: bytes, name: str, handling: str | None, binary_media_types: Collection[str]) -> Payload:
    """Convert a request's body as the integration wants it.

    Args:
        body: The body.
        name: Its media type.
        handling: The integration's content handling.
        binary_media_types: The API's.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where text to be made binary is not Base64.
    """
    binary = is_binary(name, binary_media_types)
    return _converted(body, binary=binary, wanted=handling or ("CONVERT_TO_BINARY" if binary else "CONVERT_TO_TEXT"))


def response_payload(
    body: bytes,
    content_type: str | None,
    accept: str | None,
    handling: str | None,
    binary_media_types: Collection[str],
) -> Payload:
    """Convert a backend's body as the integration response, or else the caller, wants it.

    Args:
        body: The body.
        content_type: What the backend calls it.
        accept: The caller's Accept header.
        handling: The integration response's content handling.
        binary_media_types: The API's.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where text to be made binary is not Base64.
    """
    accepted = "CONVERT_TO_BINARY" if accepts_binary(accept, binary_media_types) else "CONVERT_TO_TEXT"
    binary = is_binary(media_type(content_type), binary_media_types)
    return _converted(body, binary=binary, wanted=handling or accepted)


def as_text(payload: Payload) -> str:
    """Hand a payload to a mapping template.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where it is bytes, even none: AWS is "unable to transform" them.
    """
    if isinstance(payload, bytes):
        raise GatewayError("API_CONFIGURATION_ERROR", log="a mapping template cannot read a binary payload")
    return payload


def as_bytes(payload: Payload) -> bytes:
    """Write a payload as it goes on the wire."""
    return payload if isinstance(payload, bytes) else payload.encode()


def _converted(body: bytes, *, binary: bool, wanted: str) -> Payload:
    if wanted == "CONVERT_TO_TEXT":
        return base64.b64encode(body).decode() if binary else body.decode(errors="replace")
    return body if binary else _from_base64(body)


def _from_base64(body: bytes) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise GatewayError("API_CONFIGURATION_ERROR", log="a text to be made binary is not Base64") from error
