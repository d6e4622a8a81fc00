import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from storage_first import commands
from storage_first.dlq import redrive
from storage_first.dlq.queues import find_queue
from tests.local.sides import eventually, unique

pytestmark = pytest.mark.xdist_group("dlq")
TIMEOUT = 60
# Dies between sending the second batch and deleting it; what it had in hand is visible again after two seconds.
DIES_BEFORE_ITS_SECOND_DELETE = """
import os, signal
from storage_first.dlq import hand
from storage_first.commands import run
hand.VISIBILITY = 2
delete, calls = hand.Hand.delete, []
def die(self, messages):
    calls.append(messages)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return delete(self, messages)
hand.Hand.delete = die
run()
"""


@pytest.fixture
def dlq(cloud):
    """Run `storage-first dlq` on the local cloud."""

    def dlq(*arguments, answer=None, endpoint=cloud.endpoint):
        return CliRunner().invoke(commands.cli, ["dlq", *arguments, "--endpoint", endpoint], input=answer)

    return dlq


@pytest.fixture
def start(cloud):
    started = []

    def start(*arguments, script=("-m", "storage_first.cli")):
        environ = {**os.environ, "AWS_ENDPOINT_URL": cloud.endpoint}
        command = [sys.executable, *script, "dlq", *arguments]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def name_of(url):
    return url.rpartition("/")[2]


def one_sentence(result):
    """What the command says on standard error, after it has told where it works."""
    assert result.exit_code == 1
    *_, line = result.stderr.strip().splitlines()
    assert line.startswith("storage-first: ")
    assert line.endswith(".")
    return line.removeprefix("storage-first: ")


def test_dead_letter_queues_are_listed_with_their_sources_and_counts(cloud, dead, source, dlq):
    other = cloud.source_of(dead)
    cloud.give_up(source, "a", "b")

    listed = json.loads(dlq("list", "--json").stdout)

    (ours,) = [each for each in listed if each["name"] == name_of(dead)]
    assert sorted(ours["sources"]) == sorted([cloud.arn(source), cloud.arn(other)])
    assert (ours["count"], ours["oldest"]) == (2, None)
    assert name_of(source) not in {each["name"] for each in listed}


def test_the_age_of_the_oldest_is_cloudwatch_s(cloud, dead, source, dlq):
    cloud.give_up(source, "old")
    cloud.cloudwatch.put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": name_of(dead)}],
                "Value": 3700,
            }
        ],
    )

    listed = json.loads(dlq("list", "--json").stdout)

    assert next(each["oldest"] for each in listed if each["name"] == name_of(dead)) == 3700
    assert "1:01:40" in dlq("list").stdout


def test_the_list_of_a_stack_has_only_its_own(cloud, dead, source, dlq):
    physical = cloud.stack(
        {
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Orders": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 1}
                },
            },
        }
    )
    stack = next(
        each["StackName"]
        for each in cloud.cloudformation.describe_stacks()["Stacks"]
        if any(
            resource["PhysicalResourceId"] == physical("Dead")
            for resource in cloud.cloudformation.describe_stack_resources(StackName=each["StackName"])["StackResources"]
        )
    )

    listed = json.loads(dlq("list", "--stack", stack, "--json").stdout)

    assert [each["name"] for each in listed] == [name_of(physical("Dead"))]


def test_an_unknown_stack_is_named(dlq):
    assert "There is no stack 'nowhere' in the local cloud at" in one_sentence(dlq("list", "--stack", "nowhere"))


def test_showing_messages_leaves_them_where_they_are(cloud, dead, source, dlq):
    cloud.give_up(source, '{"order":1}', MessageAttributes={"who": {"DataType": "String", "StringValue": "Gus"}})

    shown = dlq("show", name_of(dead))

    assert '    {\n      "order": 1\n    }' in shown.stdout
    assert f"from: {cloud.arn(source)}" in shown.stdout
    assert "received: 2 times" in shown.stdout
    assert "attribute who (String): Gus" in shown.stdout
    assert cloud.bodies(dead) == ['{"order":1}']


def test_what_is_shown_as_json_is_whole_and_unchanged(cloud, dead, source, dlq):
    body = '{"n": 1e400, "n": 123456789012345678901234567890.5}\x7f\u202e'
    cloud.give_up(source, body, MessageAttributes={"raw": {"DataType": "Binary", "BinaryValue": b"\xff"}})

    (letter,) = json.loads(dlq("show", name_of(dead), "--json").stdout)

    assert letter["body"] == body
    assert letter["messageAttributes"] == {"raw": {"type": "Binary", "value": "/w=="}}
    assert letter["source"] == cloud.arn(source)


def test_no_more_than_wanted_are_shown(cloud, dead, source, dlq):
    cloud.give_up(source, *(f"m{number}" for number in range(13)))

    shown = dlq("show", name_of(dead), "--max", "11")

    assert sum(f"    m{number}\n" in shown.stdout for number in range(13)) == 11
    assert "11 of about 13 messages; --max shows more." in shown.stdout
    assert len(cloud.contents(dead)) == 13


def test_an_interrupted_show_gives_everything_back(cloud, dead, source, start):
    cloud.give_up(source, *("x" * 100_000 for _ in range(10)))
    process = start("show", name_of(dead))
    process.stdout.readline()  # it blocks on the pipe that nobody empties

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=TIMEOUT)

    assert process.returncode == 130
    assert "storage-first: Interrupted." in err
    assert len(cloud.contents(dead)) == 10


def test_before_anything_is_sent_it_asks_and_says_where(cloud, dead, source, dlq):
    cloud.give_up(source, "a")

    result = dlq("redrive", name_of(dead), answer="n\n")

    assert f"In the local cloud at {cloud.endpoint}." in result.stderr
    assert f"Send messages of {name_of(dead)} to {name_of(source)}: all of about 1? [y/N]" in result.output
    assert one_sentence(result) == "Nothing was sent; answer y, or give --yes where nobody can answer."
    assert cloud.bodies(dead) == ["a"]


def test_where_nobody_can_answer_nothing_is_sent(cloud, dead, source, dlq):
    cloud.give_up(source, "a")

    result = dlq("redrive", name_of(dead), answer="")

    assert one_sentence(result) == "Nothing was sent; answer y, or give --yes where nobody can answer."
    assert cloud.bodies(dead) == ["a"]


def test_it_says_what_was_sent_where(cloud, dead, source, dlq):
    cloud.give_up(source, "a", "b")

    result = dlq("redrive", name_of(dead), answer="y\n")

    assert result.exit_code == 0
    assert f"Sent to {name_of(source)}: 2." in result.stdout
    assert sorted(cloud.bodies(source)) == ["a", "b"]


def test_a_dry_run_touches_nothing(cloud, dead, source, dlq):
    cloud.give_up(source, "a", "b", "c")

    result = dlq("redrive", name_of(dead), "--dry-run", "--max", "2")

    assert result.stdout == f"Would send messages of {name_of(dead)} to {name_of(source)}: up to 2 of about 3.\n"
    (*_, message) = cloud.contents(dead)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"  # one that gave it up, one to look here


def test_an_empty_queue_needs_no_answer(cloud, dead, source, dlq):
    result = dlq("redrive", name_of(dead))

    assert (result.exit_code, result.stdout) == (0, f"{name_of(dead)} is empty.\n")


def test_what_stays_is_told_and_ends_with_an_error(cloud, dead, source, dlq):
    cloud.give_up(source, "x" * 2000)
    cloud.sqs.set_queue_attributes(QueueUrl=source, Attributes={"MaximumMessageSize": "1024"})

    result = dlq("redrive", name_of(dead), "--yes")

    assert result.exit_code == 1
    assert "Nothing was sent." in result.stdout
    assert f"Stayed in {name_of(dead)}: 1, because InvalidParameterValue: " in result.stderr


def test_progress_is_shown_on_a_terminal(cloud, dead, source):
    cloud.give_up(source, "a", "b")
    master, slave = pty.openpty()
    environ = {**os.environ, "AWS_ENDPOINT_URL": cloud.endpoint, "TERM": "xterm"}
    command = [sys.executable, "-m", "storage_first.cli", "dlq", "redrive", name_of(dead), "--yes"]

    ended = subprocess.run(command, env=environ, stdout=slave, stderr=slave, timeout=TIMEOUT, check=False)
    os.close(slave)
    said = os.read(master, 65536).decode()
    os.close(master)

    assert ended.returncode == 0
    assert "2/2" in said


@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "FIFO"])
def test_killed_between_sending_and_deleting_and_run_again_nothing_is_lost(cloud, start, dlq, fifo):
    dead = cloud.queue(fifo=fifo)
    source = cloud.source_of(dead, fifo=fifo, **({"ContentBasedDeduplication": "true"} if fifo else {}))
    bodies = [f"m{number:02}" for number in range(35)]
    groups = {"MessageGroupId": lambda number: f"g{number % 10}"} if fifo else {}
    cloud.give_up(source, *bodies, **groups)

    killed = start("redrive", name_of(dead), "--yes", script=("-c", DIES_BEFORE_ITS_SECOND_DELETE))
    killed.communicate(timeout=TIMEOUT)
    again = dlq("redrive", name_of(dead), "--yes")

    back = cloud.consume(source)
    assert killed.returncode == -signal.SIGKILL
    assert again.exit_code == 0, again.output
    assert sorted(set(back)) == bodies
    assert len(back) == (35 if fifo else 45)
    assert cloud.contents(dead) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_and_run_again_everything_is_sent_exactly_once(cloud, here, dead, source, start, dlq, number):
    bodies = [f"m{number:02}" for number in range(30)]
    cloud.give_up(source, *bodies)
    process = start("redrive", name_of(dead), "--yes", "--rate", "10")
    eventually(lambda: find_queue(here, source).messages, why="the first message")

    process.send_signal(number)
    out, err = process.communicate(timeout=TIMEOUT)
    again = dlq("redrive", name_of(dead), "--yes")

    assert process.returncode == 130
    assert f"Sent to {name_of(source)}: " in out
    assert "storage-first: Interrupted; run it again to send the rest." in err
    assert again.exit_code == 0
    assert sorted(cloud.consume(source)) == bodies


def test_a_second_signal_ends_it_at_once_and_gives_back_what_is_in_hand(cloud, dead, source, dlq, monkeypatch):
    cloud.give_up(source, "a")

    def hang(self, *_):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(redrive.QueueRun, "_send", hang)
    result = dlq("redrive", name_of(dead), "--yes")

    assert result.exit_code == 130
    assert cloud.bodies(dead) == ["a"]


def test_an_unknown_queue_is_answered_with_the_closest_names(cloud, dlq):
    dead = cloud.queue(unique("orders-dead"))
    cloud.source_of(dead)

    sentence = one_sentence(dlq("show", "orders-dead"))

    assert sentence.startswith("There is no dead-letter queue 'orders-dead' in the local cloud at ")
    assert name_of(dead) in sentence


@pytest.mark.parametrize("command", ["show", "redrive"])
def test_messages_of_a_queue_with_consumers_are_not_touched(cloud, dead, source, dlq, command):
    cloud.sqs.send_message(QueueUrl=source, MessageBody="live")

    sentence = one_sentence(dlq(command, name_of(source)))

    assert sentence.startswith(f"{name_of(source)} is no dead-letter queue: ")
    (message,) = cloud.contents(source)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_queue_is_found_by_its_arn_and_its_url(cloud, dead, source, dlq):
    for name in (dead, cloud.arn(dead)):
        assert dlq("show", name).exit_code == 0


def test_an_arn_of_another_region_does_not_find_its_namesake_here(cloud, dead, source, dlq):
    elsewhere = cloud.arn(dead).replace("us-east-1", "eu-west-1")

    assert "There is no dead-letter queue" in one_sentence(dlq("show", elsewhere))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rate", "0"], "--rate must be more than 0, got 0."),
        (["--rate", "nan"], "--rate must be more than 0, got nan."),
        (["--to", "nowhere"], "There is no queue 'nowhere' in the local cloud at {endpoint}, as --to names."),
        (["--to", "{dead}"], "--to must be another queue than {dead}."),
        (["--to", "{fifo}"], "--to must be a standard queue as {dead} is, got {fifo}."),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(cloud, dead, source, dlq, arguments, sentence):
    names = {"dead": name_of(dead), "fifo": name_of(cloud.queue(fifo=True)), "endpoint": cloud.endpoint}

    result = dlq("redrive", name_of(dead), *(argument.format(**names) for argument in arguments))

    assert one_sentence(result) == sentence.format(**names)


def test_many_messages_are_sent_in_reasonable_time(cloud, dead, source, dlq, record_property):
    count = 300
    for start in range(0, count, 10):
        entries = [{"Id": str(number), "MessageBody": f"m{start + number}"} for number in range(10)]
        cloud.sqs.send_message_batch(QueueUrl=source, Entries=entries)
    for _ in range(count // 10):
        cloud.sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, VisibilityTimeout=0)
    cloud.sqs.receive_message(QueueUrl=source)
    begun = time.monotonic()

    result = dlq("redrive", name_of(dead), "--yes")

    rate = count / (time.monotonic() - begun)
    record_property("messages_per_second", rate)
    assert f"Sent to {name_of(source)}: {count}." in result.stdout
    assert rate > 20
