import ast
from pathlib import Path

import pytest

import storage_first
from storage_first.local.aws import client

PACKAGE = Path(storage_first.__file__).parent
# What runs inside Lambda is told its endpoint by its environment, there as on AWS.
IN_LAMBDA = PACKAGE / "sample" / "handlers"
# The second reaches AWS, and only where `storage-first dlq` is given no endpoint.
FACTORIES = {PACKAGE / "local" / "aws.py", PACKAGE / "dlq" / "place.py"}
MAKERS = {"client", "resource", "create_client", "Session", "get_session"}


def sources():
    yield from (path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(IN_LAMBDA))
    tests = Path(__file__).parents[1]
    yield from tests.rglob("*.py")


def clients_without_endpoint(path):
    """The calls into boto3 or botocore that make a client, or a session to make one from, with no endpoint."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        root = node.func.value
        while isinstance(root, ast.Attribute):
            root = root.value
        names_aws = isinstance(root, ast.Name) and root.id in {"boto3", "botocore"}
        explicit = any(keyword.arg == "endpoint_url" for keyword in node.keywords)
        if names_aws and node.func.attr in MAKERS and not explicit:
            yield f"{path}:{node.lineno}"


def imports_of_makers(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in {"boto3", "botocore.session", "boto3.session"}:
            yield f"{path}:{node.lineno}"


def test_no_aws_client_exists_without_an_explicit_endpoint():
    found = [
        where
        for path in sources()
        if path not in FACTORIES
        for where in (*clients_without_endpoint(path), *imports_of_makers(path))
    ]

    assert found == []


def test_the_check_sees_a_client_without_an_endpoint(tmp_path):
    careless = tmp_path / "careless.py"
    careless.write_text("import boto3\nfrom boto3 import client\n\nboto3.session.Session()\nboto3.client('s3')\n")

    assert len([*clients_without_endpoint(careless), *imports_of_makers(careless)]) == 3


@pytest.mark.parametrize("endpoint", ["https://dynamodb.us-east-1.amazonaws.com", "http://10.0.0.1:4566", "nonsense"])
def test_a_client_for_another_machine_is_refused(endpoint):
    with pytest.raises(ValueError, match="endpoint must be a loopback address"):
        client("dynamodb", endpoint)


def test_a_client_minds_neither_profile_nor_proxy(monkeypatch, closed):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.us-east-1.amazonaws.com")

    made = client("dynamodb", closed.endpoint)

    assert made.meta.endpoint_url == closed.endpoint
    assert made.meta.region_name == "us-east-1"
    assert isinstance(made.list_tables()["TableNames"], list)
