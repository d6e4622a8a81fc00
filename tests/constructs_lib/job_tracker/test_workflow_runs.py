"""Tracked workflows, executed: what the states of `job_tracker.states` do to the job's item.

On the emulator as it is. What differs from AWS there (no time-outs, no jitter) is of no matter to these.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib.job_tracker import JobTracker
from tests.constructs_lib.job_tracker.conftest import Synthesized, flat

boto3 = pytest.importorskip("boto3")
pytest.importorskip("ministack")

ACCOUNT, REGION = "000000000000", "us-east-1"
TABLE = "jobs"
PATIENCE = 30


def eventually(get, *, what):
    """Wait until `get` gives something, and give that."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := get():
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s.")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "STATE_DIR": str(tmp_path_factory.mktemp("ministack")),
    }
    log = tmp_path_factory.mktemp("log") / "emulator.log"
    with log.open("wb") as output:
        emulator = subprocess.Popen(
            [sys.executable, "-c", "from ministack.app import main; main()"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"

    def answers():
        assert emulator.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/_ministack/health", timeout=1):  # noqa: S310  (on loopback)
                return True
        except (urllib.error.URLError, TimeoutError):
            return False

    try:
        eventually(answers, what="The emulator's start")
        yield address
    finally:
        emulator.terminate()
        emulator.wait(PATIENCE)


def client(endpoint, service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(scope="module")
def states(endpoint):
    return client(endpoint, "stepfunctions")


@pytest.fixture(scope="module")
def table(endpoint):
    dynamodb = client(endpoint, "dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return dynamodb


@pytest.fixture(scope="module")
def machines(states):
    """The machines of a tracker's workflows, by the type of their jobs."""
    stack = Stack(App(), "Stack")
    tracker = JobTracker(stack, "Jobs")
    works = {
        "Answers": sfn.Pass.jsonata(stack, "Answer", outputs={"greeting": "{% 'Hi ' & $states.input.input.name %}"}),
        "AnswersList": sfn.Pass.jsonata(stack, "List", outputs=[[1], "ü"]),
        "AnswersNothing": sfn.Pass.jsonata(stack, "Nothing", outputs={}),
        "AnswersInJsonPath": sfn.Pass(stack, "Old", parameters={"name.$": "$.input.name"}),
        "Progresses": tracker.progress(10, "Adding").next(tracker.progress(60, "Searching for 'holes'")),
        "Echoes": sfn.Pass(stack, "Echo", output_path="$.input.echo"),
        "Breaks": sfn.Fail(stack, "Break", error="Boom", cause="It broke."),
        "BreaksSilently": sfn.Fail(stack, "BreakSilently", error="Boom"),
        "BreaksAtLength": sfn.Fail(stack, "BreakAtLength", error="Boom", cause="x" * 10_000),
    }
    for name, work in works.items():
        tracker.workflow(name, definition=work)
    synthesized = Synthesized(stack, tracker)
    table = "{" + synthesized.logical_id(tracker.table) + "}"

    def create(name, machine):
        joined = flat(synthesized.resource(machine)["Properties"]["DefinitionString"])
        definition = joined.replace(table, TABLE).replace("{AWS::Partition}", "aws")
        role = f"arn:aws:iam::{ACCOUNT}:role/machine"
        return states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]

    return {name: create(name, machine) for name, machine in tracker._machines.items()}


@pytest.fixture
def run(states, table, machines, request):
    """Run the workflow of a type on a job of its own; return the job and the execution at their ends."""

    def run(job_type, *, status="In Progress", by=None, **input):
        id = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[-60:] + uuid.uuid4().hex[:4]
        machine = machines[job_type]
        arn = machine.replace(":stateMachine:", ":execution:") + f":{id}-1"
        text = {"id": id, "tenant": "default", "type": job_type, "status": status, "executionArn": by or arn}
        text |= {"pk": f"default#{id}", "open": "3", "checkAt": "2026-11-21T20:12:29.123Z"}
        item = {name: {"S": value} for name, value in text.items()} | {"version": {"N": "2"}}
        table.put_item(TableName=TABLE, Item=item)
        told = {"id": id, "tenant": "default", "type": job_type, "attempt": 1, "input": {"name": "Gordon", **input}}
        states.start_execution(stateMachineArn=machine, name=f"{id}-1", input=json.dumps(told))

        def ended():
            execution = states.describe_execution(executionArn=arn)
            return execution if execution["status"] != "RUNNING" else None

        execution = eventually(ended, what=f"The end of {arn}")
        return table.get_item(TableName=TABLE, Key={"pk": {"S": f"default#{id}"}})["Item"], execution

    return run


@pytest.mark.parametrize(
    ("job_type", "result"),
    [
        ("Answers", {"greeting": "Hi Gordon"}),
        ("AnswersList", [[1], "ü"]),
        ("AnswersNothing", {}),
        ("AnswersInJsonPath", {"name": "Gordon"}),
    ],
)
def test_what_the_work_puts_out_is_the_result_of_job_and_execution(run, job_type, result):
    job, execution = run(job_type)

    assert (job["status"]["S"], json.loads(job["result"]["S"])) == ("Succeeded", result)
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", result)


# JSONata writes a text without its quotes, and takes a list of one for what is in it, where it can.
@pytest.mark.parametrize(
    "result",
    [
        "done",
        "",
        "7",
        "null",
        '\u201c\u2019"\\\n\u2028\U0001f642',
        7,
        0.5,
        True,
        False,
        None,
        [],
        [1],
        ["a"],
        [[1]],
        [[]],
        {},
    ],
    ids=json.dumps,
)
def test_a_result_is_what_it_was_of_whatever_type(run, result):
    job, _ = run("Echoes", echo=result)

    assert (job["status"]["S"], json.loads(job["result"]["S"])) == ("Succeeded", result)


def test_a_job_that_ended_is_no_longer_open_and_will_expire(run):
    job, _ = run("Answers")

    assert not {"open", "checkAt"} & job.keys()
    assert job["finishedAt"] == job["updatedAt"]
    assert len(job["finishedAt"]["S"]) == len("2026-11-21T20:12:29.123Z")
    assert 30 * 86_400 - 60 < int(job["expiresAt"]["N"]) - time.time() <= 30 * 86_400
    assert job["version"]["N"] == "3"


def test_progress_is_written_on_the_way(run):
    job, execution = run("Progresses")

    assert job["progress"]["M"] == {"percent": {"N": "60"}, "message": {"S": "Searching for 'holes'"}}
    assert job["version"]["N"] == "5"
    assert json.loads(execution["output"])["input"] == {"name": "Gordon"}, "passed on unchanged"


@pytest.mark.parametrize(("job_type", "message"), [("Breaks", "It broke."), ("BreaksSilently", "")])
def test_an_error_of_the_work_is_that_of_job_and_execution(run, job_type, message):
    job, execution = run(job_type)

    assert job["status"]["S"] == "Failed"
    assert job["error"]["M"] == {"code": {"S": "Boom"}, "message": {"S": message}}
    assert (execution["status"], execution["error"], execution.get("cause", "")) == ("FAILED", "Boom", message)


def test_a_long_cause_is_cut_in_the_job_only(run):
    job, execution = run("BreaksAtLength")

    assert len(job["error"]["M"]["message"]["S"]) == 4096
    assert len(execution["cause"]) == 10_000


@pytest.mark.parametrize("status", ["Cancelled", "Failed", "Succeeded"])
def test_a_job_that_ended_meanwhile_stays_as_it_is(run, status):
    job, execution = run("Answers", status=status)

    assert (job["status"]["S"], job["version"]["N"]) == (status, "2")
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", {"greeting": "Hi Gordon"})


def test_a_failure_of_a_job_that_ended_meanwhile_is_still_the_executions(run):
    job, execution = run("Breaks", status="Cancelled")

    assert (job["status"]["S"], job["version"]["N"]) == ("Cancelled", "2")
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "Boom", "It broke.")


def test_an_execution_writes_to_no_job_of_another(run):
    job, execution = run("Progresses", by="arn:aws:states:::execution:another")

    assert (job["status"]["S"], job["version"]["N"]) == ("In Progress", "2")
    assert "progress" not in job
    assert execution["status"] == "FAILED"
