"""What docs/client.md shows does what it says."""

import re
from pathlib import Path

import httpx
import pytest

from storage_first.client import Client

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def shown(name):
    """What the page defines under this name."""
    (block,) = (block for block in BLOCKS if re.search(rf"^(def|class) {name}\b", block, re.MULTILINE))
    defined = {}
    exec(block, defined)  # noqa: S102 - our own page
    return defined[name]


@pytest.fixture
def gus(api, monkeypatch):
    """The id of the one job that is submitted."""
    monkeypatch.setattr("storage_first.client.client.uuid.uuid4", lambda: "gus")
    return "gus"


def test_a_gopher_is_added(api, gus, capsys):
    api.entities[gus] = {"name": "Gus"}
    api.coming[gus].append({"status": "Succeeded", "result": {"holes": 2}})

    shown("add_gopher")(api.url)

    assert capsys.readouterr().out.splitlines() == ["Succeeded None", "{'holes': 2} {'name': 'Gus'}"]


def test_a_gopher_that_cannot_be_added_has_a_reason(api, gus, capsys):
    api.coming[gus].append({"status": "Failed", "error": {"code": "NameTaken", "message": "There is a Gus."}})

    shown("add_gopher")(api.url)

    assert "NameTaken There is a Gus." in capsys.readouterr().out


def test_requests_are_signed_with_body_and_session(api, monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "AKIA1", "SECRET_ACCESS_KEY": "secret", "SESSION_TOKEN": "session"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)

    auth = shown("Signed")("eu-west-1")
    assert isinstance(auth, httpx.Auth)
    with Client(api.url, auth=auth) as client:
        client.submit("gophers", {})
        client.submit("gophers", {"name": "Gus"})
        list(client.jobs(status="In Progress"))

    sent = [request.headers for request in api.requests]
    assert all("Credential=AKIA1/" in each["Authorization"] for each in sent)
    assert all(
        "/eu-west-1/execute-api/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token"
        in each["Authorization"]
        for each in sent
    )
    assert len({each["Authorization"].rpartition("Signature=")[2] for each in sent}) == 3
    assert {each["X-Amz-Security-Token"] for each in sent} == {"session"}
