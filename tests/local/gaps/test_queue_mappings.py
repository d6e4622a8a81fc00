import json
import time

import pytest

from tests.local.sides import eventually, unique

# Notes the bodies in each batch, and when it began. Messages whose body says so fail: named in the answer, or by
# exception; "once" fails the first time.
READER = """
import json, os, pathlib, time

def handler(event, context):
    if not event["Records"]:
        return {}
    calls = pathlib.Path(os.environ["CALLS"])
    bodies = [record["body"] for record in event["Records"]]
    seen = calls.read_text().split()
    with calls.open("a") as lines:
        lines.write(" ".join(bodies) + "\\n")
    with pathlib.Path(os.environ["CALLS"] + "-records").open("a") as lines:
        lines.writelines(json.dumps(record) + "\\n" for record in event["Records"])
    if any(body.startswith("raise") for body in bodies):
        raise ValueError("poison")
    while any(body.startswith("slow") for body in bodies) and not pathlib.Path(os.environ["CALLS"] + "-go").exists():
        time.sleep(0.05)
    if "odd" in bodies and "odd" not in seen:
        return {"batchItemFailures": [{"itemIdentifier": "nobody"}]}
    return {"batchItemFailures": [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if record["body"].startswith("fail") or record["body"].startswith("once") and record["body"] not in seen
    ]}
"""


class Queue:
    """A queue, its dead-letter queue, and a disabled mapping that reads it."""

    def __init__(self, side, calls, *, fifo=False, receives=3, visibility=3, **settings):
        self.side = side
        self.calls = calls
        self.fifo = fifo
        self.dead, dead_arn = self.create(VisibilityTimeout="0")
        redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": receives}
        self.url, self.arn = self.create(VisibilityTimeout=str(visibility), RedrivePolicy=json.dumps(redrive))
        self.function = side.function(READER, Environment={"Variables": {"CALLS": str(calls)}})
        # A cold start would outlast the visibility time-out.
        side.lambda_.invoke(FunctionName=self.function, Payload=b'{"Records": []}')
        self.mapping = self.map(self.arn, **settings)

    def create(self, **attributes):
        kind = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if self.fifo else {}
        name = unique("queue") + (".fifo" if self.fifo else "")
        url = self.side.sqs.create_queue(QueueName=name, Attributes={**attributes, **kind})["QueueUrl"]
        attributes = self.side.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return url, attributes["QueueArn"]

    def map(self, arn, *, enabled=False, **settings):
        return self.side.lambda_.create_event_source_mapping(
            FunctionName=self.function,
            EventSourceArn=arn,
            Enabled=enabled,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **settings,
        )["UUID"]

    def send(self, *bodies, group="g"):
        for body in bodies:
            self.side.sqs.send_message(
                QueueUrl=self.url, MessageBody=body, **({"MessageGroupId": group} if self.fifo else {})
            )

    def enable(self):
        self.side.lambda_.update_event_source_mapping(UUID=self.mapping, Enabled=True)

    def batches(self):
        return self.calls.read_text().splitlines()

    def dead_letters(self):
        messages = self.side.sqs.receive_message(
            QueueUrl=self.dead, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        return {message["Body"]: message["Attributes"] for message in messages}

    def left(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.side.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


def test_the_bare_emulator_loses_a_batch_to_an_odd_answer(bare, calls):
    queue = Queue(bare, calls)
    queue.send("odd")

    queue.enable()

    eventually(lambda: queue.left() == 0)
    assert queue.batches() == ["odd"]


def test_the_bare_emulator_does_not_wait_for_a_batching_window(bare, calls):
    queue = Queue(bare, calls, MaximumBatchingWindowInSeconds=300)
    queue.send("a")

    queue.enable()

    eventually(queue.batches)


def test_the_bare_emulator_holds_up_one_group_for_another(bare, calls):
    queue = Queue(bare, calls, fifo=True, visibility=30)
    queue.send("slow", group="a")
    queue.enable()
    eventually(queue.batches)
    queue.send("b", group="b")

    bare.execution({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}})

    assert queue.batches() == ["slow"]
    calls.with_name("calls-go").touch()
    eventually(lambda: queue.batches() == ["slow", "b"])


def test_the_bare_emulator_does_not_say_where_a_dead_letter_came_from(bare, calls):
    assert "DeadLetterQueueSourceArn" not in read_dead_letter(bare, calls)["attributes"]


def read_dead_letter(side, calls):
    """Let a message die, and a function read it from the dead-letter queue."""
    queue = Queue(side, calls, receives=1, visibility=0)
    queue.send("lost")
    side.sqs.receive_message(QueueUrl=queue.url)
    side.sqs.receive_message(QueueUrl=queue.url)
    dead = side.sqs.get_queue_attributes(QueueUrl=queue.dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    queue.map(dead, enabled=True)

    eventually(queue.batches)
    (record,) = calls.with_name("calls-records").read_text().splitlines()
    return {**json.loads(record), "source": queue.arn}


def test_a_function_that_reads_dead_letters_is_told_where_they_came_from(closed, calls):
    record = read_dead_letter(closed, calls)

    assert record["attributes"]["DeadLetterQueueSourceArn"] == record["source"]


def test_only_the_messages_that_a_reader_names_come_back(closed, calls):
    queue = Queue(closed, calls)
    queue.send("a", "once", "b")

    queue.enable()

    eventually(lambda: queue.left() == 0)
    assert queue.batches() == ["a once b", "once"]


def test_an_answer_that_names_no_message_of_the_batch_returns_all_of_it(closed, calls):
    queue = Queue(closed, calls)
    queue.send("a", "odd")

    queue.enable()

    eventually(lambda: queue.left() == 0)
    assert queue.batches() == ["a odd", "a odd"]


def test_a_raised_error_returns_all_messages_until_they_are_dead_letters(closed, calls):
    queue = Queue(closed, calls, receives=2)
    queue.send("raise", "b")

    queue.enable()

    dead = eventually(lambda: len(letters := queue.dead_letters()) == 2 and letters)
    assert queue.batches() == ["raise b", "raise b"]
    assert dead["b"]["DeadLetterQueueSourceArn"] == queue.arn


def test_a_message_that_keeps_failing_ends_in_the_dead_letter_queue(closed, calls):
    queue = Queue(closed, calls, receives=2)
    queue.send("a", "fail")

    queue.enable()

    eventually(lambda: list(queue.dead_letters()) == ["fail"])
    assert queue.batches() == ["a fail", "fail"]


def test_a_message_that_fails_comes_back_when_its_visibility_time_out_is_over(closed, calls):
    queue = Queue(closed, calls)
    queue.send("once")
    queue.enable()
    eventually(queue.batches)
    failed = time.monotonic()

    eventually(lambda: queue.batches() == ["once", "once"])

    assert time.monotonic() - failed > 2


def test_a_failed_message_holds_its_group_back(closed, calls):
    queue = Queue(closed, calls, fifo=True, BatchSize=1)
    queue.send("once", "after-it")
    queue.send("other", group="h")

    queue.enable()

    eventually(lambda: queue.left() == 0)
    batches = queue.batches()
    assert [body for body in batches if body != "other"] == ["once", "once", "after-it"]
    assert batches.index("other") < batches.index("after-it")


def test_a_group_goes_on_once_its_poison_is_a_dead_letter(closed, calls):
    queue = Queue(closed, calls, fifo=True, receives=2, BatchSize=1)
    queue.send("fail", "after-it")

    queue.enable()

    eventually(lambda: queue.batches() == ["fail", "fail", "after-it"])
    assert queue.dead_letters()["fail"]["MessageGroupId"] == "g"


def test_a_slow_group_does_not_hold_up_another_one_and_stays_in_order(closed, calls):
    queue = Queue(closed, calls, fifo=True, visibility=30)
    queue.send("slow")
    queue.enable()
    eventually(queue.batches)

    queue.send("after-it")
    queue.send("other", group="h")

    eventually(lambda: "other" in queue.batches())
    assert queue.batches() == ["slow", "other"]
    calls.with_name("calls-go").touch()
    eventually(lambda: queue.batches() == ["slow", "other", "after-it"])


def test_no_more_batches_run_at_once_than_the_mapping_allows(closed, calls):
    queue = Queue(closed, calls, visibility=30, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    queue.send("slow-1", "slow-2", "c", "d")
    queue.enable()
    eventually(lambda: len(queue.batches()) == 2)

    closed.execution({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}})

    assert sorted(queue.batches()) == ["slow-1", "slow-2"]
    calls.with_name("calls-go").touch()
    eventually(lambda: sorted(queue.batches()) == ["c", "d", "slow-1", "slow-2"])


def test_a_batch_waits_for_its_window_to_pass(closed, calls):
    queue = Queue(closed, calls, MaximumBatchingWindowInSeconds=2)
    queue.enable()
    queue.send("a")

    queue.send("b")

    eventually(lambda: queue.batches() == ["a b"])


def test_a_batch_with_a_window_may_be_large_and_does_not_wait_when_it_is_full(closed, calls):
    queue = Queue(closed, calls, visibility=30, BatchSize=12, MaximumBatchingWindowInSeconds=300)
    queue.send(*"abcdefghijklm")

    queue.enable()

    eventually(lambda: queue.batches() == ["a b c d e f g h i j k l"])
