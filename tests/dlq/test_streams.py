import base64
import json
import threading

import pytest

from storage_first.dlq.inventory import find, inventory
from storage_first.dlq.queues import find_queue
from storage_first.dlq.redrive import BucketRun, Pace, QueueRun
from storage_first.dlq.streams import discarded_batch
from tests.local.sides import ROLE, eventually, unique

pytestmark = pytest.mark.xdist_group("dlq")
ECHO = """
import json, os, boto3
sqs = boto3.client("sqs", endpoint_url=os.environ["ENDPOINT"], region_name="us-east-1")
def handler(event, context):
    sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
    if os.environ.get("ANSWER") == "raise":
        raise ValueError("still broken")
    return json.loads(os.environ.get("ANSWER", "null"))
"""


def invocation_record(info, function, payload=None):
    """What Lambda writes to an on-failure destination; only S3 gets the payload."""
    of_kinesis = ":kinesis:" in info["streamArn"]
    return json.dumps(
        {
            "requestContext": {
                "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
                "functionArn": function,
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 1,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-11-14T00:38:06.021Z",
            "KinesisBatchInfo" if of_kinesis else "DDBStreamBatchInfo": info,
            **({"payload": json.dumps(payload)} if payload else {}),
        }
    )


class Stream:
    """A Kinesis stream with one shard."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.name = unique("stream")
        cloud.kinesis.create_stream(StreamName=self.name, ShardCount=1)
        eventually(lambda: self._describe()["StreamStatus"] == "ACTIVE", why="the stream")
        self.arn = self._describe()["StreamARN"]

    def _describe(self):
        return self.cloud.kinesis.describe_stream(StreamName=self.name)["StreamDescription"]

    @property
    def shard(self):
        return self._describe()["Shards"][0]["ShardId"]

    def put(self, *records):
        answers = [self.cloud.kinesis.put_record(StreamARN=self.arn, PartitionKey=k, Data=d) for k, d in records]
        return [answer["SequenceNumber"] for answer in answers]

    def records(self):
        iterator = self.cloud.kinesis.get_shard_iterator(
            StreamARN=self.arn, ShardId=self.shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        read = self.cloud.kinesis.get_records(ShardIterator=iterator)["Records"]
        return [(record["PartitionKey"], record["Data"]) for record in read]

    def info(self, start, end, size):
        return {
            "shardId": self.shard,
            "startSequenceNumber": start,
            "endSequenceNumber": end,
            "approximateArrivalOfFirstRecord": "2026-11-14T00:38:05.021Z",
            "approximateArrivalOfLastRecord": "2026-11-14T00:38:05.021Z",
            "batchSize": size,
            "streamArn": self.arn,
        }


def event_of(records):
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": key,
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
            }
            for number, (key, data) in enumerate(records)
        ]
    }


@pytest.fixture
def stream(cloud):
    return Stream(cloud)


@pytest.fixture
def mapped(cloud):
    """Map a stream to a function, and return the function's ARN; the mapping does not run."""

    def mapped(stream_arn, destination, *, answer=None, **settings):
        seen = cloud.queue()
        environment = {"ENDPOINT": cloud.endpoint, "SEEN": seen} | ({"ANSWER": answer} if answer else {})
        function = cloud.function(ECHO, Environment={"Variables": environment})
        cloud.lambda_.create_event_source_mapping(
            EventSourceArn=stream_arn,
            FunctionName=function,
            StartingPosition="LATEST",
            Enabled=False,
            DestinationConfig={"OnFailure": {"Destination": destination}},
            **settings,
        )
        return function, seen

    return mapped


@pytest.fixture
def bucket(cloud):
    name = unique("bucket")
    cloud.s3.create_bucket(Bucket=name)
    return name


def keep(cloud, bucket, number, record, *, shard="shardId-000000000000"):
    key = f"aws/lambda/11111111-2222-3333-4444-555555555555/{shard}/2026/11/14/2026-11-14T00.38.0{number}-{number}"
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=record.encode())


def keys(cloud, bucket):
    return [each["Key"] for each in cloud.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def run_bucket(here, bucket, **settings):
    arguments = {"most": None, "pace": Pace(None), "stop": threading.Event(), "advance": lambda _: None} | settings
    run = BucketRun(here, find(here, f"s3://{bucket}"), **arguments)
    run.run()
    return run.tally


def run_queue(here, url):
    queue = find_queue(here, url)
    arguments = {"most": None, "pace": Pace(None), "stop": threading.Event(), "advance": lambda _: None}
    run = QueueRun(here, queue, to=None, **arguments)
    run.run()
    return run.tally


def test_records_kept_in_s3_are_back_in_their_stream_under_their_keys_and_in_order(cloud, here, stream, bucket, mapped):
    function, _ = mapped(stream.arn, f"arn:aws:s3:::{bucket}")
    records = [("a", b"1"), ("b", bytes(range(256))), ("a", b"2"), ("a", b"3")]
    keep(cloud, bucket, 1, invocation_record(stream.info("0", "2", 3), function, event_of(records[:3])))
    keep(cloud, bucket, 2, invocation_record(stream.info("3", "3", 1), function, event_of(records[3:])))

    tally = run_bucket(here, bucket)

    back = stream.records()
    assert sorted(back) == sorted(records)
    assert [data for key, data in back if key == "a"] == [b"1", b"2", b"3"]
    assert keys(cloud, bucket) == []
    assert tally.sent == {stream.name: 2}


def test_a_batch_stays_in_s3_until_all_of_its_records_are_confirmed(cloud, here, stream, bucket, mapped, monkeypatch):
    function, _ = mapped(stream.arn, f"arn:aws:s3:::{bucket}")
    keep(cloud, bucket, 1, invocation_record(stream.info("0", "1", 2), function, event_of([("a", b"1"), ("b", b"2")])))
    keep(cloud, bucket, 2, invocation_record(stream.info("2", "2", 1), function, event_of([("a", b"3")])))
    monkeypatch.setattr("storage_first.dlq.batches._FIRST_DELAY", 0)
    kinesis = here.client("kinesis")
    real = kinesis.put_records

    def refuse_b(**given):
        wanted = [each for each in given["Records"] if each["PartitionKey"] != "b"]
        if wanted:
            real(**{**given, "Records": wanted})
        throttled = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "too fast"}
        return {"Records": [{} if each in wanted else throttled for each in given["Records"]]}

    monkeypatch.setattr(kinesis, "put_records", refuse_b)
    tally = run_bucket(here, bucket)

    assert len(keys(cloud, bucket)) == 2
    assert tally.sent.total() == 0
    assert sorted(tally.stayed) == [
        "a batch before it in its shard stayed",
        f"stream/{stream.name} refuses a record: ProvisionedThroughputExceededException: too fast",
    ]


def test_what_is_no_record_of_a_discarded_batch_is_left_alone(cloud, here, stream, bucket, mapped):
    mapped(stream.arn, f"arn:aws:s3:::{bucket}")
    keep(cloud, bucket, 1, "[1, 2]")
    cloud.s3.put_object(Bucket=bucket, Key="holiday.jpg", Body=b"\xff")

    tally = run_bucket(here, bucket)

    assert len(keys(cloud, bucket)) == 2
    assert list(tally.stayed) == ["it is no record of a discarded batch"]


def test_no_more_batches_than_wanted_are_sent(cloud, here, stream, bucket, mapped):
    function, _ = mapped(stream.arn, f"arn:aws:s3:::{bucket}")
    for number in range(3):
        keep(cloud, bucket, number, invocation_record(stream.info("0", "0", 1), function, event_of([("a", b"1")])))

    run_bucket(here, bucket, most=2)

    assert len(keys(cloud, bucket)) == 1
    assert len(stream.records()) == 2


def test_records_that_a_queue_only_points_to_are_read_again_from_the_stream(cloud, here, stream, dead, mapped):
    function, _ = mapped(stream.arn, cloud.arn(dead))
    records = [("a", b"0"), ("a", b"1"), ("b", b"\xff"), ("a", b"3")]
    numbers = stream.put(*records)
    record = invocation_record(stream.info(numbers[1], numbers[2], 2), function)
    cloud.sqs.send_message(QueueUrl=dead, MessageBody=record)

    tally = run_queue(here, dead)

    assert stream.records() == [*records, *records[1:3]]
    assert cloud.contents(dead) == []
    assert tally.sent == {stream.name: 1}


def test_records_that_the_stream_no_longer_has_are_said_to_be_gone(cloud, here, stream, dead, mapped, monkeypatch):
    function, _ = mapped(stream.arn, cloud.arn(dead))
    (number,) = stream.put(("a", b"0"))
    trimmed = str(int(number) - 5)
    cloud.sqs.send_message(QueueUrl=dead, MessageBody=invocation_record(stream.info(trimmed, number, 6), function))
    kinesis = here.client("kinesis")
    iterate = kinesis.get_shard_iterator

    def from_the_oldest_left(**given):
        return iterate(StreamARN=given["StreamARN"], ShardId=given["ShardId"], ShardIteratorType="TRIM_HORIZON")

    monkeypatch.setattr(kinesis, "get_shard_iterator", from_the_oldest_left)  # as AWS does
    tally = run_queue(here, dead)

    (why,) = tally.stayed
    assert f"stream/{stream.name} no longer has records {trimmed} to {number}" in why
    assert len(cloud.contents(dead)) == 1
    assert stream.records() == [("a", b"0")]


def test_records_of_a_shard_that_is_gone_are_said_to_be_gone(cloud, here, stream, dead, mapped):
    function, _ = mapped(stream.arn, cloud.arn(dead))
    info = {**stream.info("1", "2", 2), "shardId": "shardId-000000000099"}
    cloud.sqs.send_message(QueueUrl=dead, MessageBody=invocation_record(info, function))

    tally = run_queue(here, dead)

    assert "no longer has records 1 to 2 of shardId-000000000099" in next(iter(tally.stayed))
    assert len(cloud.contents(dead)) == 1


def ddb_info(cloud, table, records):
    shard = cloud.dynamodbstreams.describe_stream(StreamArn=cloud.stream_of(table))["StreamDescription"]["Shards"][0]
    return {
        "shardId": shard["ShardId"],
        "startSequenceNumber": records[0]["dynamodb"]["SequenceNumber"],
        "endSequenceNumber": records[-1]["dynamodb"]["SequenceNumber"],
        "batchSize": len(records),
        "streamArn": cloud.stream_of(table),
    }


@pytest.fixture
def table(cloud):
    """A table with a stream of three records; the second is a deletion."""
    name = cloud.table()
    cloud.dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "raw": {"B": b"\xff"}})
    cloud.dynamodb.delete_item(TableName=name, Key={"pk": {"S": "a"}})
    cloud.dynamodb.put_item(TableName=name, Item={"pk": {"S": "b"}, "n": {"N": "1"}})
    return name


NO_DELETIONS = {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT", "MODIFY"]})}]}


def test_the_function_gets_records_of_a_dynamodb_stream_again_as_its_mapping_gives_them(
    cloud, here, table, dead, mapped
):
    records = cloud.stream_records(table)
    function, seen = mapped(cloud.stream_of(table), cloud.arn(dead), FilterCriteria=NO_DELETIONS)
    cloud.sqs.send_message(QueueUrl=dead, MessageBody=invocation_record(ddb_info(cloud, table, records), function))

    tally = run_queue(here, dead)

    (event,) = map(json.loads, cloud.bodies(seen))
    assert [record["eventName"] for record in event["Records"]] == ["INSERT", "INSERT"]
    assert event["Records"][0]["dynamodb"]["NewImage"] == {"pk": {"S": "a"}, "raw": {"B": "/w=="}}
    assert event["Records"][0]["eventSourceARN"] == cloud.stream_of(table)
    assert cloud.contents(dead) == []
    assert tally.sent == {function.split(":")[6]: 1}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("raise", "failed again: still broken"),
        ('{"batchItemFailures": [{"itemIdentifier": "1"}]}', "still reports failed records"),
    ],
)
def test_records_that_the_function_fails_on_again_stay(cloud, here, table, dead, mapped, answer, why):
    records = cloud.stream_records(table)
    function, _ = mapped(cloud.stream_of(table), cloud.arn(dead), answer=answer)
    cloud.sqs.send_message(QueueUrl=dead, MessageBody=invocation_record(ddb_info(cloud, table, records), function))

    tally = run_queue(here, dead)

    assert why in next(iter(tally.stayed))
    assert len(cloud.contents(dead)) == 1


def test_records_whose_filter_is_not_understood_stay(cloud, here, table, dead, mapped):
    pattern = json.dumps({"dynamodb": {"Keys": {"pk": {"S": [{"wildcard": "a*"}]}}}})
    function, seen = mapped(cloud.stream_of(table), cloud.arn(dead), FilterCriteria={"Filters": [{"Pattern": pattern}]})
    info = ddb_info(cloud, table, cloud.stream_records(table))
    cloud.sqs.send_message(QueueUrl=dead, MessageBody=invocation_record(info, function))

    tally = run_queue(here, dead)

    assert list(tally.stayed) == ["the mapping's filter has a rule that is not understood here: {'wildcard': 'a*'}"]
    assert cloud.bodies(seen) == []


def test_records_of_a_dynamodb_stream_kept_in_s3_go_to_the_function_unfiltered(cloud, here, table, bucket, mapped):
    function, seen = mapped(cloud.stream_of(table), f"arn:aws:s3:::{bucket}", FilterCriteria=NO_DELETIONS)
    payload = {"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": {"pk": {"S": "z"}}}}]}
    info = ddb_info(cloud, table, cloud.stream_records(table))
    keep(cloud, bucket, 1, invocation_record(info, function, payload))

    run_bucket(here, bucket)

    assert [json.loads(body) for body in cloud.bodies(seen)] == [payload]
    assert keys(cloud, bucket) == []


def test_buckets_and_queues_of_mappings_are_listed_with_their_streams(cloud, here, stream, table, bucket, dead, mapped):
    function, _ = mapped(stream.arn, f"arn:aws:s3:::{bucket}")
    mapped(cloud.stream_of(table), cloud.arn(dead))
    keep(cloud, bucket, 1, invocation_record(stream.info("0", "0", 1), function, event_of([("a", b"1")])))

    listed = {holder.name: holder for holder in inventory(here)}

    assert listed[f"s3://{bucket}"].sources == (stream.arn,)
    assert listed[f"s3://{bucket}"].count == 1
    assert listed[f"s3://{bucket}"].oldest < 60
    assert listed[dead.rpartition("/")[2]].sources == (cloud.stream_of(table),)


def test_a_consumer_with_enhanced_fan_out_sends_back_to_the_stream_itself():
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"
    info = {"shardId": "s", "startSequenceNumber": "1", "endSequenceNumber": "1", "batchSize": 1}

    batch = discarded_batch(invocation_record({**info, "streamArn": f"{stream}/consumer/c:1"}, ROLE))

    assert batch.stream == stream
