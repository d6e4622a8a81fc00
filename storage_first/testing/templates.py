"""Render mapping templates in a test, without deploying anything."""

import json
from collections.abc import Mapping
from pathlib import Path

from storage_first.local.velocity import Rendered, TemplateInput, render

_DEFAULT_CONTEXT: Mapping[str, object] = {
    "accountId": "123456789012",
    "apiId": "a1b2c3d4e5",
    "deploymentId": "d1e2f3",
    "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
    "domainPrefix": "a1b2c3d4e5",
    "extendedRequestId": "JKJaXmPLvHcESHA=",
    "httpMethod": "POST",
    "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
    "path": "/prod/items",
    "protocol": "HTTP/1.1",
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "requestTime": "02/Jan/2026:03:04:05 +0000",
    "requestTimeEpoch": 1767323045678,
    "resourceId": "r1s2t3",
    "resourcePath": "/items",
    "stage": "prod",
}


class EventError(ValueError):
    """An event file that cannot be used; the message says why, and what can."""


_EVENT_KEYS = ("body", "path", "querystring", "header", "context", "stageVariables")


def render_template(
    template: str,
    *,
    body: object = "",
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    context: Mapping[str, object] | None = None,
    stage_variables: Mapping[str, str] | None = None,
) -> Rendered:
    r"""Render a mapping template as API Gateway does.

    Example:
        >>> rendered = render_template(
        ...     '{"id": "$context.requestId", "name": $input.json(\'$.name\')}',
        ...     body={"name": "Phil"},
        ...     context={"requestId": "r-1"},
        ... )
        >>> rendered.text
        '{"id": "r-1", "name": "Phil"}'

    Args:
        template: The template as deployed.
        body: What the client, or for a response template the service, sent; anything but a string is sent as JSON.
        path: The path parameters.
        query: The query parameters.
        headers: The headers, spelt as the client did.
        context: `$context`, on top of that of a made-up `POST /items`.
        stage_variables: `$stageVariables`.

    Raises:
        TemplateError: If API Gateway would fail to render the template.
    """
    return render(
        template,
        TemplateInput(
            body=_text(body),
            path=path or {},
            querystring=query or {},
            header=headers or {},
            context=_merged(_DEFAULT_CONTEXT, context or {}),
            stage_variables=stage_variables or {},
        ),
    )


def load_event(file: Path) -> TemplateInput:
    """Read what a template is given from a JSON file.

    The file holds an object with any of `body` (a string, or any JSON that is then sent as such), `path`,
    `querystring`, `header`, `context` and `stageVariables`; `context` is put on top of that of a made-up `POST /items`.

    Example:
        >>> import tempfile
        >>> event = Path(tempfile.mkdtemp(), "event.json")
        >>> _ = event.write_text('{"body": {"name": "Phil"}, "header": {"Idempotency-Key": "k-1"}}')
        >>> load_event(event).body
        '{"name": "Phil"}'

    Raises:
        EventError: If the file is not such an object.
    """
    try:
        event = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise EventError(f"{file} is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise EventError(f"{file} must hold a JSON object with any of: {', '.join(_EVENT_KEYS)}")
    if unknown := sorted(event.keys() - set(_EVENT_KEYS)):
        raise EventError(f"{file} has the unknown key {unknown[0]!r}. Allowed are: {', '.join(_EVENT_KEYS)}")
    return TemplateInput(
        body=_text(event.get("body", "")),
        path=_texts(file, event, "path"),
        querystring=_texts(file, event, "querystring"),
        header=_texts(file, event, "header"),
        context=_merged(_DEFAULT_CONTEXT, _object(file, event, "context")),
        stage_variables=_texts(file, event, "stageVariables"),
    )


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _object(file: Path, event: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = event.get(key, {})
    if not isinstance(value, dict):
        raise EventError(f"{file}: {key!r} must be an object, got {json.dumps(value)}")
    return value


def _texts(file: Path, event: Mapping[str, object], key: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for name, value in _object(file, event, key).items():
        if not isinstance(value, str):
            raise EventError(f"{file}: {name!r} in {key!r} must be a string, got {json.dumps(value)}")
        texts[name] = value
    return texts


def _merged(defaults: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    merged = dict(defaults)
    for name, value in given.items():
        default = merged.get(name)
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(default, value)
        else:
            merged[name] = value
    return merged
