import logging
import pkgutil
from functools import cache
from importlib import import_module

import pytest
from botocore.httpsession import URLLib3Session
from moto import mock_aws
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from lambdas import jobs as package
from lambdas.jobs import jobs
from tests.lifecycle.app import REGION, synthesized
from tests.lifecycle.world import World

MODULES = [import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]


@pytest.fixture
def new_world(monkeypatch):
    """Make a world; there can be one at a time."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("A request was about to leave this machine.")

    def deploy(name, value):
        monkeypatch.setenv(name, value)
        for module in MODULES:  # a deployed function starts anew
            for thing in vars(module).values():
                if hasattr(thing, "cache_clear"):
                    thing.cache_clear()

    app = synthesized()
    for name, value in {**app.environment, "AWS_DEFAULT_REGION": REGION, "POWERTOOLS_SERVICE_NAME": "jobs"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(URLLib3Session, "send", refuse)

    def make():
        world = World(app, deploy)
        monkeypatch.setattr(jobs, "now", world.clock)
        return world

    # The emulator parses each expression anew, which takes longer than everything else together.
    monkeypatch.setattr(UpdateExpressionParser, "make", cache(UpdateExpressionParser.make))
    logging.disable()  # the handlers would tell of thousands of failures, as they should
    with mock_aws():
        yield make
    logging.disable(logging.NOTSET)
