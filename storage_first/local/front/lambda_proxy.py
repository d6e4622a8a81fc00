"""Integrations of type AWS_PROXY: a Lambda function that gets the request as an event, and answers with a response."""

import base64
import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from storage_first.local.front.backends import Backends
from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.http import Response, grouped
from storage_first.local.front.integration_request import fill_uri
from storage_first.local.front.model import Integration
from storage_first.local.front.payloads import accepts_binary, is_binary
from storage_first.local.front.services import check_invocation
from storage_first.local.front.values import Json

_FUNCTION = re.compile(r":(?P<region>[\w-]+):lambda:path/[\d-]+/functions/(?P<function>.+)/invocations")
_BAD_GATEWAY = 502
_IDENTITY = (
    "accessKey",
    "accountId",
    "apiKey",
    "apiKeyId",
    "caller",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "sourceIp",
    "user",
    "userAgent",
    "userArn",
)
_ANSWER_KEYS = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})


async def call_function(exchange: Exchange, integration: Integration, backends: Backends) -> Response:
    """Invoke an integration's function with the request, and make a response of its answer.

    Raises:
        GatewayError: With status 502 where the function fails or answers what is no response; INTEGRATION_TIMEOUT;
            API_CONFIGURATION_ERROR where Lambda refuses.
    """
    uri = fill_uri(integration.uri, exchange, {})
    match = _FUNCTION.search(uri)
    if not match:
        raise GatewayError("API_CONFIGURATION_ERROR", log=f"{uri!r} is no address of a Lambda function")
    answer = await invoke(
        match["function"],
        proxy_event(exchange),
        region=match["region"],
        backends=backends,
        seconds=integration.timeout,
    )
    if answer.header("x-amz-function-error"):
        raise GatewayError("DEFAULT_5XX", status=_BAD_GATEWAY, log=f"the function failed: {answer.text}")
    return _response(answer, exchange)


async def invoke(function: str, event: Json, *, region: str, backends: Backends, seconds: float) -> Response:
    """Invoke a function and give Lambda's answer, be it the function's result or its error.

    Raises:
        GatewayError: INTEGRATION_TIMEOUT or INTEGRATION_FAILURE; API_CONFIGURATION_ERROR where Lambda refuses.
    """
    answer = await backends.call_service(
        "POST",
        f"/2015-03-31/functions/{quote(function, safe=':')}/invocations",
        service="lambda",
        region=region,
        headers=[("Content-Type", "application/json")],
        body=json.dumps(event).encode(),
        seconds=seconds,
    )
    check_invocation(answer)
    return answer


def proxy_event(exchange: Exchange) -> dict[str, Any]:
    """Make the event of a Lambda proxy integration (payload format 1.0)."""
    request = exchange.request
    binary = is_binary(request.media_type, exchange.api.binary_media_types)
    body = base64.b64encode(request.body).decode() if binary else request.text
    return request_event(exchange) | {"body": body or None, "isBase64Encoded": binary}


def request_event(exchange: Exchange) -> dict[str, Any]:
    """Make the part of an event that integrations and REQUEST authorizers share."""
    request = exchange.request
    return {
        "resource": exchange.context.get("resourcePath"),
        "path": exchange.event_path,
        "httpMethod": request.method,
        "headers": dict(request.header_map) or None,
        "multiValueHeaders": grouped(request.headers) or None,
        "queryStringParameters": dict(request.query_map) or None,
        "multiValueQueryStringParameters": dict(request.query) or None,
        "pathParameters": dict(exchange.raw_path_parameters) or None,
        "stageVariables": dict(exchange.stage.variables) or None,
        "requestContext": _request_context(exchange.context),
    }


def _request_context(context: Mapping[str, Any]) -> dict[str, Any]:
    identity = dict.fromkeys(_IDENTITY) | context["identity"]
    return {**context, "identity": {name: identity[name] for name in _IDENTITY}}


def _response(answer: Response, exchange: Exchange) -> Response:
    result = _result(answer)
    return Response(
        status=int(result.get("statusCode", 200)),
        headers=_headers(result),
        body=_body(
            result.get("body") or "", result, exchange.request.header("accept"), exchange.api.binary_media_types
        ),
    )


def _result(answer: Response) -> dict[str, Any]:
    try:
        result = json.loads(answer.body)
    except (ValueError, RecursionError):
        result = None
    if isinstance(result, dict) and _is_response(result):
        return result
    raise _malformed(answer.text)


def _malformed(why: str) -> GatewayError:
    return GatewayError("DEFAULT_5XX", status=_BAD_GATEWAY, log=f"the function's answer is no response: {why}")


def _is_response(result: Mapping[str, Any]) -> bool:
    status = str(result.get("statusCode", 200))
    return (
        _ANSWER_KEYS.issuperset(result)
        and isinstance(result.get("body"), str | None)
        and isinstance(result.get("headers"), dict | None)
        and isinstance(result.get("multiValueHeaders"), dict | None)
        and all(isinstance(values, list) for values in (result.get("multiValueHeaders") or {}).values())
        and status.isdecimal()
        and 100 <= int(status) < 600  # noqa: PLR2004 - what HTTP allows
    )


def _headers(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    multiple: Mapping[str, list[Any]] = result.get("multiValueHeaders") or {}
    pairs = [(name, _text(value)) for name, values in multiple.items() for value in values]
    repeated = {name.lower() for name in multiple}
    single: Mapping[str, Any] = result.get("headers") or {}
    pairs += [(name, _text(value)) for name, value in single.items() if name.lower() not in repeated]
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))
    return pairs


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _body(text: str, result: Mapping[str, Any], accept: str | None, binary_media_types: Collection[str]) -> bytes:
    """Decode a Base64 body where the API takes the accepted type as binary; elsewhere AWS hands out the text."""
    if result.get("isBase64Encoded") is True and accepts_binary(accept, binary_media_types):
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise GatewayError("API_CONFIGURATION_ERROR", log="the function's body is not Base64") from error
    return text.encode()
