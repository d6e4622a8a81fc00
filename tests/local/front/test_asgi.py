import asyncio

from storage_first.local.front import build_app, define_apis
from tests.local.front.rest import MOCK, Script, Template, says, service

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/prod/x",
    "raw_path": b"/prod/x",
    "query_string": b"",
    "headers": [],
    "http_version": "1.1",
    "server": ("127.0.0.1", 80),
}


def run(template: Template, messages: list[dict[str, object]], backends: Script) -> list[dict[str, object]]:
    (api,) = define_apis([template.stack()])
    sent: list[dict[str, object]] = []
    incoming = iter(messages)

    async def receive() -> dict[str, object]:
        return next(incoming)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def main() -> None:
        async with backends:
            await build_app(api, backends)(dict(SCOPE), receive, send)

    asyncio.run(main())
    return sent


def test_a_body_in_pieces_is_put_together():
    backends = Script(says({}))
    pieces = [{"type": "http.request", "body": piece, "more_body": piece != b"}"} for piece in (b"{", b'"a":1', b"}")]

    run(Template().method("POST /x", service("dynamodb:action/PutItem")), pieces, backends)

    assert backends.sent == {"a": 1}


def test_a_request_that_its_client_gave_up_is_not_integrated():
    backends = Script(says({}))
    messages = [{"type": "http.request", "body": b"{}", "more_body": True}, {"type": "http.disconnect"}]

    sent = run(Template().method("POST /x", service("dynamodb:action/PutItem")), messages, backends)

    assert not sent
    assert not backends.calls


def test_an_answer_without_a_body_has_no_length():
    nothing = {**MOCK, "IntegrationResponses": [{"StatusCode": "204", "ResponseTemplates": {"application/json": "x"}}]}

    start, body = run(Template().method("POST /x", nothing), [{"type": "http.request"}], Script())

    assert body["body"] == b""
    assert not [name for name, _ in start["headers"] if name.lower() == b"content-length"]
