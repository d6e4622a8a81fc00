import pytest

from tests.local.gaps.wire import call, refusal
from tests.local.sides import unique

MARKER = "request-refused-422"
PREFIX = "1 validation error detected: Value"
CONSTRAINT = "failed to satisfy constraint: Member must"
REFUSED = {
    "hash key": (
        {"ExplicitHashKey": MARKER},
        (
            f"{PREFIX} '{MARKER}' at 'explicitHashKey' {CONSTRAINT} satisfy regular expression pattern: "
            r"0|([1-9]\d{0,38})"
        ),
    ),
    "leading zero": ({"ExplicitHashKey": "01"}, f"{PREFIX} '01' at 'explicitHashKey' {CONSTRAINT} satisfy regular "),
    "empty": (
        {"PartitionKey": ""},
        f"{PREFIX} '' at 'partitionKey' {CONSTRAINT} have length greater than or equal to 1",
    ),
    "long": (
        {"PartitionKey": "k" * 257},
        f"{PREFIX} '{'k' * 257}' at 'partitionKey' {CONSTRAINT} have length less than or equal to 256",
    ),
    "no key": ({"PartitionKey": None}, f"{PREFIX} null at 'partitionKey' {CONSTRAINT} not be null"),
    "no data": ({"Data": None}, f"{PREFIX} null at 'data' {CONSTRAINT} not be null"),
}


def put(side, action="PutRecord", **changes):
    """Put a record with changes, and tell what was stored."""
    name = unique("stream")
    side.kinesis.create_stream(StreamName=name, ShardCount=2)
    record = {"Data": "YQ==", "PartitionKey": "k", **changes}
    record = {key: value for key, value in record.items() if value is not None}
    body = record if action == "PutRecord" else {"Records": [{"Data": "YQ==", "PartitionKey": "k"}, record]}
    answer = call(side, "kinesis", action, {"StreamName": name, **body})
    return answer, [stored for shard in shards(side, name) for stored in shard]


def shards(side, name):
    for shard in side.kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = side.kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        yield side.kinesis.get_records(ShardIterator=iterator)["Records"]


def test_the_bare_emulator_fails_on_a_hash_key_that_is_no_number(bare):
    answer, _ = put(bare, ExplicitHashKey=MARKER)

    assert answer.status_code == 500


@pytest.mark.parametrize("changes", [{"PartitionKey": ""}, {"PartitionKey": "k" * 257}], ids=["empty", "long"])
def test_the_bare_emulator_does_not_name_the_key_that_it_refuses(bare, changes):
    answer, _ = put(bare, **changes)

    assert "Value '" not in refusal(answer)[1]


@pytest.mark.parametrize(
    "changes",
    [{"ExplicitHashKey": "01"}, {"ExplicitHashKey": str(2**128)}, {"Data": None}],
    ids=["01", "large", "data"],
)
def test_the_bare_emulator_stores_it(bare, changes):
    answer, stored = put(bare, **changes)

    assert (answer.status_code, len(stored)) == (200, 1)


@pytest.mark.parametrize(("changes", "says"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_by_name_and_not_stored(closed, changes, says):
    answer, stored = put(closed, **changes)

    code, message = refusal(answer)
    assert code == "ValidationException"
    assert message.startswith(says)
    assert not stored


def test_a_hash_key_beyond_the_last_shard_is_refused(closed):
    answer, stored = put(closed, ExplicitHashKey=str(2**128))

    assert refusal(answer)[0] == "InvalidArgumentException"
    assert not stored


def test_one_bad_record_refuses_the_whole_request(closed):
    answer, stored = put(closed, action="PutRecords", ExplicitHashKey=MARKER)

    assert f"Value '{MARKER}' at 'records.2.member.explicitHashKey'" in refusal(answer)[1]
    assert not stored


@pytest.mark.parametrize("changes", [{"ExplicitHashKey": "0"}, {"ExplicitHashKey": str(2**128 - 1)}, {"Data": ""}])
def test_what_the_rules_allow_is_stored(closed, changes):
    answer, stored = put(closed, **changes)

    assert (answer.status_code, len(stored)) == (200, 1)
