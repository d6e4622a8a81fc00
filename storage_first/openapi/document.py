"""Puts the document together."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import yaml

from storage_first.openapi import contract
from storage_first.openapi.apis import SynthesizedApi
from storage_first.openapi.operations import Operations, tag

_VERSION: Final = "1.0.0"  # of the document: a template knows no version of the API
_SCHEMAS: Final = "#/components/schemas/"


def describe(api: SynthesizedApi, *, server: str | None = None) -> dict[str, Any]:
    """Describe an API in OpenAPI 3.1.

    Args:
        api: The API.
        server: The address that it is called at, stage included. By default its custom domains, or else the address
            that API Gateway gives it, with variables for what is known after the deployment.
    """
    stage = next(iter(api.parts.stages), "")
    operations = Operations(api, stage)
    paths = operations.paths()
    components = {
        "schemas": _used({**contract.SCHEMAS, **operations.models.components}, paths, operations.responses.components),
        "responses": dict(sorted(operations.responses.components.items())),
        "securitySchemes": operations.security.schemes,
    }
    document = {
        "openapi": "3.1.0",
        "info": _info(api),
        "servers": _servers(api, stage, server),
        "tags": [{"name": name} for name in dict.fromkeys(tag(path) for path in paths)],
        "paths": paths,
        "components": {name: members for name, members in components.items() if members},
    }
    # A copy in plain JSON: nothing in it is the contract's own, or in it twice.
    return cast("dict[str, Any]", json.loads(json.dumps(document)))


def written(document: Mapping[str, Any], format: str) -> str:
    """Write a document as text.

    Args:
        document: What `describe` made.
        format: `json` or `yaml`.
    """
    if format == "json":
        return json.dumps(document, indent=2, ensure_ascii=False)
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)).rstrip("\n")


def _info(api: SynthesizedApi) -> dict[str, Any]:
    name = api.parts.props.get("Name", "")
    description = api.parts.props.get("Description")
    return {
        "title": api.address if _is_made_up(name, api.address) else name,
        **({"description": description} if description else {}),
        "version": _VERSION,
    }


def _is_made_up(name: str, address: str) -> bool:
    """Whether a name is made of the construct's path, which then tells more: `Orders-Api-2FCFC46D` is Orders/Api."""
    return name in {"", "RestApi"} or name.rpartition("-")[0] == address.replace("/", "-")


def _servers(api: SynthesizedApi, stage: str, server: str | None) -> list[dict[str, Any]]:
    if server:
        return [{"url": server.rstrip("/")}]
    if api.domains:
        return [{"url": domain} for domain in api.domains]
    return [
        {
            "url": f"https://{{apiId}}.execute-api.{{region}}.amazonaws.com/{stage}".rstrip("/"),
            "variables": {"apiId": {"default": "api-id"}, "region": {"default": api.parts.stack.region}},
        }
    ]


def _used(schemas: Mapping[str, Any], *roots: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a document
    """The schemas that something refers to, directly or not, by name."""
    used: set[str] = set()
    left = [name for root in roots for name in _references(root)]
    while left:
        name = left.pop()
        if name in schemas and name not in used:
            used.add(name)
            left += _references(schemas[name])
    return {name: schemas[name] for name in sorted(used)}


def _references(value: Any) -> Iterator[str]:  # noqa: ANN401 - a part of a document
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.startswith(_SCHEMAS):
            yield reference.removeprefix(_SCHEMAS).split("/")[0]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
