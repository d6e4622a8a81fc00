from contextlib import contextmanager

import pytest

from storage_first.local.emulator import Emulator
from tests.local.sides import Side, bare_emulator, eventually, unique

READER = """
import base64, os, pathlib

def handler(event, context):
    with pathlib.Path(os.environ["CALLS"]).open("a") as lines:
        for record in event["Records"]:
            data = record.get("kinesis", {}).get("data")
            name = base64.b64decode(data).decode() if data else record["dynamodb"]["Keys"]["pk"]["S"]
            lines.write(name + "\\n")
"""
WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 2, "End": True}}}


@contextmanager
def bare(directory):
    with bare_emulator(directory, PERSIST_STATE="1") as side:
        yield side


@contextmanager
def closed(directory):
    with Emulator(directory=directory, persist=True) as emulator:
        yield Side(emulator.endpoint)


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


def table(side):
    """A table, as the ARN of its stream and what writes to it."""
    name = side.table()
    return side.stream_of(name), lambda side, key: side.dynamodb.put_item(TableName=name, Item={"pk": {"S": key}})


def kinesis(side):
    """A Kinesis stream, likewise."""
    name = unique("stream")
    side.kinesis.create_stream(StreamName=name, ShardCount=1)
    arn = side.kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"]
    return arn, lambda side, key: side.kinesis.put_record(StreamName=name, Data=key.encode(), PartitionKey="k")


def read(side, calls, source):
    """What writes to a stream, and a mapping that has read one of its records and left another one."""
    arn, put = source(side)
    mapping = side.lambda_.create_event_source_mapping(
        FunctionName=side.function(READER, Environment={"Variables": {"CALLS": str(calls)}}),
        EventSourceArn=arn,
        StartingPosition="LATEST",
    )["UUID"]
    put(side, "read")
    eventually(lambda: calls.read_text() == "read\n")
    eventually(lambda: side.lambda_.get_event_source_mapping(UUID=mapping)["LastProcessingResult"].startswith("OK"))
    side.lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
    put(side, "unread")
    return put, mapping


def start(side):
    machine = side.machine(WAIT)
    return side.stepfunctions.start_execution(stateMachineArn=machine, name="j-1", input='{"n": 1}')["executionArn"]


def test_the_bare_emulator_loses_its_place_in_a_stream(tmp_path, calls):
    with bare(tmp_path) as side:
        put, mapping = read(side, calls, table)

    with bare(tmp_path) as side:
        side.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
        put(side, "skipped")
        put(side, "after")

        eventually(lambda: calls.read_text() == "read\nafter\n")


def test_the_bare_emulator_fails_what_was_running(tmp_path):
    with bare(tmp_path) as side:
        execution = start(side)

    with bare(tmp_path) as side:
        described = side.ended(execution)

    assert (described["status"], described["error"]) == ("FAILED", "States.ServiceRestart")


@pytest.mark.parametrize("source", [table, kinesis])
def test_a_stream_is_read_on_where_it_was_left(tmp_path, calls, source):
    with closed(tmp_path) as side:
        put, mapping = read(side, calls, source)

    with closed(tmp_path) as side:
        side.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
        eventually(lambda: calls.read_text() == "read\nunread\n")
        put(side, "after")

        eventually(lambda: calls.read_text() == "read\nunread\nafter\n")


def test_an_execution_that_was_interrupted_runs_to_its_end(tmp_path):
    with closed(tmp_path) as side:
        execution = start(side)

    with closed(tmp_path) as side:
        described = side.ended(execution)

    assert (described["status"], described["output"]) == ("SUCCEEDED", '{"n": 1}')
