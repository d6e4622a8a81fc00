"""One call that API Gateway makes to an AWS service, and what each of its outcomes answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from aws_cdk import aws_apigateway as apigateway

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.problems import UNAVAILABLE, Problem, quoted, template
from constructs_lib.storage_first_api.templates import Raw, Value, client_text, document, either, fragment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_iam as iam

DOCUMENTATION = "StorageFirst::Route"  # the metadata of a method that `storage-first openapi` reads

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API answers to one outcome of a call.

    Attributes:
        outcome: A regular expression that the service's HTTP status must match; empty for all other statuses.
        status: The HTTP status of the answer, unless its template overrides it.
        template: The response template.
        headers: Static headers of the answer.
        passed_on: Headers of the answer, each with the service's header whose value it has.
    """

    outcome: str
    status: HTTPStatus
    template: str
    headers: Mapping[str, str] = field(default_factory=dict)
    passed_on: Mapping[str, str] = field(default_factory=dict)

    def response_parameters(self) -> dict[str, str]:
        """Write the headers as API Gateway wants them."""
        passed_on = {name: f"integration.response.header.{source}" for name, source in self.passed_on.items()}
        return _on_method({**quoted(self.headers), **passed_on})


@dataclass(frozen=True, kw_only=True)
class ServiceCall:
    """One call of an AWS service, made by API Gateway without compute in between.

    Attributes:
        service: The service as API Gateway's URIs name it, such as `dynamodb`.
        action: The action, such as `UpdateItem`; also says what the role is for.
        path: The path of the call, for services that are not called by an action's name.
        http_method: The method of the call.
        template: The request template; without one the body is passed on as it is, whatever its media type.
        parameters: Parts of the call (`header.X`, `path.x`), each with its source as API Gateway writes it.
        headers: Request headers of the route, each with whether a request without it is refused.
        query_parameters: The same of the query string.
        binary_media_types: Media types whose bodies are bytes, not text.
        documentation: What an OpenAPI document says of the route besides what its template tells: `answers` and
            `parameters`, as `storage-first openapi` reads them.
        answers: What the known outcomes answer. Server errors and all others are added.
    """

    service: str
    action: str
    path: str | None = None
    http_method: str = "POST"
    template: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, bool] = field(default_factory=dict)
    query_parameters: Mapping[str, bool] = field(default_factory=dict)
    binary_media_types: Sequence[str] = ()
    documentation: Mapping[str, Any] = field(default_factory=dict)
    answers: Sequence[Answer]

    def all_answers(self, headers: Mapping[str, str]) -> Sequence[Answer]:
        """List the answers of every outcome, each with `headers`; an unknown outcome is never a success."""
        unknown = always("", UNAVAILABLE)  # server errors among them
        return [replace(answer, headers={**headers, **answer.headers}) for answer in (*self.answers, unknown)]

    def integration(self, role: iam.IRole, answers: Sequence[Answer]) -> apigateway.AwsIntegration:
        """Define the integration that makes this call as `role`."""
        never, always_ = apigateway.PassthroughBehavior.NEVER, apigateway.PassthroughBehavior.WHEN_NO_TEMPLATES
        return apigateway.AwsIntegration(
            service=self.service,
            action=None if self.path else self.action,
            path=self.path,
            integration_http_method=self.http_method,
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=always_ if self.template is None else never,
                request_templates={"application/json": self.template} if self.template is not None else None,
                request_parameters={f"integration.request.{name}": value for name, value in self.parameters.items()},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        selection_pattern=answer.outcome or None,
                        status_code=str(answer.status.value),
                        response_templates={"application/json": answer.template},
                        response_parameters=answer.response_parameters(),
                    )
                    for answer in answers
                ],
            ),
        )

    def request_parameters(self, path_parameters: Sequence[str], headers: Mapping[str, bool]) -> dict[str, bool]:
        """Declare what the method takes, each with whether a request without it is refused."""
        return {
            **{f"method.request.path.{name}": True for name in path_parameters},
            **{f"method.request.querystring.{name}": required for name, required in self.query_parameters.items()},
            **{f"method.request.header.{name}": required for name, required in {**self.headers, **headers}.items()},
        }


def accepted(
    id: str,
    *,
    status: Value = "Stored",
    links: Value = (),
    setup: str = "",
    found: str = "",
    unconfirmed: Raw | None = None,
) -> Answer:
    """Answer 202 to a confirmed write, and 503 where the service's answer confirms nothing.

    Args:
        id: The Velocity reference of the id by which the service knows what it stored.
        status: The status that the caller is told.
        links: Where it can be followed.
        setup: Directives that run first.
        found: Directives that run only where the write is confirmed.
        unconfirmed: The problem where it is not; by default one to come back for.
    """
    body: Mapping[str, Value] = {"id": client_text("$id"), "status": status, "links": links}
    told = either('$id == ""', unconfirmed or problems.answer_with(UNAVAILABLE), Raw(f"{found}{fragment(body).source}"))
    return Answer(
        outcome="200",
        status=HTTPStatus.ACCEPTED,
        template=document(told, setup=f'{setup}\n#set($id = "{id}")'),
        headers={"Content-Type": "application/json"},
    )


def always(outcome: str, problem: Problem) -> Answer:
    """Answer one outcome with one problem."""
    return Answer(outcome=outcome, status=problem.status, template=template(problem), headers=problem.headers)


def method_responses(answers: Sequence[Answer]) -> list[apigateway.MethodResponse]:
    """Declare the statuses and headers that `answers` use, as API Gateway requires."""
    headers: dict[HTTPStatus, dict[str, bool]] = {}
    for answer in answers:
        declared = dict.fromkeys([*answer.headers, *answer.passed_on], False)
        headers.setdefault(answer.status, {}).update(_on_method(declared))
    return [
        apigateway.MethodResponse(
            status_code=str(status.value),
            response_parameters=parameters,
        )
        for status, parameters in headers.items()
    ]


def _on_method(headers: Mapping[str, _T]) -> dict[str, _T]:
    return {f"method.response.header.{name}": value for name, value in headers.items()}
