"""One call that API Gateway makes to an AWS service, and what each of its outcomes answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api.problems import MISCONFIGURED, UNAVAILABLE, Problem, quoted, template

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the API answers to one outcome of a call.

    Attributes:
        outcome: A regular expression that the service's HTTP status must match; empty for all other statuses.
        status: The HTTP status of the answer, unless its template overrides it.
        template: The response template.
        headers: Static headers of the answer.
    """

    outcome: str
    status: HTTPStatus
    template: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServiceCall:
    """One action of an AWS service, called by API Gateway without compute in between.

    Attributes:
        service: The service as API Gateway's URIs name it, such as `dynamodb`.
        action: The action, such as `UpdateItem`.
        template: The request template.
        answers: What the known outcomes answer. Server errors and all others are added.
    """

    service: str
    action: str
    template: str
    answers: Sequence[Answer]

    def all_answers(self, headers: Mapping[str, str]) -> Sequence[Answer]:
        """List the answers of every outcome, each with `headers`; an unknown outcome is never a success."""
        server_error = _always(r"5\d{2}", UNAVAILABLE)
        unknown = _always("", MISCONFIGURED)
        return [
            replace(answer, headers={**headers, **answer.headers}) for answer in (*self.answers, server_error, unknown)
        ]

    def integration(self, role: iam.IRole, answers: Sequence[Answer]) -> apigateway.AwsIntegration:
        """Define the integration that makes this call as `role`."""
        return apigateway.AwsIntegration(
            service=self.service,
            action=self.action,
            integration_http_method="POST",
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={"application/json": self.template},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        selection_pattern=answer.outcome or None,
                        status_code=str(answer.status.value),
                        response_templates={"application/json": answer.template},
                        response_parameters=_on_method(quoted(answer.headers)),
                    )
                    for answer in answers
                ],
            ),
        )


def method_responses(answers: Sequence[Answer]) -> list[apigateway.MethodResponse]:
    """Declare the statuses and headers that `answers` use, as API Gateway requires."""
    headers: dict[HTTPStatus, dict[str, bool]] = {}
    for answer in answers:
        headers.setdefault(answer.status, {}).update(_on_method(dict.fromkeys(answer.headers, False)))
    return [
        apigateway.MethodResponse(
            status_code=str(status.value),
            response_parameters=parameters,
            response_models={"application/json": apigateway.Model.EMPTY_MODEL},
        )
        for status, parameters in headers.items()
    ]


def _always(outcome: str, problem: Problem) -> Answer:
    return Answer(outcome=outcome, status=problem.status, template=template(problem), headers=problem.headers)


def _on_method(headers: Mapping[str, _T]) -> dict[str, _T]:
    return {f"method.response.header.{name}": value for name, value in headers.items()}
