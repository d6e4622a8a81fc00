"""Text and bytes, by API Gateway's table of content type conversions and published recordings of AWS."""

import base64
import gzip

import pytest

from storage_first.local.front.http import Response
from tests.local.front.rest import Fronts, Script, Template, answering, mock, says, service

RAW = gzip.compress(b"no UTF-8", mtime=0)
ENCODED = base64.b64encode(RAW)
AS_TEXT = RAW.decode(errors="replace").encode()
TEXT = b"plain \xe2\x82\xac"
FAILS = None


def put(handling: str | None = None, *types: str, templates: dict[str, str] | None = None) -> Template:
    integration = service("s3:path/b/k", ContentHandling=handling, RequestTemplates=templates or {})
    return Template(BinaryMediaTypes=list(types)).method("PUT /x", integration)


@pytest.mark.parametrize(
    ("types", "content_type", "handling", "body", "expected"),
    [
        ([], "image/png", None, RAW, AS_TEXT),
        ([], "image/png", None, TEXT, TEXT),
        ([], "image/png", "CONVERT_TO_TEXT", RAW, AS_TEXT),
        ([], "image/png", "CONVERT_TO_BINARY", ENCODED, RAW),
        ([], "image/png", "CONVERT_TO_BINARY", RAW, FAILS),
        ([], "image/png", "CONVERT_TO_BINARY", TEXT, FAILS),
        (["image/png"], "image/png", None, RAW, RAW),
        (["image/png"], "image/png; q=1", None, RAW, RAW),
        (["image/png"], "image/png", None, ENCODED, ENCODED),
        (["image/png"], "image/png", "CONVERT_TO_TEXT", RAW, ENCODED),
        (["image/png"], "image/png", "CONVERT_TO_BINARY", RAW, RAW),
        (["image/png"], "text/plain", None, RAW, AS_TEXT),
        (["image/png"], "text/plain", None, TEXT, TEXT),
        (["image/png"], "text/plain", "CONVERT_TO_TEXT", RAW, AS_TEXT),
        (["image/png"], "text/plain", "CONVERT_TO_BINARY", ENCODED, RAW),
        (["image/png"], "text/plain", "CONVERT_TO_BINARY", TEXT, FAILS),
        (["image/*"], "image/png", None, RAW, RAW),
        (["image/*"], "imagery/png", None, RAW, AS_TEXT),
        (["*/png"], "image/png", None, RAW, AS_TEXT),
        (["*/*"], "image/png", None, RAW, RAW),
    ],
)
def test_a_body_without_a_template_reaches_the_service_as_on_aws(
    fronts: Fronts, types, content_type, handling, body, expected
):
    backends = Script(says({}))
    front = fronts.before(backends, put(handling, *types))

    answer = front("PUT /x", content=body, headers={"Content-Type": content_type})

    assert [call.content for call in backends.calls] == ([] if expected is FAILS else [expected])
    assert answer.status_code == (500 if expected is FAILS else 200)


@pytest.mark.parametrize(
    ("types", "content_type", "handling", "expected"),
    [
        (["image/*"], "application/json", None, TEXT),
        (["image/*"], "image/png", None, FAILS),
        (["image/*"], "image/png", "CONVERT_TO_BINARY", FAILS),
        (["image/*"], "image/png", "CONVERT_TO_TEXT", base64.b64encode(TEXT)),
        (["*/*"], "application/json", None, FAILS),
        (["*/*"], "application/json", "CONVERT_TO_TEXT", base64.b64encode(TEXT)),
        ([], "application/json", "CONVERT_TO_BINARY", FAILS),
    ],
)
def test_a_template_sees_text_and_fails_on_bytes(fronts: Fronts, types, content_type, handling, expected):
    backends = Script(says({}))
    templates = {"application/json": "$input.body", "image/png": "$input.body"}
    front = fronts.before(backends, put(handling, *types, templates=templates))

    answer = front("PUT /x", content=TEXT, headers={"Content-Type": content_type})

    assert [call.content for call in backends.calls] == ([] if expected is FAILS else [expected])
    assert answer.status_code == (500 if expected is FAILS else 200)


def test_preflight_fails_where_every_type_is_binary_as_is_known_of_aws(fronts: Fronts):
    front = fronts(Template(BinaryMediaTypes=["*/*"]).method("OPTIONS /x", mock("{}")))

    assert front("OPTIONS /x").status_code == 500


@pytest.mark.parametrize(
    ("content_type", "accept", "handling", "body", "expected"),
    [
        ("text/plain", "text/plain", None, RAW, AS_TEXT),
        ("text/plain", "text/plain", "CONVERT_TO_TEXT", TEXT, TEXT),
        ("text/plain", "text/plain", "CONVERT_TO_BINARY", ENCODED, RAW),
        ("text/plain", "text/plain", "CONVERT_TO_BINARY", TEXT, FAILS),
        ("text/plain", "image/png", None, ENCODED, RAW),
        ("text/plain", "image/png", None, TEXT, FAILS),
        ("text/plain", "image/png", "CONVERT_TO_TEXT", TEXT, TEXT),
        ("image/png", "text/plain", None, RAW, ENCODED),
        ("image/png", "text/plain", "CONVERT_TO_BINARY", RAW, RAW),
        ("image/png", "text/plain,image/png", None, RAW, ENCODED),
        ("image/png", "image/*", None, RAW, ENCODED),
        ("image/png", None, None, RAW, ENCODED),
        ("image/png", "image/png,*/*;q=0.8", None, RAW, RAW),
        ("image/png", "image/png", "CONVERT_TO_TEXT", RAW, ENCODED),
    ],
)
def test_an_answer_goes_out_as_on_aws(fronts: Fronts, content_type, accept, handling, body, expected):
    integration = service("s3:path/b/k", responses=[answering("", "200", ContentHandling=handling)])
    reply = Response(status=200, headers=[("Content-Type", content_type)], body=body)
    front = fronts(Template(BinaryMediaTypes=["image/png"]).method("GET /x", integration), reply)
    del front.http.headers["accept"]

    answer = front("GET /x", headers={"Accept": accept} if accept else {})

    assert answer.status_code == (500 if expected is FAILS else 200)
    assert expected is FAILS or answer.content == expected


def test_no_accept_header_is_no_wish_for_json_as_bytes(fronts: Fronts):
    front = fronts(Template(BinaryMediaTypes=["application/*"]).method("GET /x", service("s3:path/b/k")), says({}))
    del front.http.headers["accept"]

    answer = front("GET /x")

    assert base64.b64decode(answer.content) != b""
    assert answer.status_code == 200


def test_a_response_template_cannot_read_bytes(fronts: Fronts):
    responses = [answering("", "200", ResponseTemplates={"application/json": "$input.body"})]
    template = Template(BinaryMediaTypes=["image/png"]).method("GET /x", service("s3:path/b/k", responses=responses))
    front = fronts(template, Response(status=200, headers=[("Content-Type", "image/png")], body=RAW))

    assert front("GET /x", headers={"Accept": "image/png"}).status_code == 500


@pytest.mark.parametrize("handling", ["CONVERT_TO_TEXT", None])
def test_who_accepts_bytes_gets_a_templates_text_only_if_it_converts_to_text(fronts: Fronts, handling: str | None):
    response = answering("", "200", ContentHandling=handling, ResponseTemplates={"application/json": "stored"})
    integration = service("dynamodb:action/PutItem", "{}", responses=[response])
    front = fronts(Template(BinaryMediaTypes=["image/png"]).method("POST /x", integration), says({"a": 1}))

    answer = front("POST /x", headers={"Accept": "image/png"})

    assert (answer.status_code, answer.text == "stored") == ((200, True) if handling else (500, False))
