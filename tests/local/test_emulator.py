import contextlib
import importlib.metadata
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from storage_first.local.emulator import Emulator
from storage_first.local.errors import LocalCloudError
from storage_first.local.process import group_members
from tests.local.sides import Side, eventually

SLEEPER = """
import pathlib, subprocess, time

def handler(event, context):
    subprocess.Popen(["sleep", "600"])
    pathlib.Path(event).touch()
    time.sleep(600)
"""
# Starts an emulator with a busy Lambda worker, says which process group they are, and waits to be killed.
PARENT = f"""
import json, pathlib, sys, time
from storage_first.local.emulator import Emulator
from tests.local.sides import Side, eventually

directory = pathlib.Path(sys.argv[1])
emulator = Emulator(directory=directory, persist=True)
side = Side(emulator.endpoint)
table = side.table()
function = side.function({SLEEPER!r}, timeout=900)
busy = directory / "busy"
side.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(str(busy)))
eventually(busy.exists)
print(emulator.pid, table, flush=True)
time.sleep(600)
"""


@pytest.fixture
def parent(directory):
    """A process that has started an emulator with a busy worker; and what it says of them."""
    with subprocess.Popen([sys.executable, "-c", PARENT, directory], stdout=subprocess.PIPE, text=True) as process:
        group, table = process.stdout.readline().split()
        yield process, int(group), table
        process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(group), signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_nothing_outlives_the_parent(parent, number):
    process, group, _ = parent

    process.send_signal(number)

    eventually(lambda: not group_members(group), why="the end of the emulator and its workers")


def test_state_is_saved_though_the_parent_is_killed(parent, directory):
    process, group, table = parent
    process.kill()
    eventually(lambda: not group_members(group))

    with Emulator(directory=directory, persist=True) as emulator:
        assert Side(emulator.endpoint).dynamodb.list_tables()["TableNames"] == [table]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_to_the_emulator_ends_it_and_its_workers(directory, number):
    with Emulator(directory=directory, persist=False) as emulator:
        side = Side(emulator.endpoint)
        function = side.function("import time\ndef handler(e, c): time.sleep(600)", timeout=900)
        side.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
        eventually(lambda: len(group_members(emulator.pid)) > 1, why="a Lambda worker")

        os.kill(emulator.pid, number)

        eventually(lambda: not emulator.running())
        emulator.stop()
        assert group_members(emulator.pid) == []


def sockets_of(pid):
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield link.readlink().name


def test_it_listens_on_loopback_only(directory):
    with Emulator(directory=directory, persist=False) as emulator:
        sockets = set(sockets_of(emulator.pid))
        listening = [
            fields[1].partition(":")[0]
            for kind in ("tcp", "tcp6")
            for fields in map(str.split, Path(f"/proc/net/{kind}").read_text().splitlines()[1:])
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets
        ]

    assert listening == ["0100007F"]


def test_another_ministack_is_refused(directory, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.5.34")

    with pytest.raises(LocalCloudError, match=r"ministack 1\.5\.33, but 1\.5\.34 is installed: run pip install"):
        Emulator(directory=directory, persist=False)


def test_a_taken_port_is_named(directory):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(LocalCloudError, match=f"Port {port}, which the emulator needs, is taken"):
            Emulator(directory=directory, persist=False, port=port)


def test_an_emulator_that_cannot_start_says_why(directory, monkeypatch):
    monkeypatch.setattr(Emulator, "_settings", lambda _: {"GATEWAY_PORT": "0", "LAMBDA_WARM_TTL_SECONDS": "soon"})

    with pytest.raises(LocalCloudError, match="could not convert string to float: 'soon'"):
        Emulator(directory=directory, persist=False)


def test_an_emulator_comes_back_on_the_port_that_its_queues_name(directory):
    with Emulator(directory=directory, persist=True) as emulator:
        queue = Side(emulator.endpoint).sqs.create_queue(QueueName="q")["QueueUrl"]

    with Emulator(directory=directory, persist=True) as emulator:
        side = Side(emulator.endpoint)
        side.sqs.send_message(QueueUrl=queue, MessageBody="hello")

        assert queue.startswith(emulator.endpoint)
        assert side.sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"


def test_without_data_nothing_is_kept(directory):
    with Emulator(directory=directory, persist=False) as emulator:
        Side(emulator.endpoint).table()

    with Emulator(directory=directory, persist=False) as emulator:
        assert Side(emulator.endpoint).dynamodb.list_tables()["TableNames"] == []
