from types import SimpleNamespace

import pytest

from storage_first.client import Client, deadline, sending
from tests.client.api import Api


class Clock:
    """Time that passes only when the client sleeps."""

    def __init__(self):
        self.now = 1_000.0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if seconds:
            self.slept.append(seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def jitter(monkeypatch):
    """The random part of each pause: none, unless a test sets `of`; keeps the ceilings that were asked for."""
    jitter = SimpleNamespace(ceilings=[], of=lambda _: 0.0)

    def uniform(low, high):
        assert low == 0
        jitter.ceilings.append(high)
        return jitter.of(high)

    monkeypatch.setattr(sending, "random", SimpleNamespace(uniform=uniform))
    return jitter


@pytest.fixture
def api():
    with Api() as api:
        yield api


@pytest.fixture
def elsewhere():
    """Another origin."""
    with Api() as api:
        yield api


@pytest.fixture
def client(api):
    with Client(api.url) as client:
        yield client
