"""Binary payloads: when API Gateway hands on bytes, and when it converts them to or from Base64 text."""

import base64
import binascii
from collections.abc import Collection

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.http import media_type


def is_binary(content_type: str | None, binary_media_types: Collection[str]) -> bool:
    """Tell whether an API takes payloads of a type as binary.

    Args:
        content_type: A Content-Type, or an Accept header, of which the first type counts, as AWS has it.
        binary_media_types: The API's; may hold `*/*` and `image/*`.
    """
    if not binary_media_types:
        return False
    name = media_type((content_type or "").partition(",")[0])
    return bool({name, f"{name.partition('/')[0]}/*", "*/*"}.intersection(binary_media_types))


def request_payload(
    body: bytes, content_type: str | None, handling: str | None, binary_media_types: Collection[str]
) -> bytes:
    """Convert a request's body as the integration wants it.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where text to be made binary is not Base64.
    """
    if not binary_media_types:
        return body
    binary = is_binary(content_type, binary_media_types)
    if handling == "CONVERT_TO_TEXT" and binary:
        return base64.b64encode(body)
    if handling == "CONVERT_TO_BINARY" and not binary:
        return _from_base64(body)
    return body


def response_payload(
    body: bytes,
    content_type: str | None,
    accept: str | None,
    handling: str | None,
    binary_media_types: Collection[str],
) -> bytes:
    """Convert a backend's body as the integration response and the caller want it.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where text to be made binary is not Base64.
    """
    if not binary_media_types:
        return body
    binary = is_binary(content_type, binary_media_types)
    wants_binary = is_binary(accept, binary_media_types)
    if binary and (handling == "CONVERT_TO_TEXT" or (handling is None and not wants_binary)):
        return base64.b64encode(body)
    if not binary and (handling == "CONVERT_TO_BINARY" or (handling is None and wants_binary)):
        return _from_base64(body)
    return body


def _from_base64(body: bytes) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise GatewayError("API_CONFIGURATION_ERROR", log="a text to be made binary is not Base64") from error
