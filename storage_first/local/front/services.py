"""Integrations of type AWS: an HTTP call to a service, in the service's own protocol.

`action/X` names an operation, and API Gateway makes the call's address and headers; `path/...` is the address
itself, and the integration's parameters give the headers.

API Gateway asks services for JSON, and those of the Query protocol answer `{"XResponse": {"XResult": ...}}` then, as
recordings of AWS show for SQS, SNS and SSM; whoever maps another Accept header gets XML.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET  # the emulator writes what is parsed

from storage_first.local.front.backends import Backends
from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.http import Response, header, with_header
from storage_first.local.front.integration_request import BackendRequest
from storage_first.local.front.model import Integration
from storage_first.local.front.values import Json

_URI = re.compile(
    r"arn:[\w-]+:apigateway:(?P<region>[\w-]+):(?P<service>[\w.-]+):(?P<kind>action|path)/(?P<rest>.*)", re.DOTALL
)
_FIRST_ERROR = 300
_PATH_SAFE = "/:~+%?&=;,@!$'()*"


@dataclass(frozen=True)
class _JsonService:
    """A service that takes its operation in `X-Amz-Target`, and JSON.

    Attributes:
        target: None where API Gateway leaves it to the integration to map that header.
        version: The protocol's.
    """

    target: str | None
    version: str


_JSON_SERVICES: Mapping[str, _JsonService] = {
    "dynamodb": _JsonService("DynamoDB_20120810", "1.0"),
    "events": _JsonService(None, "1.1"),
    "firehose": _JsonService("Firehose_20150804", "1.1"),
    "kinesis": _JsonService("Kinesis_20131202", "1.1"),
    "logs": _JsonService("Logs_20140328", "1.1"),
    "secretsmanager": _JsonService("secretsmanager", "1.1"),
    "ssm": _JsonService("AmazonSSM", "1.1"),
    "states": _JsonService("AWSStepFunctions", "1.0"),
}
# The emulator names DynamoDB's errors plainly; on AWS `__type` says which model they are of, and templates see that.
_DYNAMODB_ERRORS = "com.amazonaws.dynamodb.v20120810#"
_COMMON_ERRORS: Mapping[str, str] = {
    "AccessDeniedException": "com.amazon.coral.service#",
    "SerializationException": "com.amazon.coral.service#",
    "ThrottlingException": "com.amazon.coral.availability#",
    "ValidationException": "com.amazon.coral.validate#",
}
_QUERY_SERVICES = frozenset({"cloudformation", "iam", "monitoring", "sns", "sqs", "sts"})
# As JSON, AWS writes what a result has no value for; as XML it leaves it out.
_NULLABLE: Mapping[str, Mapping[str, None]] = {
    "PublishResult": dict.fromkeys(("MessageId", "SequenceNumber")),
    "SendMessageResult": dict.fromkeys(
        (
            "MD5OfMessageAttributes",
            "MD5OfMessageBody",
            "MD5OfMessageSystemAttributes",
            "MessageId",
            "SequenceNumber",
        )
    ),
}


@dataclass(frozen=True, kw_only=True)
class ServiceUri:
    """An integration's URI, taken apart."""

    region: str
    service: str
    subdomain: str
    action: str | None
    path: str


@lru_cache(maxsize=1024)
def parse_service_uri(uri: str) -> ServiceUri:
    """Take apart `arn:aws:apigateway:{region}:{subdomain.service}:{path|action}/{...}`.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where it is none.
    """
    match = _URI.fullmatch(uri)
    if not match:
        raise GatewayError("API_CONFIGURATION_ERROR", log=f"{uri!r} is no address of an AWS service")
    subdomain, _, service = match["service"].rpartition(".")
    is_action = match["kind"] == "action"
    return ServiceUri(
        region=match["region"],
        service=service,
        subdomain=subdomain,
        action=match["rest"] if is_action else None,
        path="/" if is_action else f"/{match['rest']}",
    )


async def call_service(
    exchange: Exchange, integration: Integration, request: BackendRequest, backends: Backends
) -> Response:
    """Call the service that an integration names, and give its answer as the service gave it.

    Raises:
        GatewayError: INTEGRATION_TIMEOUT or INTEGRATION_FAILURE; API_CONFIGURATION_ERROR where Lambda refuses.
    """
    uri = parse_service_uri(request.uri)
    answer = await backends.call_service(
        request.http_method,
        _address(uri, request),
        service=uri.service,
        region=uri.region,
        headers=_headers(exchange, uri, request),
        body=request.body,
        seconds=integration.timeout,
    )
    if uri.service == "lambda":
        check_invocation(answer)
    if uri.service in _QUERY_SERVICES and "xml" not in (header(request.headers, "accept") or ""):
        return _as_json(answer)
    if uri.service == "dynamodb" and answer.status >= _FIRST_ERROR:
        return _with_qualified_type(answer)
    return answer


def check_invocation(answer: Response) -> None:
    """Refuse an answer in which Lambda says that it did not run the function; callers never see why.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR.
    """
    if answer.status >= _FIRST_ERROR:
        raise GatewayError("API_CONFIGURATION_ERROR", log=f"Lambda refused: {answer.status} {answer.text}")


def _address(uri: ServiceUri, request: BackendRequest) -> str:
    # A bucket as subdomain is the same as a bucket as first part of the path, which is what the emulator serves.
    path = f"/{uri.subdomain}{uri.path}" if uri.service == "s3" and uri.subdomain else uri.path
    query = request.query_string
    if uri.action and uri.service not in _JSON_SERVICES:
        query = f"{query or '?'}{'&' if query else ''}Action={quote(uri.action)}"
    return quote(path, safe=_PATH_SAFE) + query


def _headers(exchange: Exchange, uri: ServiceUri, request: BackendRequest) -> list[tuple[str, str]]:
    headers = [
        ("Accept", "application/json"),
        ("User-Agent", f"AmazonAPIGateway_{exchange.api.id}"),
        ("Content-Type", exchange.request.header("content-type") or "application/json"),
    ]
    if uri.action and (protocol := _JSON_SERVICES.get(uri.service)):
        headers = with_header(headers, "Content-Type", f"application/x-amz-json-{protocol.version}")
        if protocol.target:
            headers.append(("X-Amz-Target", f"{protocol.target}.{uri.action}"))
    for name in {name.lower(): name for name, _ in request.headers}.values():
        headers = with_header(headers, name, *(value for key, value in request.headers if key.lower() == name.lower()))
    return headers


def _with_qualified_type(answer: Response) -> Response:
    try:
        error = json.loads(answer.body)
    except (ValueError, RecursionError):
        return answer
    name = error.get("__type") if isinstance(error, dict) else None
    if not isinstance(name, str) or "#" in name:
        return answer
    error["__type"] = _COMMON_ERRORS.get(name, _DYNAMODB_ERRORS) + name
    return replace(answer, body=json.dumps(error, separators=(",", ":"), ensure_ascii=False).encode())


def _as_json(answer: Response) -> Response:
    """Write an answer of a query service as it is on AWS, where API Gateway asks for JSON and gets it."""
    try:
        root = ET.fromstring(answer.body)  # noqa: S314 - the emulator's own answer
    except ET.ParseError:
        return answer
    content = _json_of(root)
    # Errors come without a root of their own: {"Error": {...}, "RequestId": ...}.
    document = content if _tag(root) == "ErrorResponse" else {_tag(root): content}
    return replace(
        answer,
        headers=with_header(answer.headers, "Content-Type", "application/json"),
        body=json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(),
    )


def _json_of(element: ET.Element) -> Json:
    children = list(element)
    if not children:
        return element.text if element.text and element.text.strip() else None
    if {_tag(child) for child in children} == {"member"}:
        return [_json_of(child) for child in children]
    document: dict[str, Any] = {}
    for child in children:
        name, value = _tag(child), _json_of(child)
        if name in document:
            others = document[name]
            document[name] = [*(others if isinstance(others, list) else [others]), value]
        else:
            document[name] = value
    return {**_NULLABLE.get(_tag(element), {}), **document}


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
