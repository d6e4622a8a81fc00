"""Writes the operations of an API: one for each method of each path."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft4Validator

from storage_first.local.front.raw import Props
from storage_first.openapi import contract
from storage_first.openapi.answers import by_status, integration_answers, is_true, refusals, takes_body
from storage_first.openapi.apis import SynthesizedApi, note
from storage_first.openapi.examples import example_member
from storage_first.openapi.models import Models
from storage_first.openapi.responses import ROUTE, Responses, schema_name
from storage_first.openapi.security import Security

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
_ANY: Final = ("get", "put", "post", "delete", "patch")
_PLACES: Final = {
    "path": "path",
    "querystring": "query",
    "multivaluequerystring": "query",
    "header": "header",
    "multivalueheader": "header",
}
_PARAMETER: Final = re.compile(r"\{(?P<name>[^}+]+)\+?\}")
_BODY: Final = re.compile(r"\$!?\{?input\.(body|json|path)\b")
_NOT_A_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"  # stands for any media type where the route takes all of them

Operation = dict[str, Any]


class Operations:
    """Writes operations, and collects the components that they need."""

    def __init__(self, api: SynthesizedApi, stage: str) -> None:
        """Prepare to write the operations of an API.

        Args:
            api: The API.
            stage: The name of its stage.
        """
        self.models = Models(api.parts.models, taken=contract.SCHEMAS)
        self.responses = Responses(self.models, f"/{stage}" if stage else "")
        self.security = Security(api.parts)
        self._api = api
        self._ids: set[str] = set()
        self._job_link = next(
            (
                _link(operation_id(method["HttpMethod"], path), path)
                for path, method in api.methods
                if _shows_job(method)
            ),
            None,
        )

    def paths(self) -> dict[str, dict[str, Operation]]:
        """Write all operations by path and method; what answers the preflight requests of browsers is left out."""
        paths: dict[str, dict[str, Operation]] = {}
        for path, method in self._api.methods:
            http_method = method["HttpMethod"].lower()
            if http_method == "options" and method.get("Integration", {}).get("Type") == "MOCK":
                continue
            operations = paths.setdefault(_PARAMETER.sub(r"{\g<name>}", path), {})
            wanted = _ANY if http_method == "any" else (http_method,)
            operations |= {name: self._operation(name, path, method) for name in wanted if name not in operations}
        return {
            path: {name: operations[name] for name in _METHODS if name in operations}
            for path, operations in paths.items()
            if operations
        }

    def _operation(self, http_method: str, path: str, method: Props) -> Operation:
        noted = note(method, ROUTE) or {}
        operation: Operation = {
            "operationId": self._free_id(http_method, path),
            "summary": noted.get("summary") or _summary(http_method, path, method),
            "tags": [tag(path)],
        }
        if "description" in noted:
            operation["description"] = noted["description"]
        if parameters := list(_parameters(path, method, noted.get("parameters", {}))):
            operation["parameters"] = parameters
        if takes_body(method, http_method.upper()) and _reads_body(method):
            operation["requestBody"] = self._body(http_method, path, method, noted)
        operation["responses"] = self._responses(operation["operationId"], method)
        if security := self.security.requirements(method):
            operation["security"] = security
        return operation

    def _responses(self, operation: str, method: Props) -> dict[str, Any]:
        answers = by_status([*integration_answers(method), *refusals(self._api, method)])
        responses: dict[str, Any] = {
            str(status): self.responses.write(operation, method, status, some) for status, some in answers.items()
        }
        accepted = responses.get("202", {})
        if self._job_link and "Location" in accepted.get("headers", {}):
            accepted["links"] = {"job": self._job_link}
        if method.get("Integration", {}).get("Type") in {"AWS_PROXY", "HTTP_PROXY"}:
            responses["default"] = {"description": "Whatever the method's backend answers."}
        return responses

    def _body(self, http_method: str, path: str, method: Props, noted: Mapping[str, Any]) -> dict[str, Any]:
        models: Mapping[str, str] = method.get("RequestModels", {})
        model = models.get(_JSON) or models.get("$default") or ""
        source = self.models.source(model)
        name = operation_id(http_method, path)
        schema = self.models.reference(model, f"{name[0].upper()}{name[1:]}Body")
        own = {"example": noted["example"]} if "example" in noted else {}
        content = {"schema": schema, **(own or example_member(schema, self.models.components))} if schema else {}
        templates = method.get("Integration", {}).get("RequestTemplates") or {}
        media_types = [name for name in templates or models if name != "$default"] or [_BYTES]
        # API Gateway validates an absent body as an empty object.
        required = bool(source) and not Draft4Validator(source).is_valid({})
        return {"required": required, "content": dict.fromkeys(media_types, content)}

    def _free_id(self, http_method: str, path: str) -> str:
        wanted = name = operation_id(http_method, path)
        number = 1
        while name in self._ids:
            number += 1
            name = f"{wanted}{number}"
        self._ids.add(name)
        return name


def tag(path: str) -> str:
    """What an operation is listed under: the first segment of its path."""
    return path.strip("/").split("/")[0] or "root"


def operation_id(http_method: str, path: str) -> str:
    """Name an operation: `getJobsByJobId` of GET /jobs/{jobId}."""
    words = _NOT_A_WORD.split(_PARAMETER.sub(r"by-\g<name>", path))
    return http_method.lower() + "".join(word[0].upper() + word[1:] for word in words if word)


def _link(job_operation: str, path: str) -> dict[str, Any]:
    (parameter, *_) = _PARAMETER.findall(path)
    return {"operationId": job_operation, "parameters": {parameter: "$response.body#/id"}}


def _shows_job(method: Props) -> bool:
    return bool(method["HttpMethod"] == "GET" and schema_name(method, 200) == contract.JOB)


def _reads_body(method: Props) -> bool:
    """Whether what becomes of a request depends on its body."""
    templates: Mapping[str, Any] = method.get("Integration", {}).get("RequestTemplates") or {}
    read = any(_BODY.search(json.dumps(template)) for template in templates.values())
    return read or not templates or bool(method.get("RequestModels"))


def _summary(http_method: str, path: str, method: Props) -> str:
    if any(str(response.get("StatusCode")) == "202" for response in _integration_responses(method)):
        return "Store a request"
    if _shows_job(method):
        return "Show a job as it is now"
    return f"{http_method.upper()} {path}"


def _integration_responses(method: Props) -> Any:  # noqa: ANN401 - as CloudFormation has them
    return method.get("Integration", {}).get("IntegrationResponses") or ()


def _parameters(path: str, method: Props, noted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Write the parameters: those of the path, then what API Gateway declares, in the order of their names."""
    declared: Mapping[str, Any] = method.get("RequestParameters", {})
    required = {name.removeprefix("method.request."): is_true(value) for name, value in declared.items()}
    for name in _PARAMETER.findall(path):
        required[f"path.{name}"] = True
    for place in [*required, *noted]:
        required.setdefault(place, False)
    noted = {**_idempotency_key(method, required), **noted}
    order = list(_PLACES)
    for place in sorted(required, key=lambda place: (order.index(place.partition(".")[0]), place)):
        location, _, name = place.partition(".")
        yield _parameter(name, _PLACES[location], required=required[place], noted=noted.get(place))


def _idempotency_key(method: Props, declared: Iterable[str]) -> dict[str, Any]:
    """Note what a key has to look like, if the method's request template looks at that."""
    templates = method.get("Integration", {}).get("RequestTemplates") or {}
    if not any(contract.IDEMPOTENCY_KEY_PATTERN in template for template in templates.values()):
        return {}
    wanted = f"header.{contract.IDEMPOTENCY_KEY}".lower()
    return {place: contract.IDEMPOTENCY_KEY_SCHEMA for place in declared if place.lower() == wanted}


def _parameter(name: str, location: str, *, required: bool, noted: Mapping[str, Any] | None) -> dict[str, Any]:
    # API Gateway wants what is required to be there, and not blank.
    members = dict(noted if noted is not None else {"minLength": 1} if required else {})
    description = members.pop("description", None)
    schema = {"type": "string", **members}
    return {
        "name": name,
        "in": location,
        "required": required,
        **({"description": description} if description else {}),
        "schema": schema,
        **example_member(schema, {}),
    }
