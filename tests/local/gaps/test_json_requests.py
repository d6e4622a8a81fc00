import pytest

from tests.local.gaps.wire import call, refusal
from tests.local.sides import unique


def put_item(side, text):
    return call(side, "dynamodb", "PutItem", f'{{"TableName": "{side.table()}", "Item": {{"pk": {{"S": "{text}"}}}}}}')


def put_record(side, text):
    name = unique("stream")
    side.kinesis.create_stream(StreamName=name, ShardCount=1)
    return call(side, "kinesis", "PutRecord", f'{{"StreamName": "{name}", "Data": "", "PartitionKey": "{text}"}}')


put = pytest.mark.parametrize("put", [put_item, put_record])


@put
def test_the_bare_emulator_fails_on_half_a_surrogate_pair(bare, put):
    assert put(bare, r"a\ud800b").status_code == 500


@put
@pytest.mark.parametrize("text", [r"a\ud800b", r"\uDC00", r"\ude00\ud83d"])
def test_half_a_surrogate_pair_is_refused(closed, put, text):
    assert refusal(put(closed, text))[0] == "SerializationException"


@put
def test_a_whole_surrogate_pair_is_stored(closed, put):
    assert put(closed, r"\ud83d\ude00").status_code == 200
