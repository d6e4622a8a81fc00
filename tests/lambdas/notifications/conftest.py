import itertools
from functools import partial

import pytest
from botocore.httpsession import URLLib3Session
from moto import mock_aws

from lambdas import clients
from lambdas.notifications import fan_out
from tests.lambdas.jobs.world import Context
from tests.lambdas.notifications import world


@pytest.fixture(autouse=True)
def _aws(monkeypatch):
    """A pretended AWS, and nothing of the real one."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("A request was about to leave this machine.")

    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "CONNECTIONS_TABLE": world.CONNECTIONS,
        "JOBS_TABLE": world.JOBS,
        "POWERTOOLS_SERVICE_NAME": "notifications",
        "TENANT": "",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(URLLib3Session, "send", refuse)
    with mock_aws():
        for table, key in ((world.CONNECTIONS, ("pk", "sk")), (world.JOBS, ("pk",))):
            clients.dynamodb().create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in key],
                KeySchema=[
                    {"AttributeName": name, "KeyType": kind} for name, kind in zip(key, ("HASH", "RANGE"), strict=False)
                ],
            )
        yield


@pytest.fixture
def tenants(monkeypatch):
    """Let the authorizer tell tenants, under the name `customer`."""
    monkeypatch.setenv("TENANT", "customer")


@pytest.fixture
def clients_of(monkeypatch):
    """The clients at the other end of the connections."""
    sockets = world.Sockets()
    monkeypatch.setattr(fan_out, "connections", lambda: sockets)
    return sockets


@pytest.fixture
def fails():
    """Make DynamoDB fail from the n-th call on, as a function that dies there would leave it; return what mends it."""
    monkeypatch = pytest.MonkeyPatch()

    def fail_from(nth):
        numbers = itertools.count(1)
        client = clients.dynamodb()

        def call(real, **arguments):
            if next(numbers) >= nth:
                raise world.CrashError
            return real(**arguments)

        for operation in ("put_item", "get_item", "update_item", "delete_item"):
            monkeypatch.setattr(client, operation, partial(call, getattr(client, operation)))
        return monkeypatch.undo

    yield fail_from
    monkeypatch.undo()


@pytest.fixture
def context():
    return Context()
