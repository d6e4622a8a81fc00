import os
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from typer.testing import CliRunner

from storage_first import commands
from storage_first.dlq.errors import DlqError, told
from storage_first.dlq.place import place

pytestmark = pytest.mark.xdist_group("dlq")


@pytest.fixture
def on_aws(cloud, monkeypatch, tmp_path):
    """AWS as botocore's own configuration describes it; every service that is used answers from the emulator."""
    for service in ("SQS", "STS", "LAMBDA", "S3", "CLOUDWATCH", "KINESIS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", cloud.endpoint)
    config = tmp_path / "config"
    config.write_text("[profile work]\nregion = eu-west-1\naws_access_key_id = test\naws_secret_access_key = test\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def test_without_an_endpoint_it_works_on_aws_as_the_profile_says_and_tells_so(on_aws, cloud):
    where = place(endpoint=None, profile="work", region=None)

    assert where.name == f"AWS account 000000000000 in eu-west-1 ({cloud.endpoint.removeprefix('http://')})"
    assert where.client("sqs").meta.region_name == "eu-west-1"


def test_the_commands_work_on_aws_as_on_the_local_cloud(on_aws, cloud, dead, source):
    cloud.give_up(source, "a")

    arguments = ["dlq", "redrive", dead.rpartition("/")[2], "--yes", "--profile", "work", "--region", "us-east-1"]
    result = CliRunner().invoke(commands.cli, arguments)

    assert result.exit_code == 0, result.output
    assert cloud.bodies(source) == ["a"]


def test_with_an_endpoint_no_profile_and_no_environment_leads_to_aws(cloud, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://sqs.us-east-1.amazonaws.com")

    where = place(endpoint=cloud.endpoint, profile=None, region=None)

    assert where.client("sqs").meta.endpoint_url == cloud.endpoint
    assert where.invoker().meta.endpoint_url == cloud.endpoint


@pytest.mark.parametrize("endpoint", ["https://sqs.us-east-1.amazonaws.com", "http://10.0.0.1:4566", "nonsense", ""])
def test_an_endpoint_that_is_not_on_this_machine_is_refused(endpoint):
    with pytest.raises(DlqError, match="is for the local cloud"):
        place(endpoint=endpoint, profile=None, region=None)


@pytest.mark.parametrize("given", [{"profile": "work", "region": None}, {"profile": None, "region": "eu-west-1"}])
def test_a_choice_that_contradicts_itself_is_refused(cloud, given):
    with pytest.raises(DlqError, match="asks for AWS, and --endpoint"):
        place(endpoint=cloud.endpoint, **given)


def test_a_region_that_nobody_gave_is_asked_for(monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    with pytest.raises(DlqError, match="give one with --region"):
        place(endpoint=None, profile=None, region=None)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NoCredentialsError(), "There are no AWS credentials: configure some, or name the local cloud with --endpoint"),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:9/"),
            'No answer from there: Could not connect to the endpoint URL: "http://127.0.0.1:9/"',
        ),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "User x is not\nauthorized."}}, "SendMessage"),
            "These credentials may not call SendMessage: User x is not authorized",
        ),
        (
            ClientError({"Error": {"Code": "KMS.AccessDeniedException", "Message": "no kms:Decrypt"}}, "Receive"),
            "These credentials may not call Receive: no kms:Decrypt",
        ),
        (
            ClientError({"Error": {"Code": "AWS.SimpleQueueService.RequestThrottled"}}, "SendMessageBatch"),
            "AWS keeps throttling SendMessageBatch (RequestThrottled): try again later, or slower with --rate",
        ),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "It is expired."}}, "GetCallerIdentity"),
            "AWS does not accept the credentials (ExpiredToken): It is expired",
        ),
        (
            ClientError({"Error": {"Code": "Odd", "Message": "Why?"}}, "ListQueues"),
            "ListQueues failed (Odd): Why?",
        ),
    ],
)
def test_what_aws_refuses_is_told_in_one_sentence(error, sentence):
    assert told(error) == sentence


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "No answer from there: Could not connect to the endpoint URL"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "There are no AWS credentials"),
        ({"AWS_PROFILE": "none-such"}, "The config profile (none-such) could not be found"),
    ],
)
def test_a_place_that_cannot_be_reached_is_one_sentence_of_the_command(environ, said):
    isolated = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    # Should it call AWS after all, it finds nothing there.
    isolated |= {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9"}

    ended = subprocess.run(
        [sys.executable, "-m", "storage_first.cli", "dlq", "list"],
        env={**os.environ, **isolated, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    *_, line = ended.stderr.strip().splitlines()
    assert line.startswith(f"storage-first: {said}")
    assert "Traceback" not in ended.stderr
