"""What is no job harms no job: it is tried so many times, and then lies where an operator finds it."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e_jobs.conftest import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("jobs")]

GOOD = 99
DAY = 24 * 60 * 60


@pytest.fixture
def mapping(cloud):
    """What Lambda has been told about the stream of jobs."""
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    (found,) = (each for each in mappings if "JobsTable" in each["EventSourceArn"])
    return found


@pytest.fixture
def poison(cloud, jobs):
    """Put an item into the table that the reader takes for a job and cannot read; it is told by its key."""
    dynamodb = cloud.client("dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "JobsTable" in name)
    keys = []

    def put():
        keys.append({"pk": {"S": f"default#{uuid.uuid4().hex}"}})
        dynamodb.put_item(TableName=table, Item={**keys[-1], "input": {"S": "{}"}})
        return keys[-1]

    yield put
    for key in keys:
        dynamodb.delete_item(TableName=table, Key=key)


def sequence_number(cloud, stream, key):
    """Find the record of an item in a stream."""
    client = cloud.client("dynamodbstreams")
    for shard in client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = client.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                if record["dynamodb"]["Keys"] == key:
                    return record["dynamodb"]["SequenceNumber"]
            iterator = page.get("NextShardIterator") if page["Records"] else None
    raise AssertionError(f"{key} is not in the stream")


class DeadLetters:
    """What a mapping has given up."""

    def __init__(self, cloud, mapping):
        self._sqs = cloud.client("sqs")
        name = mapping["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
        self._url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        self._seen = []

    def about(self, number):
        """Tell of the batches that a record was given up with."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=600)
        for message in answer.get("Messages", []):
            self._seen.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [letter for letter in self._seen if _holds(letter.get("DDBStreamBatchInfo"), number)]


def _holds(batch, number):
    return batch and int(batch["startSequenceNumber"]) <= int(number) <= int(batch["endSequenceNumber"])


def tries_of(cloud, mapping, number):
    """How often the reader has told that it cannot read a record."""
    function = mapping["FunctionArn"].rpartition(":")[2]
    settings = cloud.client("lambda").get_function_configuration(FunctionName=function)
    group = settings["LoggingConfig"]["LogGroup"]
    pages = cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    lines = [event["message"] for page in pages for event in page["events"]]
    return sum("A record that is no job." in line and str(number) in line for line in lines)


def test_one_poison_record_goes_to_the_failure_path_and_99_good_ones_are_done_once(cloud, jobs, mapping, poison):
    run = uuid.uuid4().hex
    letters = DeadLetters(cloud, mapping)
    keys = [f"{run}-{n}" for n in range(GOOD)]

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda key: jobs.submit("quick", key), keys[: GOOD // 2]))
        bad = poison()
        list(callers.map(lambda key: jobs.submit("quick", key), keys[GOOD // 2 :]))
    done = [jobs.becomes(key, "Succeeded", "Failed", seconds=120) for key in keys]

    assert {(job["status"], job["attempt"], job["version"]) for job in done} == {("Succeeded", 1, 3)}
    wait_for(lambda: jobs.executions(run), {f"{key}-1": "SUCCEEDED" for key in keys}.__eq__)
    number = sequence_number(cloud, mapping["EventSourceArn"], bad)
    (letter,) = wait_for(lambda: letters.about(number), bool, seconds=120)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    tries = mapping["MaximumRetryAttempts"] + 1
    assert letter["requestContext"]["approximateInvokeCount"] == tries
    assert tries_of(cloud, mapping, number) == tries


def test_the_deployed_mapping_neither_retries_nor_waits_for_ever(mapping):
    assert 0 <= mapping["MaximumRetryAttempts"] <= 100
    assert 0 < mapping["MaximumRecordAgeInSeconds"] <= DAY  # -1 is for ever
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert ":sqs:" in mapping["DestinationConfig"]["OnFailure"]["Destination"]
