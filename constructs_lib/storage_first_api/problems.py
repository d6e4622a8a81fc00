"""What an API answers when it did not store a request: RFC 9457 problem details, whoever refused it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import cast

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from constructs_lib.storage_first_api.templates import Raw, Value, Vtl, document, fragment, string_literal

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

# RFC 9110 renamed these; which name Python knows depends on its version.
_RENAMED = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}

# The one request id that a client cannot set.
_REQUEST_ID = "$context.extendedRequestId"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One way in which a request can fail.

    Attributes:
        status: The HTTP status.
        detail: What happened and what the caller can do. Nothing internal.
        retry: Whether the same request can succeed later; adds `Retry-After`.
    """

    status: HTTPStatus
    detail: str
    retry: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that always means this problem."""
        return {"Content-Type": CONTENT_TYPE} | ({"Retry-After": str(RETRY_AFTER_SECONDS)} if self.retry else {})

    @property
    def title(self) -> str:
        """The status in words."""
        return _title(self.status)


INVALID_KEY = Problem(
    status=HTTPStatus.BAD_REQUEST,
    detail="The Idempotency-Key must have 1 to 64 characters of A-Z, a-z, 0-9, _ and -. Nothing was stored.",
)
KEY_REUSED = Problem(
    status=HTTPStatus.UNPROCESSABLE_ENTITY,
    detail="This key belongs to another payload, or to one that has expired. Send a new request under a new key.",
)
TOO_LARGE = Problem(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail="The body is larger than this API stores.")
THROTTLED = Problem(
    status=HTTPStatus.TOO_MANY_REQUESTS,
    detail="Too many requests at the moment. Nothing was stored; send the request again later.",
    retry=True,
)
UNAVAILABLE = Problem(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    detail="The request could not be confirmed. Send it again, with the same Idempotency-Key if it had one.",
    retry=True,
)
MISCONFIGURED = Problem(status=HTTPStatus.INTERNAL_SERVER_ERROR, detail="The API cannot serve this request.")
FORBIDDEN = Problem(status=HTTPStatus.FORBIDDEN, detail="The caller belongs to no tenant that this API knows.")
ALREADY_THERE = Problem(
    status=HTTPStatus.PRECONDITION_FAILED, detail="There is something under this name already. Nothing was stored."
)
NO_SUCH_JOB = Problem(status=HTTPStatus.NOT_FOUND, detail="There is no such job.")


def bad_request(detail: str) -> Problem:
    """Describe what is wrong with a request, in a sentence."""
    return Problem(status=HTTPStatus.BAD_REQUEST, detail=f"{detail} Nothing was stored.")


def template(problem: Problem) -> str:
    """Write the response template of an outcome that always means `problem`."""
    return document(_body(problem.title, problem.status.value, Vtl(problem.detail)))


def choose(cases: Sequence[tuple[str, Problem]], otherwise: Problem) -> Raw:
    """Render the problem that belongs to the first condition that holds, and make its status the response's.

    Args:
        cases: Velocity conditions, each with its problem.
        otherwise: The problem when no condition holds.
    """
    merged = [
        (" || ".join(condition for condition, _ in same), problem)
        for problem, same in groupby(cases, key=lambda case: case[1])
    ]
    keywords = ["#if", *["#elseif"] * (len(merged) - 1)]
    branches = [
        f"{keyword}({condition}){_set(problem, assumed=_USUAL)}"
        for keyword, (condition, problem) in zip(keywords, merged, strict=True)
    ]
    return Raw(f"{_set_status(_USUAL)}{''.join(branches)}#{{else}}{_set(otherwise, assumed=_USUAL)}#end{_CHOSEN}")


def answer_with(problem: Problem) -> Raw:
    """Render `problem` from within a template, and make its status the response's."""
    return Raw(_set(problem) + _CHOSEN)


def _set(problem: Problem, *, assumed: HTTPStatus | None = None) -> str:
    """Keep `problem` for `_CHOSEN`: a status can be overridden only once."""
    status = "" if problem.status is assumed else _set_status(problem.status)
    retry_after = (
        f'#set($context.responseOverride.header.Retry-After = "{RETRY_AFTER_SECONDS}")' if problem.retry else ""
    )
    return f"{status}\n#set($detail = {string_literal(problem.detail)}){retry_after}"


def _set_status(status: HTTPStatus) -> str:
    return f'\n#set($status = {status.value})#set($title = "{_title(status)}")'


def _title(status: HTTPStatus) -> str:
    return _RENAMED.get(status, status.phrase)


def _body(title: Value, status: Value, detail: Value) -> Mapping[str, Value]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": Vtl(_REQUEST_ID)}


_USUAL = HTTPStatus.BAD_REQUEST  # of most cases: what it has in common is written once
_CHOSEN = f"""
#set($context.responseOverride.status = $status)
#set($context.responseOverride.header.Content-Type = "{CONTENT_TYPE}")
{fragment(_body(Vtl("$title"), Raw("$status"), Vtl("$detail"))).source}"""

# What API Gateway refuses by itself. These templates are not Velocity: only `$context` variables are replaced, of which
# `messageString` comes with its quotes and `validationErrorString` escaped, without them.
_AS_API_GATEWAY_SAYS = "$context.error.messageString"
_UNSIGNED = "MISSING_AUTHENTICATION_TOKEN"
_REFUSALS: Mapping[str, tuple[HTTPStatus, str]] = {
    "BAD_REQUEST_BODY": (HTTPStatus.BAD_REQUEST, "The body is not valid: $context.error.validationErrorString"),
    "BAD_REQUEST_PARAMETERS": (HTTPStatus.BAD_REQUEST, _AS_API_GATEWAY_SAYS),
    "UNAUTHORIZED": (HTTPStatus.UNAUTHORIZED, _AS_API_GATEWAY_SAYS),
    "ACCESS_DENIED": (HTTPStatus.FORBIDDEN, _AS_API_GATEWAY_SAYS),
    "INVALID_API_KEY": (HTTPStatus.FORBIDDEN, _AS_API_GATEWAY_SAYS),
    "INVALID_SIGNATURE": (HTTPStatus.FORBIDDEN, "The signature of the request is not valid."),
    "EXPIRED_TOKEN": (HTTPStatus.FORBIDDEN, _AS_API_GATEWAY_SAYS),
    "WAF_FILTERED": (HTTPStatus.FORBIDDEN, _AS_API_GATEWAY_SAYS),
    # API Gateway's own status for an unknown route is 403. See `refuse_unsigned`.
    _UNSIGNED: (HTTPStatus.NOT_FOUND, "There is nothing at this path for this method."),
    "RESOURCE_NOT_FOUND": (HTTPStatus.NOT_FOUND, "There is nothing at this path for this method."),
    "REQUEST_TOO_LARGE": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE.detail),
    "UNSUPPORTED_MEDIA_TYPE": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."),
    "THROTTLED": (HTTPStatus.TOO_MANY_REQUESTS, THROTTLED.detail),
    "QUOTA_EXCEEDED": (HTTPStatus.TOO_MANY_REQUESTS, "The quota of this API key is used up."),
    "INTEGRATION_FAILURE": (HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE.detail),
    "INTEGRATION_TIMEOUT": (HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE.detail),
    "DEFAULT_5XX": (HTTPStatus.INTERNAL_SERVER_ERROR, MISCONFIGURED.detail),
}


def add_gateway_responses(
    scope: Construct, api: apigateway.RestApi, *, headers: Mapping[str, str]
) -> Mapping[str, apigateway.CfnGatewayResponse]:
    """Make API Gateway's own refusals problem details too, but for those that the app has worded itself.

    Args:
        scope: Where to define them.
        api: The API.
        headers: Headers of every answer.

    Returns:
        Each by its type.
    """
    worded = {own.response_type for own in api.node.find_all() if isinstance(own, apigateway.CfnGatewayResponse)}
    return {
        type_: _gateway_response(scope, api, type_, status, detail, headers)
        for type_, (status, detail) in _REFUSALS.items()
        if type_ not in worded
    }


def refuse_unsigned(refusals: Mapping[str, apigateway.CfnGatewayResponse]) -> None:
    """Make 403 of what is 404 where no route wants a signature: API Gateway does not tell one from the other."""
    refusal = refusals.get(_UNSIGNED)
    if refusal:
        problem = Problem(
            status=HTTPStatus.FORBIDDEN,
            detail="The request is not signed, or there is nothing at this path for this method.",
        )
        refusal.status_code = str(problem.status.value)
        refusal.response_templates = {"application/json": template(problem)}


def _gateway_response(
    scope: Construct,
    api: apigateway.RestApi,
    type_: str,
    status: HTTPStatus,
    detail: str,
    headers: Mapping[str, str],
) -> apigateway.CfnGatewayResponse:
    retry = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    problem = Problem(status=status, detail=detail, retry=retry)
    body = template(problem).strip().replace(f'"{_AS_API_GATEWAY_SAYS}"', _AS_API_GATEWAY_SAYS)
    response = apigateway.GatewayResponse(
        scope,
        "".join(word.capitalize() for word in type_.split("_")),
        rest_api=api,
        type=apigateway.ResponseType.of(type_),
        status_code=str(status.value),
        response_headers=quoted({**headers, **problem.headers}),
        templates={"application/json": body},
    )
    return cast("apigateway.CfnGatewayResponse", response.node.default_child)


def quoted(headers: Mapping[str, str]) -> dict[str, str]:
    """Write static header values as API Gateway wants them."""
    return {name: f"'{value}'" for name, value in headers.items()}
