import json

import pytest

from tests.local.sides import eventually, unique

# Notes the keys of each batch. Records whose key says so fail: by name in the answer, by exception, or the first time.
READER = """
import json, os, pathlib

def handler(event, context):
    calls = pathlib.Path(os.environ["CALLS"])
    keys = [record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]]
    seen = calls.read_text().split()
    with calls.open("a") as lines:
        lines.write(" ".join(keys) + "\\n")
    if "kill" in keys and "kill" not in seen:
        os.kill(os.getpid(), 9)
    if any(key.startswith("raise") for key in keys):
        raise ValueError("poison")
    failed = [
        {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
        for record, key in zip(event["Records"], keys)
        if key.startswith("fail") or key.startswith("once") and key not in seen
    ]
    return {"batchItemFailures": failed}
"""


class Stream:
    def __init__(self, side, calls, **settings):
        self.side = side
        self.calls = calls
        self.table = side.table()
        self.failures = side.sqs.create_queue(QueueName=unique("failures"))["QueueUrl"]
        attributes = side.sqs.get_queue_attributes(QueueUrl=self.failures, AttributeNames=["QueueArn"])["Attributes"]
        mapping = side.lambda_.create_event_source_mapping(
            FunctionName=side.function(READER, Environment={"Variables": {"CALLS": str(calls)}}),
            EventSourceArn=side.stream_of(self.table),
            StartingPosition="TRIM_HORIZON",
            Enabled=False,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": attributes["QueueArn"]}},
            **{"BatchSize": 10, **settings},
        )
        self.mapping = mapping["UUID"]

    def write(self, *keys):
        for key in keys:
            self.side.dynamodb.put_item(TableName=self.table, Item={"pk": {"S": key}})

    def enable(self, *, enabled=True):
        self.side.lambda_.update_event_source_mapping(UUID=self.mapping, Enabled=enabled)

    def batches(self):
        return self.calls.read_text().splitlines()

    def given_up(self):
        messages = self.side.sqs.receive_message(QueueUrl=self.failures).get("Messages", [])
        return [json.loads(message["Body"])["requestContext"]["condition"] for message in messages]


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


def test_the_bare_emulator_loses_records_that_a_reader_reports_as_failed(bare, calls):
    stream = Stream(bare, calls)
    stream.write("a", "once", "b")
    stream.enable()
    eventually(stream.batches)

    stream.write("c")

    eventually(lambda: stream.batches()[-1].endswith("c"))
    assert stream.batches() == ["a once b", "c"]


def test_the_bare_emulator_never_gives_a_poison_batch_up(bare, calls):
    stream = Stream(bare, calls, MaximumRetryAttempts=0)
    stream.write("raise")
    stream.enable()

    eventually(lambda: len(stream.batches()) > 1)

    stream.enable(enabled=False)


def test_the_lowest_failed_record_is_where_reading_goes_on(closed, calls):
    stream = Stream(closed, calls)
    stream.write("a", "once", "b")

    stream.enable()

    eventually(lambda: stream.batches() == ["a once b", "once b"])


def test_records_whose_worker_is_killed_are_delivered_again(closed, calls):
    stream = Stream(closed, calls)
    stream.write("a", "kill")

    stream.enable()

    eventually(lambda: stream.batches() == ["a kill", "a kill"])


def test_a_record_that_keeps_failing_is_given_up_after_its_retries(closed, calls):
    stream = Stream(closed, calls, MaximumRetryAttempts=1)
    stream.write("a", "fail")
    stream.enable()
    eventually(lambda: stream.given_up() == ["RetryAttemptsExhausted"])

    stream.write("b")

    eventually(lambda: stream.batches()[-1] == "b")
    assert stream.batches() == ["a fail", "fail", "b"]


def test_a_raised_error_is_narrowed_down_to_the_record_that_causes_it(closed, calls):
    stream = Stream(closed, calls, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    stream.write("a", "b", "raise", "c")

    stream.enable()

    eventually(lambda: stream.given_up() == ["RetryAttemptsExhausted"])
    eventually(lambda: stream.batches()[-1] == "c")
    assert stream.batches() == ["a b raise c", "a b", "raise c", "raise", "raise", "c"]


def test_a_record_is_not_retried_beyond_its_age(closed, calls):
    stream = Stream(closed, calls, MaximumRecordAgeInSeconds=60)
    stream.write("fail")
    stream.enable()

    eventually(lambda: len(stream.batches()) > 2)

    assert stream.given_up() == []
    stream.enable(enabled=False)


def test_what_is_written_while_a_mapping_is_disabled_is_delivered_afterwards(closed, calls):
    stream = Stream(closed, calls)
    stream.enable()
    stream.write("a")
    eventually(lambda: stream.batches() == ["a"])
    stream.enable(enabled=False)
    stream.write("b")

    stream.enable()

    eventually(lambda: stream.batches() == ["a", "b"])


def test_a_slow_function_does_not_hold_up_another_mapping(closed, calls, tmp_path):
    slow = Stream(closed, calls)
    source = "import time\ndef handler(e, c): time.sleep(4)"
    closed.lambda_.update_event_source_mapping(UUID=slow.mapping, FunctionName=closed.function(source))
    slow.write("x")
    slow.enable()
    other_calls = tmp_path / "other"
    other_calls.touch()
    other = Stream(closed, other_calls)
    other.write("a")

    other.enable()

    eventually(other.batches, timeout=3)


def test_a_filter_passes_only_what_it_names(closed, calls):
    pattern = {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "yes"}]}}}}
    stream = Stream(closed, calls, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    stream.write("no", "yes-1", "no", "yes-2")

    stream.enable()

    eventually(lambda: stream.batches() == ["yes-1 yes-2"])
