import json
import re
import time
from urllib.parse import unquote

import pytest

from tests.local.sides import eventually, unique

# Notes the names in each batch. Records whose name says so fail: named in the answer, by exception, or the first time.
READER = """
import base64, json, os, pathlib, time

def name_of(record):
    if "kinesis" in record:
        return base64.b64decode(record["kinesis"]["data"]).decode(), record["kinesis"]["sequenceNumber"]
    return record["dynamodb"]["Keys"]["pk"]["S"], record["dynamodb"]["SequenceNumber"]

def handler(event, context):
    calls = pathlib.Path(os.environ["CALLS"])
    names = dict(map(name_of, event["Records"]))
    seen = calls.read_text().split()
    with calls.open("a") as lines:
        lines.write(" ".join(names) + "\\n")
    if "kill" in names and "kill" not in seen:
        os.kill(os.getpid(), 9)
    if any(name.startswith("raise") for name in names):
        raise ValueError("poison")
    while any(name.startswith("slow") for name in names) and not pathlib.Path(os.environ["CALLS"] + "-go").exists():
        time.sleep(0.05)
    if "odd" in names and "odd" not in seen:
        return {"batchItemFailures": [{"itemIdentifier": "nobody"}]}
    failed = [
        {"itemIdentifier": number}
        for name, number in names.items()
        if name.startswith("fail") or name.startswith("once") and name not in seen
    ]
    return {"batchItemFailures": failed}
"""
DAY = 86_400


class Stream:
    """A stream, and a disabled mapping that reads it from its beginning."""

    def __init__(self, side, calls, *, enabled=False, **settings):
        self.side = side
        self.calls = calls
        self.source = self.create()
        self.failures = side.sqs.create_queue(QueueName=unique("failures"))["QueueUrl"]
        attributes = side.sqs.get_queue_attributes(QueueUrl=self.failures, AttributeNames=["QueueArn"])["Attributes"]
        mapping = side.lambda_.create_event_source_mapping(
            FunctionName=side.function(READER, Environment={"Variables": {"CALLS": str(calls)}}),
            EventSourceArn=self.source,
            Enabled=enabled,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **{
                "BatchSize": 10,
                "StartingPosition": "TRIM_HORIZON",
                "DestinationConfig": {"OnFailure": {"Destination": attributes["QueueArn"]}},
                **settings,
            },
        )
        self.mapping = mapping["UUID"]

    def enable(self, *, enabled=True):
        self.side.lambda_.update_event_source_mapping(UUID=self.mapping, Enabled=enabled)

    def batches(self):
        return self.calls.read_text().splitlines()

    def given_up(self):
        messages = self.side.sqs.receive_message(QueueUrl=self.failures).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    def conditions(self):
        return [record["requestContext"]["condition"] for record in self.given_up()]


class TableStream(Stream):
    info = "DDBStreamBatchInfo"
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"

    def create(self):
        self.table = self.side.table()
        return self.side.stream_of(self.table)

    def write(self, *names):
        for name in names:
            self.side.dynamodb.put_item(TableName=self.table, Item={"pk": {"S": name}})

    @staticmethod
    def name_of(record):
        return record["dynamodb"]["Keys"]["pk"]["S"]


class KinesisStream(Stream):
    info = "KinesisBatchInfo"
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    shards = 1

    def create(self):
        self.name = unique("stream")
        self.side.kinesis.create_stream(StreamName=self.name, ShardCount=self.shards)
        return self.side.kinesis.describe_stream(StreamName=self.name)["StreamDescription"]["StreamARN"]

    def write(self, *names, key="any", **more):
        for name in names:
            self.side.kinesis.put_record(StreamName=self.name, Data=name.encode(), PartitionKey=key, **more)

    @staticmethod
    def name_of(record):
        return record["kinesis"]["data"]


class TwoShards(KinesisStream):
    shards = 2


FIRST_SHARD, SECOND_SHARD = {"ExplicitHashKey": "0"}, {"ExplicitHashKey": str(2**128 - 1)}


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


@pytest.fixture(params=[TableStream, KinesisStream], ids=["table", "kinesis"])
def kind(request):
    return request.param


def test_the_bare_emulator_loses_records_that_a_reader_reports_as_failed(bare, calls, kind):
    stream = kind(bare, calls)
    stream.write("a", "once", "b")
    stream.enable()
    eventually(stream.batches)

    stream.write("c")

    eventually(lambda: stream.batches()[-1].endswith("c"))
    assert stream.batches() == ["a once b", "c"]


def test_the_bare_emulator_never_gives_a_poison_batch_up(bare, calls, kind):
    stream = kind(bare, calls, MaximumRetryAttempts=0)
    stream.write("raise")
    stream.enable()

    eventually(lambda: len(stream.batches()) > 1)

    stream.enable(enabled=False)


def test_the_bare_emulator_does_not_wait_for_a_batching_window(bare, calls, kind):
    stream = kind(bare, calls, MaximumBatchingWindowInSeconds=300)
    stream.write("a")

    stream.enable()

    eventually(stream.batches)


def test_the_bare_emulator_holds_up_one_shard_for_another(bare, calls):
    stream = TwoShards(bare, calls, BatchSize=1)
    stream.write("slow", **FIRST_SHARD)
    stream.write("b", **SECOND_SHARD)
    stream.enable()
    eventually(lambda: stream.batches() == ["slow"])

    bare.execution({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}})

    assert stream.batches() == ["slow"]
    calls.with_name("calls-go").touch()
    eventually(lambda: stream.batches() == ["slow", "b"])


def test_the_lowest_failed_record_is_where_reading_goes_on(closed, calls, kind):
    stream = kind(closed, calls)
    stream.write("a", "once", "b")

    stream.enable()

    eventually(lambda: stream.batches() == ["a once b", "once b"])


def test_an_answer_that_names_no_record_of_the_batch_fails_all_of_it(closed, calls, kind):
    stream = kind(closed, calls)
    stream.write("a", "odd")

    stream.enable()

    eventually(lambda: stream.batches() == ["a odd", "a odd"])


def test_records_whose_worker_is_killed_are_delivered_again(closed, calls, kind):
    stream = kind(closed, calls)
    stream.write("a", "kill")

    stream.enable()

    eventually(lambda: stream.batches() == ["a kill", "a kill"])


def test_a_record_that_keeps_failing_is_given_up_after_its_retries(closed, calls, kind):
    stream = kind(closed, calls, MaximumRetryAttempts=1)
    stream.write("a", "fail")
    stream.enable()
    eventually(lambda: stream.conditions() == ["RetryAttemptsExhausted"])

    stream.write("b")

    eventually(lambda: stream.batches()[-1] == "b")
    assert stream.batches() == ["a fail", "fail", "b"]


def test_a_raised_error_is_narrowed_down_to_the_record_that_causes_it(closed, calls, kind):
    stream = kind(closed, calls, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    stream.write("a", "b", "raise", "c")

    stream.enable()

    eventually(lambda: stream.conditions() == ["RetryAttemptsExhausted"])
    eventually(lambda: stream.batches()[-1] == "c")
    assert stream.batches() == ["a b raise c", "a b", "raise c", "raise", "raise", "c"]


def test_without_bisecting_a_raised_error_gives_the_whole_batch_up(closed, calls, kind):
    stream = kind(closed, calls, MaximumRetryAttempts=1)
    stream.write("a", "raise", "b")

    stream.enable()

    (record,) = eventually(stream.given_up)
    assert record[kind.info]["batchSize"] == 3
    assert stream.batches() == ["a raise b", "a raise b"]


def test_a_queue_is_told_which_batch_was_given_up_and_why(closed, calls, kind):
    stream = kind(closed, calls, MaximumRetryAttempts=0)
    stream.write("raise")
    stream.enable()

    (record,) = eventually(stream.given_up)

    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["version"] == "1.0"
    info = record[kind.info]
    assert info["streamArn"] == stream.source
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
    assert re.fullmatch(kind.moment, info["approximateArrivalOfFirstRecord"])
    assert "payload" not in record


def test_a_topic_is_told_too(closed, calls, kind):
    topic = closed.sns.create_topic(Name=unique("topic"))["TopicArn"]
    queue = closed.sqs.create_queue(QueueName=unique("subscribed"))["QueueUrl"]
    arn = closed.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    closed.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    stream = kind(closed, calls, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": topic}})
    stream.write("fail")

    stream.enable()

    (message,) = eventually(lambda: closed.sqs.receive_message(QueueUrl=queue).get("Messages"))
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["responseContext"]["functionError"] is None


def test_a_bucket_gets_the_records_too(closed, calls, kind):
    bucket = unique("given-up")
    closed.s3.create_bucket(Bucket=bucket)
    destination = {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}
    stream = kind(closed, calls, MaximumRetryAttempts=0, DestinationConfig=destination)
    stream.write("fail")

    stream.enable()

    (entry,) = eventually(lambda: closed.s3.list_objects_v2(Bucket=bucket).get("Contents"))
    record = json.loads(closed.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    assert [kind.name_of(record) for record in json.loads(record["payload"])["Records"]] in (["fail"], ["ZmFpbA=="])
    shard = record[kind.info]["shardId"]
    day, moment = r"\d{4}/\d\d/\d\d", r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    pattern = rf"aws/lambda/{stream.mapping}/{shard}/{day}/{moment}-[0-9a-f-]{{36}}"
    assert re.fullmatch(pattern, unquote(entry["Key"]))


def test_a_record_is_not_retried_beyond_its_age(closed, calls, kind):
    stream = kind(closed, calls, MaximumRecordAgeInSeconds=60)
    stream.write("fail")
    stream.enable()

    eventually(lambda: len(stream.batches()) > 2)

    assert stream.given_up() == []
    stream.enable(enabled=False)


def test_a_record_that_is_too_old_is_given_up_and_younger_ones_are_delivered(closed, calls):
    # AWS takes 60 s and more; the emulator any age.
    stream = KinesisStream(closed, calls, MaximumRecordAgeInSeconds=2)
    stream.write("old")
    written = time.time()
    eventually(lambda: time.time() > written + 2)
    stream.write("young")

    stream.enable()

    (record,) = eventually(stream.given_up)
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    assert "responseContext" not in record
    eventually(lambda: stream.batches() == ["young"])


def test_what_is_written_while_a_mapping_is_disabled_is_delivered_afterwards(closed, calls, kind):
    stream = kind(closed, calls)
    stream.enable()
    stream.write("a")
    eventually(lambda: stream.batches() == ["a"])
    stream.enable(enabled=False)
    stream.write("b")

    stream.enable()

    eventually(lambda: stream.batches() == ["a", "b"])


def test_a_slow_function_does_not_hold_up_another_mapping(closed, calls, tmp_path, kind):
    slow = kind(closed, calls)
    slow.write("slow")
    slow.enable()
    eventually(slow.batches)
    other_calls = tmp_path / "other"
    other_calls.touch()
    other = kind(closed, other_calls)
    other.write("a")

    other.enable()

    eventually(other.batches)
    calls.with_name("calls-go").touch()


def test_a_poison_record_does_not_hold_up_another_shard(closed, calls):
    stream = TwoShards(closed, calls)
    stream.write("raise", **FIRST_SHARD)
    stream.enable()
    eventually(stream.batches)

    stream.write("b", **SECOND_SHARD)

    eventually(lambda: "b" in stream.batches())
    stream.enable(enabled=False)


def test_parallel_readers_of_a_shard_keep_the_order_of_each_key(closed, calls):
    stream = KinesisStream(closed, calls, ParallelizationFactor=2, BatchSize=1)
    # The two keys belong to different readers.
    stream.write("slow-1", "one-2", key="one")
    stream.write("two-1", "two-2", key="two")

    stream.enable()

    eventually(lambda: {"slow-1", "two-1", "two-2"} <= set(stream.batches()))
    assert "one-2" not in stream.batches()
    calls.with_name("calls-go").touch()
    eventually(lambda: "one-2" in stream.batches())
    assert sorted(stream.batches()) == ["one-2", "slow-1", "two-1", "two-2"]


def test_fewer_readers_of_a_shard_go_on_where_the_slowest_was(closed, calls):
    stream = KinesisStream(closed, calls, ParallelizationFactor=2)
    stream.write("fail", key="one")
    stream.write("b", key="two")
    stream.enable()
    eventually(lambda: {"fail", "b"} <= set(stream.batches()))
    stream.enable(enabled=False)

    closed.lambda_.update_event_source_mapping(UUID=stream.mapping, ParallelizationFactor=1, Enabled=True)

    eventually(lambda: stream.batches()[-1] == "fail b")
    stream.enable(enabled=False)


def test_a_batch_waits_for_its_window_to_pass(closed, calls, kind):
    stream = kind(closed, calls, MaximumBatchingWindowInSeconds=2)
    stream.enable()
    stream.write("a")

    stream.write("b")

    eventually(lambda: stream.batches() == ["a b"])


def test_a_full_batch_does_not_wait(closed, calls, kind):
    stream = kind(closed, calls, MaximumBatchingWindowInSeconds=300, BatchSize=2)
    stream.enable()

    stream.write("a", "b", "c")

    eventually(lambda: stream.batches() == ["a b"])


def test_the_latest_records_are_those_since_the_mapping_was_made(closed, calls):
    class Written(KinesisStream):
        def create(self):
            source = super().create()
            self.write("before")
            return source

    stream = Written(closed, calls, StartingPosition="LATEST")
    stream.write("after")

    stream.enable()

    eventually(lambda: stream.batches() == ["after"])


@pytest.mark.parametrize(("seconds_ago", "batches"), [(0, ["after"]), (DAY, ["before after"])])
def test_a_mapping_starts_at_its_time(closed, calls, seconds_ago, batches):
    class Written(KinesisStream):
        def create(self):
            source = super().create()
            self.write("before")
            return source

    moment = time.time() + 0.5
    stream = Written(
        closed, calls, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment - seconds_ago, enabled=False
    )
    eventually(lambda: time.time() > moment)
    stream.write("after")

    stream.enable()

    eventually(lambda: stream.batches() == batches)


def test_a_mapping_of_a_template_heeds_its_settings(closed, calls):
    stream = KinesisStream(closed, calls)
    stream.write("fail", "raise")
    properties = {
        "EventSourceArn": stream.source,
        "FunctionName": closed.lambda_.get_event_source_mapping(UUID=stream.mapping)["FunctionArn"],
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": time.time() - DAY,
        "MaximumRetryAttempts": 0,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }

    closed.stack({"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}})

    eventually(lambda: stream.batches() == ["fail raise", "fail", "raise"])


def test_a_filter_passes_only_what_it_names(closed, calls):
    pattern = {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "yes"}]}}}}
    stream = TableStream(closed, calls, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    stream.write("no", "yes-1", "no", "yes-2")

    stream.enable()

    eventually(lambda: stream.batches() == ["yes-1 yes-2"])
