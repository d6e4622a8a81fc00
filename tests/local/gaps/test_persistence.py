from contextlib import contextmanager

import pytest

from storage_first.local.emulator import Emulator
from tests.local.sides import Side, bare_emulator, eventually

READER = """
import os, pathlib

def handler(event, context):
    with pathlib.Path(os.environ["CALLS"]).open("a") as lines:
        for record in event["Records"]:
            lines.write(record["dynamodb"]["Keys"]["pk"]["S"] + "\\n")
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


def read(side, calls):
    """A table, and a mapping that has read one record of its stream and left another one."""
    table = side.table()
    mapping = side.lambda_.create_event_source_mapping(
        FunctionName=side.function(READER, Environment={"Variables": {"CALLS": str(calls)}}),
        EventSourceArn=side.stream_of(table),
        StartingPosition="LATEST",
    )["UUID"]
    put(side, table, "read")
    eventually(lambda: calls.read_text() == "read\n")
    eventually(lambda: side.lambda_.get_event_source_mapping(UUID=mapping)["LastProcessingResult"].startswith("OK"))
    side.lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
    put(side, table, "unread")
    return table, mapping


def put(side, table, key):
    side.dynamodb.put_item(TableName=table, Item={"pk": {"S": key}})


def start(side):
    machine = side.machine(WAIT)
    return side.stepfunctions.start_execution(stateMachineArn=machine, name="j-1", input='{"n": 1}')["executionArn"]


def test_the_bare_emulator_loses_its_place_in_a_stream(tmp_path, calls):
    with bare(tmp_path) as side:
        table, mapping = read(side, calls)

    with bare(tmp_path) as side:
        side.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
        put(side, table, "skipped")
        put(side, table, "after")

        eventually(lambda: calls.read_text() == "read\nafter\n")


def test_the_bare_emulator_fails_what_was_running(tmp_path):
    with bare(tmp_path) as side:
        execution = start(side)

    with bare(tmp_path) as side:
        described = side.ended(execution)

    assert (described["status"], described["error"]) == ("FAILED", "States.ServiceRestart")


def test_a_stream_is_read_on_where_it_was_left(tmp_path, calls):
    with closed(tmp_path) as side:
        table, mapping = read(side, calls)

    with closed(tmp_path) as side:
        side.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
        eventually(lambda: calls.read_text() == "read\nunread\n")
        put(side, table, "after")

        eventually(lambda: calls.read_text() == "read\nunread\nafter\n")


def test_an_execution_that_was_interrupted_runs_to_its_end(tmp_path):
    with closed(tmp_path) as side:
        execution = start(side)

    with closed(tmp_path) as side:
        described = side.ended(execution)

    assert (described["status"], described["output"]) == ("SUCCEEDED", '{"n": 1}')
