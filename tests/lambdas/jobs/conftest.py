import json

import pytest
from botocore.httpsession import URLLib3Session
from moto import mock_aws

from lambdas import clients
from lambdas.jobs import events
from tests.lambdas.jobs import world
from tests.lambdas.jobs.world import BUS, MACHINE, REGION, TABLE


@pytest.fixture(autouse=True)
def _aws(monkeypatch):
    """A pretended AWS, and nothing of the real one."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("A request was about to leave this machine.")

    for name, value in {
        "AWS_DEFAULT_REGION": REGION,
        "EVENT_BUS": BUS,
        "EXPIRE_AFTER_SECONDS": "3600",
        "GIVE_UP_AFTER_SECONDS": "86400",
        "JOBS_TABLE": TABLE,
        "POWERTOOLS_SERVICE_NAME": "jobs",
        "STATE_MACHINES": MACHINE.removesuffix("AddGopher"),
        "WORKFLOWS": json.dumps({"AddGopher": {"name": "AddGopher"}}),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(URLLib3Session, "send", refuse)
    with mock_aws():
        yield


def _index(name, partition_key, sort_key=None, shown=()):
    keys = [{"AttributeName": partition_key, "KeyType": "HASH"}]
    projected = {"ProjectionType": "INCLUDE", "NonKeyAttributes": shown} if shown else {"ProjectionType": "KEYS_ONLY"}
    return {
        "IndexName": name,
        "KeySchema": keys + ([{"AttributeName": sort_key, "KeyType": "RANGE"}] if sort_key else []),
        "Projection": projected,
    }


@pytest.fixture
def jobs(_aws):
    keys = ("pk", "open", "checkAt", "waitingFor", "createdAt", "execution")
    clients.dynamodb().create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            _index(
                "open",
                "open",
                "checkAt",
                ["attempt", "createdAt", "executionArn", "id", "status", "tenant", "type", "version"],
            ),
            _index("waiting", "waitingFor", "createdAt"),
            _index("executions", "execution"),
        ],
    )
    return world.Jobs()


@pytest.fixture
def executions(_aws):
    clients.stepfunctions().create_state_machine(
        name="AddGopher",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )
    return world.Executions()


@pytest.fixture
def bus(monkeypatch):
    bus = world.Bus()
    monkeypatch.setattr(events, "eventbridge", lambda: bus)
    return bus


@pytest.fixture
def step_functions_refuses(monkeypatch):
    """Make Step Functions answer one operation with an error."""

    def refuse(operation, code):
        def answer(**_arguments):
            raise world.refusal(code)

        monkeypatch.setattr(clients.stepfunctions(), operation, answer)

    return refuse


@pytest.fixture
def context():
    return world.Context()
