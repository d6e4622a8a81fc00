"""What a method can answer, read from its integration responses and the API's gateway responses."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage_first.local.front.errors import RESPONSE_TYPES
from storage_first.local.front.raw import Props
from storage_first.openapi.apis import MADE_UP, SynthesizedApi
from storage_first.openapi.contract import INSTANCE
from storage_first.openapi.outcomes import Outcome, outcomes

_JSON: Final = "application/json"
_PLAIN: Final[Props] = {"ResponseTemplates": {_JSON: '{"message":$context.error.messageString}'}}
_REFUSED: Final = 400
_VALIDATION_ERROR: Final = '[object has missing required properties (["name"])]'
_VARIABLE: Final = re.compile(r"\$!?\{?[A-Za-z][\w.]*\}?")
_PROXIES: Final = frozenset({"AWS_PROXY", "HTTP_PROXY"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of a method.

    Attributes:
        status: The HTTP status.
        media_type: What it carries, or `None` where nothing tells.
        headers: Its headers by name, each with its value where that is fixed.
        detail: What it says, if it is a refusal.
        example: What it carries, if that is fixed.
        template: What makes it; empty where there is no template.
    """

    status: int
    media_type: str | None
    headers: Mapping[str, str | None]
    detail: str | None = None
    example: Any = None
    template: str = ""


def integration_answers(method: Props) -> Iterator[Answer]:
    """What becomes of the backend's answers; a proxy's are its own."""
    integration = method.get("Integration", {})
    if integration.get("Type") in _PROXIES:
        return
    for response in integration.get("IntegrationResponses", ()):
        fixed = _headers(response, "method.response.header.")
        templates = response.get("ResponseTemplates") or {}
        media_type, template = next(iter(templates.items()), (None, ""))
        for outcome in outcomes(template):
            yield _answer(int(response["StatusCode"]), media_type, template, fixed, outcome)


def refusals(api: SynthesizedApi, method: Props) -> Iterator[Answer]:
    """What API Gateway refuses by itself, as this API words it."""
    customized = api.parts.gateway_responses
    for kind in _refusal_types(api, method):
        known = RESPONSE_TYPES[kind]
        response = customized.get(kind) or customized.get(known.fallback) or _PLAIN
        # A status that a fallback sets is for all types that fall back to it.
        status = int(response.get("StatusCode") or known.status)
        headers = _headers(response, "gatewayresponse.header.")
        template = (response.get("ResponseTemplates") or _PLAIN["ResponseTemplates"]).get(_JSON, "")
        yield Answer(
            status=status,
            media_type=headers.pop("Content-Type", None) or _JSON,
            headers=headers,
            detail=(_detail(_filled(template, known.message, validation_error="")) or known.message).rstrip(": "),
            example=_parsed(_filled(template, known.message, validation_error=_VALIDATION_ERROR)),
        )


def takes_body(method: Props, http_method: str) -> bool:
    """Whether requests of a method have a body."""
    return http_method in _WITH_BODY or bool(method.get("RequestModels"))


def validates(api: SynthesizedApi, method: Props, what: str) -> bool:
    """Whether API Gateway validates the `Body` or the `Parameters` of a method's requests."""
    validator = api.parts.validators.get(method.get("RequestValidatorId", ""), {})
    return str(validator.get(f"ValidateRequest{what}", False)).lower() == "true"


def is_true(value: object) -> bool:
    """Read a boolean that CloudFormation also takes as a string."""
    return str(value).lower() == "true"


def _refusal_types(api: SynthesizedApi, method: Props) -> Iterator[str]:
    integration = method.get("Integration", {})
    if validates(api, method, "Body") and method.get("RequestModels"):
        yield "BAD_REQUEST_BODY"
    if validates(api, method, "Parameters") and _wants_parameters(method):
        yield "BAD_REQUEST_PARAMETERS"
    match method.get("AuthorizationType", "NONE"):
        case "CUSTOM" | "COGNITO_USER_POOLS":
            yield from ("UNAUTHORIZED", "ACCESS_DENIED")
        case "AWS_IAM":
            yield from ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "EXPIRED_TOKEN", "ACCESS_DENIED")
    if is_true(method.get("ApiKeyRequired")):
        yield from ("INVALID_API_KEY", "QUOTA_EXCEEDED")
    if api.filtered:
        yield "WAF_FILTERED"
    if takes_body(method, method["HttpMethod"]):
        yield "REQUEST_TOO_LARGE"
        if integration.get("PassthroughBehavior") == "NEVER" and integration.get("Type") not in _PROXIES:
            yield "UNSUPPORTED_MEDIA_TYPE"
    yield "THROTTLED"
    if integration.get("Type") != "MOCK":
        yield from ("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT")
    yield "DEFAULT_5XX"


def _wants_parameters(method: Props) -> bool:
    """Whether a parameter can be missing; those of the path are always there."""
    return any(
        is_true(required) and not name.startswith("method.request.path.")
        for name, required in method.get("RequestParameters", {}).items()
    )


def _answer(
    status: int, media_type: str | None, template: str, fixed: Mapping[str, str | None], outcome: Outcome
) -> Answer:
    headers = {**fixed, **outcome.headers}
    content_type = headers.pop("Content-Type", None)
    status = outcome.status or status
    return Answer(
        status=status,
        media_type=content_type or media_type,
        headers=headers,
        detail=outcome.detail or (_detail(template) if status >= _REFUSED else None),
        template=template,
    )


def _headers(response: Props, prefix: str) -> dict[str, str | None]:
    """Static headers have their value in single quotes; all others are mapped from something, or made at deploy."""
    return {
        target.removeprefix(prefix): source[1:-1] if source.startswith("'") and MADE_UP not in source else None
        for target, source in (response.get("ResponseParameters") or {}).items()
        if target.startswith(prefix)
    }


def _filled(template: str, message: str, *, validation_error: str) -> str:
    """A gateway response's template as it may come out; the first variable brings its own quotes."""
    return template.replace("$context.error.messageString", json.dumps(message)).replace(
        "$context.error.validationErrorString", json.dumps(validation_error)[1:-1]
    )


def _detail(template: str) -> str | None:
    body = _parsed(template)
    return str(body["detail"]) if isinstance(body, Mapping) and "detail" in body else None


def _parsed(template: str) -> Any:  # noqa: ANN401 - any JSON
    """What a template without directives renders, or `None`."""
    try:
        return json.loads(_VARIABLE.sub(INSTANCE, template))
    except ValueError:
        return None


def by_status(answers: Sequence[Answer]) -> Mapping[int, Sequence[Answer]]:
    """Sort answers by their status."""
    return {
        status: [answer for answer in answers if answer.status == status]
        for status in sorted({answer.status for answer in answers})
    }
