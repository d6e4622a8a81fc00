from io import StringIO
from types import SimpleNamespace

import httpx
import pytest
from rich.console import Console

from storage_first.sample import demo

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cloud")]


@pytest.fixture
def console():
    return Console(file=StringIO(), width=200)


def told(console):
    return console.file.getvalue()


def test_the_story_holds_and_shows_each_answer(cloud, console):
    kept = demo.run(cloud, console)

    story = told(console)
    assert kept, story
    for answer in ("202 Accepted", "200 OK", "422 ", "400 Bad Request", "404 Not Found", '"NameTaken"'):
        assert answer in story
    assert story.rstrip().endswith("Every answer was the contract's.")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, json={}), "the status is 202"),
        (httpx.Response(202, json={"id": "x"}), "there is a link to the job, and a time to come back"),
    ],
)
def test_an_answer_that_is_not_the_contract_s_ends_the_story(monkeypatch, console, answer, said):
    monkeypatch.setattr(demo.httpx, "Client", lambda **_: served_by(lambda _: answer))

    kept = demo.run(SimpleNamespace(apis=[SimpleNamespace(url="http://127.0.0.1/prod/")]), console)

    assert not kept
    assert f"Not as the contract says ({said})" in told(console)


def test_an_api_that_does_not_answer_ends_the_story(console):
    nobody = SimpleNamespace(apis=[SimpleNamespace(url="http://127.0.0.1:9/prod/")])

    kept = demo.run(nobody, console)

    assert not kept
    assert "The API did not answer" in told(console)


def served_by(handler, client=httpx.Client):
    return client(base_url="http://127.0.0.1/prod/", transport=httpx.MockTransport(handler))
