import threading
import time

import pytest
from botocore.exceptions import ClientError

from storage_first.dlq import hand
from storage_first.dlq import redrive as module
from storage_first.dlq.queues import find_queue, read_queue
from storage_first.dlq.redrive import Pace, QueueRun

pytestmark = pytest.mark.xdist_group("dlq")


def name_of(url):
    return url.rpartition("/")[2]


@pytest.fixture
def redrive(here):
    def redrive(url, *, to=None, most=None, rate=None, stop=None, advance=lambda _: None):
        run = QueueRun(
            here,
            find_queue(here, name_of(url)),
            to=find_queue(here, name_of(to)) if to else None,
            most=most,
            pace=Pace(rate),
            stop=stop or threading.Event(),
            advance=advance,
        )
        run.run()
        return run.tally

    return redrive


@pytest.fixture
def faults(here, monkeypatch):
    """Put a fault before a batch operation of SQS; it gets the entries, and what really does the operation on some."""
    sqs = here.client("sqs")

    def faults(operation, fault):
        real = getattr(sqs, operation)

        def faulty(**given):
            return fault(given["Entries"], lambda entries: real(**{**given, "Entries": entries}) if entries else {})

        monkeypatch.setattr(sqs, operation, faulty)

    return faults


def refuse_all(entries, send):
    return {"Failed": [failed(entry["Id"], final=True) for entry in entries]}


def failed(id, code="InternalError", *, final=False):
    return {"Id": id, "Code": code, "Message": "not today", "SenderFault": final}


def test_every_message_is_back_in_its_source_and_gone_from_the_dead_letter_queue(cloud, dead, source, redrive):
    cloud.give_up(source, *(f"m{number}" for number in range(25)))

    tally = redrive(dead)

    assert sorted(cloud.bodies(source)) == sorted(f"m{number}" for number in range(25))
    assert cloud.contents(dead) == []
    assert tally.sent == {name_of(source): 25}


def test_a_message_comes_back_as_it_was_sent(cloud, dead, source, redrive):
    body = '{"price": 1e400, "who": "Gus\u2028 🐿", "tab": "\\t"}'
    attributes = {f"a{number}": {"DataType": "String", "StringValue": f"v{number}"} for number in range(8)}
    attributes |= {
        "bytes": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
        "number": {"DataType": "Number.price", "StringValue": "12.50"},
    }
    cloud.give_up(source, body, MessageAttributes=attributes, MessageGroupId="fair")

    redrive(dead)

    (message,) = cloud.contents(source)
    assert message["Body"] == body
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["MessageGroupId"] == "fair"


def test_each_message_goes_to_the_queue_it_came_from(cloud, dead, redrive):
    orders, returns = cloud.source_of(dead), cloud.source_of(dead)
    cloud.give_up(orders, "o1", "o2")
    cloud.give_up(returns, "r1")

    redrive(dead)

    assert sorted(cloud.bodies(orders)) == ["o1", "o2"]
    assert cloud.bodies(returns) == ["r1"]


def test_groups_and_their_order_are_kept(cloud, redrive):
    dead = cloud.queue(fifo=True)
    source = cloud.source_of(dead, fifo=True)
    groups = ["a", "b", "a", "a", "b", "c", "a"] * 3
    for number, group in enumerate(groups):
        cloud.sqs.send_message(
            QueueUrl=source, MessageBody=f"{group}{number}", MessageGroupId=group, MessageDeduplicationId=f"d{number}"
        )
    cloud.fail(source, len(groups))

    redrive(dead)

    back = cloud.consume(source)
    for group in "abc":
        wanted = [f"{group}{number}" for number, its in enumerate(groups) if its == group]
        assert [body for body in back if body.startswith(group)] == wanted
    assert cloud.contents(dead) == []


def test_a_fifo_message_that_failed_within_five_minutes_is_not_dropped_as_a_duplicate(cloud, redrive):
    dead = cloud.queue(fifo=True)
    source = cloud.source_of(dead, fifo=True, ContentBasedDeduplication="true")
    cloud.give_up(source, "once", MessageGroupId="g")

    redrive(dead)
    cloud.fail(source, 1)
    redrive(dead)

    assert cloud.bodies(source) == ["once"]


def test_a_message_that_is_refused_stays_and_is_not_counted_as_sent(cloud, dead, source, redrive, faults):
    cloud.give_up(source, "good", "bad", "fine")

    def refuse(entries, send):
        bad = [entry for entry in entries if entry["MessageBody"] == "bad"]
        answer = send([entry for entry in entries if entry not in bad])
        return {**answer, "Failed": [failed(entry["Id"], "InvalidMessageContents", final=True) for entry in bad]}

    faults("send_message_batch", refuse)
    tally = redrive(dead)

    assert sorted(cloud.bodies(source)) == ["fine", "good"]
    assert cloud.bodies(dead) == ["bad"]
    assert tally.sent.total() == 2
    assert tally.stayed == {"InvalidMessageContents: not today": 1}


def test_an_entry_that_is_neither_confirmed_nor_refused_counts_as_not_sent(cloud, dead, source, redrive, faults):
    cloud.give_up(source, "lost")

    faults("send_message_batch", lambda *_: {})
    tally = redrive(dead)

    assert cloud.bodies(dead) == ["lost"]
    assert tally.sent.total() == 0


def test_what_is_refused_for_the_moment_is_tried_again(cloud, dead, source, redrive, faults):
    cloud.give_up(source, "a", "b")
    tries = []

    def refuse_at_first(entries, send):
        tries.append([entry["MessageBody"] for entry in entries])
        if len(tries) > 1:
            return send(entries)
        return {**send(entries[:1]), "Failed": [failed(entry["Id"], "Throttling") for entry in entries[1:]]}

    faults("send_message_batch", refuse_at_first)
    tally = redrive(dead)

    assert [len(entries) for entries in tries] == [2, 1]
    assert sorted(cloud.bodies(source)) == ["a", "b"]
    assert tally.sent.total() == 2


def test_what_follows_a_refused_message_in_its_group_stays_behind_it(cloud, redrive, faults):
    dead = cloud.queue(fifo=True)
    source = cloud.source_of(dead, fifo=True, ContentBasedDeduplication="true")
    cloud.give_up(source, "a1", "b1", "a2", MessageGroupId=lambda number: "aba"[number])

    def refuse(entries, send):
        bad = [entry for entry in entries if entry["MessageBody"] == "a1"]
        answer = send([entry for entry in entries if entry not in bad])
        return {**answer, "Failed": [failed(entry["Id"], final=True) for entry in bad]}

    faults("send_message_batch", refuse)
    redrive(dead)

    assert cloud.bodies(source) == ["b1"]
    assert cloud.bodies(dead) == ["a1", "a2"]


def test_a_message_that_cannot_be_deleted_is_sent_once_in_this_run_and_said_to_be_left(
    cloud, dead, source, redrive, faults
):
    cloud.give_up(source, "twice")

    faults("delete_message_batch", refuse_all)
    tally = redrive(dead)

    assert cloud.bodies(source) == ["twice"]
    assert cloud.bodies(dead) == ["twice"]
    assert tally.undeleted == 1


def test_of_a_fifo_message_that_could_not_be_deleted_the_next_run_makes_no_second_copy(
    cloud, redrive, faults, monkeypatch
):
    dead = cloud.queue(fifo=True)
    source = cloud.source_of(dead, fifo=True, ContentBasedDeduplication="true")
    cloud.give_up(source, "once", MessageGroupId="g")

    faults("delete_message_batch", refuse_all)
    redrive(dead)
    monkeypatch.undo()
    redrive(dead)

    assert cloud.consume(source) == ["once"]
    assert cloud.contents(dead) == []


def test_when_sending_fails_as_a_whole_everything_is_visible_again_at_once(cloud, dead, source, redrive, faults):
    cloud.give_up(source, "a", "b")

    def denied(*_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")

    faults("send_message_batch", denied)
    with pytest.raises(ClientError, match="AccessDenied"):
        redrive(dead)

    assert sorted(cloud.bodies(dead)) == ["a", "b"]


def test_large_messages_do_not_share_a_batch(cloud, dead, source, redrive, faults):
    cloud.give_up(source, *(letter * 500_000 for letter in "abc"), "d" * 1_048_576)
    sizes = []

    def weigh(entries, send):
        sizes.append(sum(len(entry["MessageBody"]) for entry in entries))
        return send(entries)

    faults("send_message_batch", weigh)
    redrive(dead)

    assert max(sizes) <= 1_048_576
    assert len(cloud.bodies(source)) == 4


def test_attributes_count_towards_the_size_of_a_batch(cloud, dead, source, redrive, faults):
    heavy = {"x": {"DataType": "Binary", "BinaryValue": bytes(400_000)}}
    cloud.give_up(source, "a" * 200_000, "b" * 200_000, MessageAttributes=heavy)
    batches = []

    def count(entries, send):
        batches.append(len(entries))
        return send(entries)

    faults("send_message_batch", count)
    redrive(dead)

    assert batches == [1, 1]


def test_a_message_that_is_too_large_for_its_source_does_not_hold_up_the_others(cloud, dead, source, redrive):
    cloud.give_up(source, "x" * 5000, "small")
    cloud.sqs.set_queue_attributes(QueueUrl=source, Attributes={"MaximumMessageSize": "1024"})

    tally = redrive(dead)

    assert cloud.bodies(source) == ["small"]
    assert cloud.bodies(dead) == ["x" * 5000]
    (why,) = tally.stayed
    assert "shorter than 1024 bytes" in why


def test_a_batch_refused_for_one_message_is_sent_one_by_one(cloud, dead, source, redrive, faults):
    cloud.give_up(source, "good", "bad")

    def refuse(entries, send):
        if any(entry["MessageBody"] == "bad" for entry in entries):
            raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": "bad"}}, "SendMessageBatch")
        return send(entries)

    faults("send_message_batch", refuse)
    redrive(dead)

    assert (cloud.bodies(source), cloud.bodies(dead)) == (["good"], ["bad"])


def test_no_more_than_wanted_are_sent(cloud, dead, source, redrive):
    cloud.give_up(source, *(f"m{number}" for number in range(15)))

    redrive(dead, most=12)

    assert len(cloud.bodies(source)) == 12
    assert len(cloud.bodies(dead)) == 3


def test_the_rate_is_kept_and_nothing_is_in_hand_between(cloud, dead, source, redrive):
    cloud.give_up(source, *(f"m{number}" for number in range(6)))
    in_hand = []
    begun = time.monotonic()

    redrive(dead, most=6, rate=4, advance=lambda _: in_hand.append(in_flight(cloud, dead)))

    assert time.monotonic() - begun >= 1
    assert set(in_hand) == {0}


def in_flight(cloud, url):
    name = "ApproximateNumberOfMessagesNotVisible"
    return int(cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def test_asked_to_stop_it_finishes_what_is_in_hand_and_takes_no_more(cloud, dead, source, redrive):
    cloud.give_up(source, *(f"m{number}" for number in range(25)))
    stop = threading.Event()

    redrive(dead, stop=stop, advance=lambda _: stop.set())

    assert len(cloud.bodies(source)) == 10
    assert len(cloud.bodies(dead)) == 15


def test_a_message_that_fails_again_at_once_is_left_for_the_next_run(cloud, dead, source, redrive):
    cloud.give_up(source, "poison")
    stop = threading.Event()
    deadline = time.monotonic() + 10

    def fail_again(_):
        cloud.fail(source, 1)
        if time.monotonic() > deadline:
            stop.set()

    tally = redrive(dead, advance=fail_again, stop=stop)

    assert not stop.is_set()
    assert tally.arrived == 1
    assert cloud.bodies(dead) == ["poison"]


def test_no_message_becomes_visible_while_in_hand(cloud, dead, source, redrive, faults, monkeypatch):
    monkeypatch.setattr(hand, "VISIBILITY", 1)
    cloud.give_up(source, "slow")
    seen = []

    def slow(entries, send):
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            seen.extend(cloud.sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1).get("Messages", []))
        return send(entries)

    faults("send_message_batch", slow)
    redrive(dead)

    assert seen == []
    assert cloud.bodies(source) == ["slow"]


def test_messages_that_were_in_flight_and_come_back_at_the_last_moment_are_sent(cloud, here, dead, source, monkeypatch):
    cloud.give_up(source, "a")
    (held,) = cloud.sqs.receive_message(QueueUrl=dead, VisibilityTimeout=600)["Messages"]

    def given_back_before_anyone_looks(place, url):
        cloud.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=held["ReceiptHandle"], VisibilityTimeout=0)
        return read_queue(place, url)

    queue = find_queue(here, dead)
    monkeypatch.setattr(module, "read_queue", given_back_before_anyone_looks)
    run = QueueRun(here, queue, to=None, most=None, pace=Pace(None), stop=threading.Event(), advance=lambda _: None)
    run.run()

    assert cloud.bodies(source) == ["a"]


def test_a_message_of_a_source_that_is_gone_stays(cloud, dead, redrive):
    gone, there = cloud.source_of(dead), cloud.source_of(dead)
    cloud.give_up(gone, "orphan")
    cloud.give_up(there, "child")
    cloud.sqs.delete_queue(QueueUrl=gone)

    tally = redrive(dead)

    assert cloud.bodies(dead) == ["orphan"]
    assert cloud.bodies(there) == ["child"]
    assert list(tally.stayed) == [f"{name_of(gone)}, where it came from, is gone: name another queue with --to"]


def test_groups_of_different_sources_do_not_wait_for_each_other(cloud, redrive):
    dead = cloud.queue(fifo=True)
    gone, there = (cloud.source_of(dead, fifo=True, ContentBasedDeduplication="true") for _ in range(2))
    cloud.give_up(gone, "orphan", MessageGroupId="g")
    cloud.give_up(there, "child", MessageGroupId="g")
    cloud.sqs.delete_queue(QueueUrl=gone)

    redrive(dead)

    assert cloud.bodies(there) == ["child"]
    assert cloud.bodies(dead) == ["orphan"]


def test_a_message_that_no_queue_moved_there_goes_where_it_is_told_to(cloud, dead, source, redrive):
    other = cloud.queue()
    cloud.sqs.send_message(QueueUrl=dead, MessageBody="stray")

    first = redrive(dead)
    second = redrive(dead, to=other)

    assert list(first.stayed) == ["no queue is known that it came from: name one with --to"]
    assert second.sent == {name_of(other): 1}
    assert (cloud.bodies(other), cloud.bodies(dead)) == (["stray"], [])
