"""The front as its own process, serving a plain CDK app that was deployed to the emulator."""

import json
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.local.front.process import Process, command, environment, serving, start
from tests.local.sides import Side

APP = Path(__file__).with_name("apps") / "plain.py"
TIMEOUT = 60.0


def arguments(side: Side, assembly: Path, *more: str) -> list[str]:
    return command(side.endpoint, assembly, *more)


@pytest.fixture(scope="session")
def assembly(closed: Side, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plain app, synthesized and deployed."""
    directory = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, str(APP), str(directory)], check=True, env=environment(), capture_output=True)
    template = (directory / "Pets.template.json").read_text()
    closed.cloudformation.create_stack(StackName="Pets", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    closed.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="Pets", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return directory


@pytest.fixture(scope="module")
def front(closed: Side, assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The front, serving the plain app."""
    with serving(closed.endpoint, assembly, tmp_path_factory.mktemp("front") / "errors") as process:
        yield process


@pytest.fixture
def http(front: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=front.url("Api"), timeout=TIMEOUT, trust_env=False) as client:
        yield client


def test_the_front_tells_where_it_serves_what(front: Process):
    api, ready = front.lines

    assert ready == {"ready": True}
    assert (api["stack"], api["name"], api["stage"]) == ("Pets", "Api", "prod")
    assert api["url"].startswith("http://127.0.0.1:")
    assert api["url"].endswith("/prod/")


def test_a_function_answers(http: httpx.Client):
    answer = http.get("functions/a%20b")

    assert (answer.status_code, answer.json()) == (201, {"name": "a%20b"})
    assert answer.headers["x-function"] == "1"


def test_a_function_that_raises_is_502(http: httpx.Client):
    answer = http.get("functions/a?fail=1")

    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


def test_an_item_is_stored_once_and_as_it_was_sent(closed: Side, http: httpx.Client):
    body = '{"name": "Rex \\u00e9 \\" \\\\",\n "more": [1.0, 1e3]}'

    answers = [http.post("pets", content=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 409]
    assert answers[0].json()["id"] == answers[0].headers["x-amzn-requestid"]
    resources = closed.cloudformation.describe_stack_resources(StackName="Pets")["StackResources"]
    tables = (each for each in resources if each["ResourceType"] == "AWS::DynamoDB::Table")
    table = next(tables)["PhysicalResourceId"]
    item = closed.dynamodb.get_item(TableName=table, Key={"pk": {"S": 'Rex é " \\'}})["Item"]
    assert item["raw"]["S"] == body


@pytest.mark.parametrize(("body", "content_type", "status"), [("{}", None, 400), ("{}", "text/plain", 415)])
def test_what_the_model_or_the_template_refuses_is_not_stored(http: httpx.Client, body, content_type, status):
    answer = http.post("pets", content=body, headers={"Content-Type": content_type} if content_type else {})

    assert answer.status_code == status


def test_a_message_is_queued(closed: Side, http: httpx.Client):
    answer = http.post("messages", content='{"text": "a&b=c é"}')

    outputs = closed.cloudformation.describe_stacks(StackName="Pets")["Stacks"][0]["Outputs"]
    queue = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "QueueUrl")
    (message,) = closed.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert answer.status_code == 202
    assert message["Body"] == '{"text": "a&b=c é"}'
    assert message["MessageId"] == answer.json()


def test_keys_and_quotas_are_those_of_the_app(http: httpx.Client):
    key = {"x-api-key": "a-secret-of-twenty-letters"}

    answers = [http.get("private"), *(http.get("private", headers=key) for _ in range(4))]

    assert [answer.status_code for answer in answers] == [403, 200, 200, 200, 429]
    assert answers[1].json()["greeting"] == "hello"


def test_preflight_answers(http: httpx.Client):
    answer = http.options("pets", headers={"Origin": "https://pets.test"})

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://pets.test"


def test_templates_see_header_names_as_the_client_spelt_them(closed: Side, assembly: Path, tmp_path: Path):
    process = start(arguments(closed, assembly, "--port", "0"), tmp_path / "errors")
    with process.process:
        try:
            process.wait_until_ready()
            key = ("x-ApI-kEy", "a-secret-of-twenty-letters")

            answer = httpx.get(process.url("Api") + "private", headers=[key], timeout=TIMEOUT, trust_env=False)
        finally:
            process.process.terminate()

    assert "x-ApI-kEy" in answer.json()["headers"]


def test_the_access_log_goes_where_it_is_told(closed: Side, assembly: Path, tmp_path: Path):
    log = tmp_path / "access.log"
    command = arguments(closed, assembly, "--port", "0", "--access-log", str(log))
    process = start(command, tmp_path / "errors")
    with process.process:
        try:
            process.wait_until_ready()

            httpx.get(process.url("Api") + "unknown", headers={"x-amzn-RequestId": "r-1"}, trust_env=False)

            assert json.loads(log.read_text()) == {"id": "r-1", "path": "/prod/unknown", "status": 403}
        finally:
            process.process.terminate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_front_cleanly(closed: Side, assembly: Path, tmp_path: Path, number: signal.Signals):
    process = start(arguments(closed, assembly, "--port", "0"), tmp_path / "errors")
    with process.process:
        process.wait_until_ready()

        process.process.send_signal(number)

        assert process.process.wait(TIMEOUT) == 0


def test_the_front_ends_with_its_parent(closed: Side, assembly: Path, tmp_path: Path):
    wrapper = "import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.stdin.read()"
    command = [sys.executable, "-c", wrapper, *arguments(closed, assembly, "--port", "0")]
    with (tmp_path / "errors").open("w") as errors:
        parent = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
        )
    process = Process(parent, tmp_path / "errors")
    with parent:
        process.wait_until_ready()
        assert parent.stdout

        parent.kill()

        readable, _, _ = select.select([parent.stdout], [], [], TIMEOUT)
        assert readable, "the front outlived its parent"
        assert parent.stdout.read() == ""  # the end of the pipe that both wrote to: both are gone


def test_a_taken_port_is_said_in_one_sentence(closed: Side, assembly: Path, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        process = start(arguments(closed, assembly, "--port", str(port)), tmp_path / "errors")
        with process.process:
            code = process.process.wait(TIMEOUT)

    assert code == 2
    assert process.errors.read_text().splitlines()[-1].startswith(f"cannot serve on 127.0.0.1:{port}: ")


def test_an_assembly_that_is_not_there_is_said_in_one_sentence(closed: Side, tmp_path: Path):
    process = start(arguments(closed, tmp_path / "absent", "--port", "0"), tmp_path / "errors")
    with process.process:
        code = process.process.wait(TIMEOUT)

    assert code == 1
    assert process.errors.read_text().startswith("cannot read what was deployed: ")
    assert len(process.errors.read_text().splitlines()) == 1


def test_an_app_without_rest_apis_is_served_as_nothing(closed: Side, tmp_path: Path):
    (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
    process = start(arguments(closed, tmp_path, "--port", "0"), tmp_path / "errors")
    with process.process:
        process.wait_until_ready()
        process.process.terminate()

        assert process.process.wait(TIMEOUT) == 0
    assert process.lines == [{"ready": True}]
