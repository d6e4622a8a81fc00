"""Writes the responses of operations; refusals are shared by all that have the same."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from storage_first.local.front.raw import Props
from storage_first.openapi import contract
from storage_first.openapi.answers import Answer
from storage_first.openapi.apis import PROBLEM, note
from storage_first.openapi.examples import example_member
from storage_first.openapi.models import Models

ROUTE: Final = "StorageFirst::Route"

_REFUSED: Final = 400
_NO_CONTENT: Final = frozenset({204, 304})
_WORDS: Final = re.compile(r"[a-z0-9]+")
_STATUS_MEMBER: Final = re.compile(r'"status":\s*"(?P<status>[A-Za-z ]+)"')
# RFC 9110 renamed these; which name Python knows depends on its version.
_RENAMED: Final = {413: "Content Too Large", 422: "Unprocessable Content"}

Response = dict[str, Any]


def schema_name(method: Props, status: int) -> Any:  # noqa: ANN401 - a name, or a schema
    """The schema that a construct noted for an answer: the name of one of the contract's, or a schema itself."""
    noted = (note(method, ROUTE) or {}).get("answers", {}).get(str(status))
    stored = status == HTTPStatus.ACCEPTED and method.get("Integration", {}).get("Type") == "AWS"
    return noted or (contract.ACCEPTED if stored else None)


class Responses:
    """Writes responses, and keeps those that operations share.

    Attributes:
        components: The shared responses by component name.
    """

    def __init__(self, models: Models, base: str) -> None:
        """Prepare to write the responses of one API.

        Args:
            models: The API's models.
            base: What its links start with: the stage.
        """
        self.components: dict[str, Response] = {}
        self._models = models
        self._base = base

    def write(self, operation: str, method: Props, status: int, answers: Sequence[Answer]) -> Response:
        """Write the response of one status.

        Args:
            operation: The operation's id.
            method: The method that answers.
            status: The status.
            answers: The answers with this status.
        """
        response: Response = {"description": _description(status, answers)}
        if headers := _headers(answers):
            response["headers"] = headers
        media_types = dict.fromkeys(answer.media_type for answer in answers if answer.media_type)
        if media_types and status not in _NO_CONTENT:
            response["content"] = {
                media_type: self._content(
                    method, status, [answer for answer in answers if answer.media_type == media_type], media_type
                )
                for media_type in media_types
            }
        return self._shared(operation, status, response) if status >= _REFUSED else response

    def _content(self, method: Props, status: int, answers: Sequence[Answer], media_type: str) -> dict[str, Any]:
        if media_type == PROBLEM:
            return {"schema": _component(contract.PROBLEM), **_examples([_problem(answer) for answer in answers])}
        if status >= _REFUSED and answers[0].example is not None:
            return {"schema": _component("Message"), **_examples([answer.example for answer in answers])}
        noted = schema_name(method, status)
        if noted == contract.ACCEPTED:
            job = f"{self._base}/jobs/{contract.ID}" if "Location" in answers[0].headers else None
            found = _STATUS_MEMBER.search(answers[0].template)
            example = contract.accepted(job=job, status=found["status"] if found else "Pending")
            return {"schema": _component(noted), "example": example}
        if noted == contract.JOB:
            return {"schema": _component(noted), "example": contract.job(f"{self._base}/jobs/{contract.ID}")}
        schema = self._other(method, status, media_type, noted)
        example = example_member(schema, {**contract.SCHEMAS, **self._models.components})
        return {"schema": schema, **example} if schema else {}

    def _other(self, method: Props, status: int, media_type: str, noted: Any) -> Any:  # noqa: ANN401 - a schema
        if noted is not None:
            return _component(noted) if isinstance(noted, str) else noted
        for declared in method.get("MethodResponses", ()):
            models = declared.get("ResponseModels") or {}
            if str(declared["StatusCode"]) == str(status) and media_type in models:
                return self._models.reference(models[media_type], f"Answer{status}")
        return {}

    def _shared(self, operation: str, status: int, response: Response) -> Response:
        """Keep a response once, however many operations have it; one of its own is named after its operation."""
        name = "".join(phrase(status).replace("-", " ").title().split())
        if self.components.setdefault(name, response) != response:
            shared = (other for other, kept in self.components.items() if kept == response)
            name = next(shared, f"{operation[0].upper()}{operation[1:]}{name}")
            self.components[name] = response
        return {"$ref": f"#/components/responses/{name}"}


def phrase(status: int) -> str:
    """A status in words."""
    try:
        return _RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _description(status: int, answers: Sequence[Answer]) -> str:
    said = list(dict.fromkeys(_sentence(answer.detail) for answer in answers if answer.detail))
    if len(said) > 1:
        return "\n".join(f"- {sentence}" for sentence in said)  # descriptions are CommonMark
    return said[0] if said else phrase(status)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _headers(answers: Sequence[Answer]) -> dict[str, Any]:
    """A header that every answer has is required; one that always has the same value is told with it."""
    headers: dict[str, Any] = {}
    for name in dict.fromkeys(name for answer in answers for name in answer.headers):
        values = {answer.headers.get(name) for answer in answers if name in answer.headers}
        value = next(iter(values)) if len(values) == 1 else None
        known = contract.HEADERS.get(name)
        fixed = {"schema": {"type": "string", **({"const": value} if value is not None else {})}}
        always = all(name in answer.headers for answer in answers)
        headers[name] = {**({"required": True} if always else {}), **(known or fixed)}
    return headers


def _problem(answer: Answer) -> Mapping[str, Any]:
    title = phrase(answer.status)
    return answer.example or {
        "type": "about:blank",
        "title": title,
        "status": answer.status,
        "detail": answer.detail or title,
        "instance": contract.INSTANCE,
    }


def _examples(values: Sequence[Any]) -> dict[str, Any]:
    distinct: dict[str, Any] = {}
    for value in values:
        text = str(value.get("detail", value.get("message")))
        distinct.setdefault("-".join(_WORDS.findall(text.lower())[:5]), {"value": value})
    if len(distinct) == 1:
        return {"example": values[0]}
    return {"examples": distinct}


def _component(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
