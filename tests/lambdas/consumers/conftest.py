import json
from types import SimpleNamespace

import pytest
from botocore.httpsession import URLLib3Session
from moto import mock_aws

from lambdas import clients
from lambdas.consumers import run_execution
from tests.lambdas.consumers.world import MACHINE, REGION, Executions, ExpressMachine
from tests.lambdas.jobs.world import Context


@pytest.fixture(autouse=True)
def _aws(monkeypatch):
    """A pretended AWS, and nothing of the real one."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("A request was about to leave this machine.")

    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "consumers")
    monkeypatch.setenv("STATE_MACHINE_ARN", MACHINE)
    monkeypatch.setattr(URLLib3Session, "send", refuse)
    with mock_aws():
        yield


@pytest.fixture
def executions(_aws):
    clients.stepfunctions().create_state_machine(
        name="Work",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )
    return Executions()


@pytest.fixture
def express(monkeypatch):
    machine = ExpressMachine()
    client = SimpleNamespace(start_sync_execution=machine.start_sync_execution)
    monkeypatch.setattr(run_execution, "stepfunctions", lambda: client)
    return machine


@pytest.fixture
def step_functions_refuses(monkeypatch, executions):
    """Make Step Functions answer the start of executions with an error, or only of those with one name."""

    def refuse(error, name=None):
        start = clients.stepfunctions().start_execution

        def answer(**arguments):
            if name in {None, arguments["name"]}:
                raise error
            return start(**arguments)

        monkeypatch.setattr(clients.stepfunctions(), "start_execution", answer)

    return refuse


@pytest.fixture
def context():
    return Context()
