"""Send dead letters back to where they came from.

A message is deleted from the dead-letter queue only after its source has confirmed it. Whatever ends a run, at worst a
message is in both queues: then the next run sends it once more. To a FIFO queue it goes under a deduplication id made
of its id in the dead-letter queue, so that within five minutes SQS drops the second one. (Its own deduplication id
would not do: SQS would drop whatever failed and is sent back within five minutes of when it was first sent.) To a
standard queue it goes exactly as it first was: at least once is what its consumers have to expect anyway, an attribute
to tell copies by would change what they get, and does not fit beside ten others.

SQS has a task of its own for this, StartMessageMoveTask. It is not used: it takes no number of messages, so nobody can
try with ten first, and a rate of whole messages a second only; it refuses queues that Lambda, SNS or EventBridge put
dead letters into, and moves no stream records; what it does to each message is not told; and the emulator lacks it.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from storage_first.dlq.batches import Refusal, chunks, insist, waves
from storage_first.dlq.buckets import Bucket
from storage_first.dlq.errors import DlqError, code_of
from storage_first.dlq.hand import VISIBILITY, Hand, Message, refusals
from storage_first.dlq.place import Place
from storage_first.dlq.queues import Queue, queue_of_arn, read_queue
from storage_first.dlq.streams import DiscardedBatch, StaysError, StreamSender, discarded_batch

_BATCH: Final = 10  # entries of one SendMessageBatch
_BATCH_BYTES: Final = 1_048_576  # likewise; attributes count
_OF_THE_MESSAGE: Final = frozenset({"BatchRequestTooLong", "InvalidMessageContents", "InvalidParameterValue"})
_MARGIN: Final = 5.0
_NEVER: Final = Refusal("NotSent", "", final=True)


@dataclass
class Tally:
    """What came of a run.

    Attributes:
        sent: How many messages or batches went where.
        undeleted: How many of them could not be deleted afterwards: the next run sends them once more.
        stayed: How many were refused, and why.
        arrived: How many reached the queue only after the run had begun; they are left for the next one.
    """

    sent: Counter[str] = field(default_factory=Counter)
    undeleted: int = 0
    stayed: Counter[str] = field(default_factory=Counter)
    arrived: int = 0


class Pace:
    """So many messages per second."""

    def __init__(self, rate: float | None) -> None:
        """Hold to `rate` messages per second, or to no rate."""
        self._rate = rate
        self._next = time.monotonic()

    @property
    def at_once(self) -> int:
        """How many messages to take at once: about a second's worth."""
        return _BATCH if self._rate is None else max(1, min(_BATCH, int(self._rate)))

    def wait(self, stop: threading.Event) -> None:
        """Wait for the next turn, with nothing in hand; less if the run is to stop."""
        stop.wait(max(0.0, self._next - time.monotonic()))

    def spend(self, messages: int) -> None:
        """Note that messages were sent."""
        if self._rate is not None:
            self._next = max(self._next, time.monotonic()) + messages / self._rate


class Run(Protocol):
    """Sends back what one queue or bucket holds."""

    tally: Tally

    def run(self) -> None:
        """Send it, as far as it goes."""


class QueueRun:
    """Sends back the messages of a dead-letter queue."""

    def __init__(
        self,
        place: Place,
        queue: Queue,
        *,
        to: Queue | None,
        most: int | None,
        pace: Pace,
        stop: threading.Event,
        advance: Callable[[int], None],
    ) -> None:
        """Prepare to send the messages of `queue` back.

        Args:
            place: Where the queues are.
            queue: The dead-letter queue.
            to: The queue to send all of them to, rather than each to where it came from.
            most: How many to send.
            pace: How fast.
            stop: Set it to end the run; what is in hand is finished first.
            advance: Told how many were sent.
        """
        self.tally = Tally()
        self._place = place
        self._sqs = place.client("sqs")
        self._queue = queue
        self._to = to
        self._most = most
        self._pace = pace
        self._stop = stop
        self._advance = advance
        self._streams = StreamSender(place)
        self._blocked: set[tuple[str | None, str | None]] = set()
        self._queue_at = cache(self._find_queue)

    def run(self) -> None:
        """Send messages until there are none, or enough, or it is to stop.

        Raises:
            ClientError: If AWS refuses a call as a whole; what was sent until then is sent.
            BotoCoreError: If AWS cannot be reached.
        """
        began = self._began_at()
        # Messages in flight at the start may be those of a run that was killed: they are waited for.
        others_hold_some = self._queue.in_flight > 0
        patience = time.monotonic() + VISIBILITY + _MARGIN
        with Hand(self._sqs, self._queue.url) as hand:
            while wanted := self._wanted():
                self._pace.wait(self._stop)
                if self._stop.is_set():
                    return
                if messages := hand.take(wanted):
                    self._settle(hand, messages, began)
                elif others_hold_some and time.monotonic() < patience:
                    # If nobody does now, then the next turn gets what was given back since this one.
                    others_hold_some = read_queue(self._place, self._queue.url).in_flight > len(hand)
                else:
                    return

    def _began_at(self) -> float:
        """The end of the second, by the clock of SQS, in which the run begins; epoch milliseconds."""
        answer = self._sqs.get_queue_attributes(QueueUrl=self._queue.url, AttributeNames=["QueueArn"])
        told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        now = parsedate_to_datetime(told) if told else datetime.now(UTC)
        return (now.timestamp() + 1) * 1000

    def _wanted(self) -> int:
        left = self._pace.at_once if self._most is None else self._most - self.tally.sent.total()
        return min(left, self._pace.at_once)

    def _settle(self, hand: Hand, messages: Sequence[Message], began: float) -> None:
        """Send messages and delete them, or keep them in hand until the end of the run."""
        by_target: dict[str, list[Message]] = defaultdict(list)
        for message in messages:
            if float(message.attributes.get("SentTimestamp", 0)) >= began:
                # It failed again, or for the first time: sending it in the same run might never end.
                self.tally.arrived += 1
                continue
            try:
                if target := self._target_of(message):
                    by_target[target.url].append(message)
                else:
                    self._send_discarded(hand, message)
            except StaysError as why:
                self._stays(message, str(why))
        for url, some in by_target.items():
            for wave in waves(some, lambda message: message.group if self._queue.fifo else None):
                self._send(hand, url, wave)
        self._pace.spend(len(messages))

    def _target_of(self, message: Message) -> Queue | None:
        """The queue that a message goes to, if it came from a queue or is to go to one."""
        if self._to is not None:
            return self._to
        return self._queue_at(message.source) if message.source is not None else None

    def _send_discarded(self, hand: Hand, message: Message) -> None:
        """Have the batch of stream records that a message tells of processed again."""
        batch = discarded_batch(message.body)
        if batch is None:
            raise StaysError("no queue is known that it came from: name one with --to")
        self._pace.spend(max(0, self._streams.send(batch) - 1))
        self._delete(hand, [message], _goal(batch))

    def _find_queue(self, arn: str) -> Queue:
        queue = queue_of_arn(self._place, arn)
        if queue is None:
            raise StaysError(f"{arn.rpartition(':')[2]}, where it came from, is gone: name another queue with --to")
        return queue

    def _send(self, hand: Hand, url: str, messages: Iterable[Message]) -> None:
        """Send messages of different groups to one queue."""
        ready = []
        for message in messages:
            if (message.source, message.group) in self._blocked:
                self._stays(message, "a message before it in its group stayed")
            else:
                ready.append(message)
        for chunk in chunks(ready, _size, most=_BATCH, most_bytes=_BATCH_BYTES):
            refused = insist(chunk, lambda some: self._send_batch(url, some))
            for message, refusal in refused:
                self._stays(message, str(refusal))
            stayed = {message.id for message, _ in refused}
            self._delete(hand, [message for message in chunk if message.id not in stayed], url.rpartition("/")[2])

    def _send_batch(self, url: str, messages: Sequence[Message]) -> dict[int, Refusal]:
        entries = [
            {"Id": str(number), **_entry(message, fifo=url.endswith(".fifo"))}
            for number, message in enumerate(messages)
        ]
        try:
            answer = self._sqs.send_message_batch(QueueUrl=url, Entries=entries)
        except ClientError as error:
            if code_of(error) not in _OF_THE_MESSAGE:
                raise
            if len(messages) == 1:
                return {0: Refusal(code_of(error), error.response["Error"].get("Message", ""), final=True)}
            alone = [self._send_batch(url, [message]) for message in messages]
            return {number: answer[0] for number, answer in enumerate(alone) if answer}
        confirmed = {int(each["Id"]) for each in answer.get("Successful", [])}
        return {number: _NEVER for number in range(len(messages)) if number not in confirmed} | refusals(answer)

    def _delete(self, hand: Hand, sent: Sequence[Message], where: str) -> None:
        if not sent:
            return
        self.tally.sent[where] += len(sent)
        self.tally.undeleted += len(hand.delete(sent))
        self._advance(len(sent))

    def _stays(self, message: Message, why: str) -> None:
        self.tally.stayed[why] += 1
        if self._queue.fifo and message.group is not None:
            # To keep the order of its group, what follows in it stays too. Each source has groups of its own.
            self._blocked.add((message.source, message.group))


class BucketRun:
    """Sends back the batches in a bucket that stream mappings put what they discard into."""

    def __init__(
        self,
        place: Place,
        bucket: Bucket,
        *,
        most: int | None,
        pace: Pace,
        stop: threading.Event,
        advance: Callable[[int], None],
    ) -> None:
        """Prepare to send the batches in `bucket`; see `QueueRun`."""
        self.tally = Tally()
        self._bucket = bucket
        self._streams = StreamSender(place)
        self._most = most
        self._pace = pace
        self._stop = stop
        self._advance = advance

    def run(self) -> None:
        """Send batches until there are none, or enough, or it is to stop; see `QueueRun.run`."""
        blocked: set[str] = set()
        for key in self._bucket.batches():
            if self._most is not None and self.tally.sent.total() >= self._most:
                return
            self._pace.wait(self._stop)
            if self._stop.is_set():
                return
            shard = "/".join(key.split("/")[:4])
            try:
                if shard in blocked:
                    raise StaysError("a batch before it in its shard stayed")  # noqa: TRY301 - one place tells why
                self._send(key)
            except StaysError as why:
                blocked.add(shard)
                self.tally.stayed[str(why)] += 1

    def _send(self, key: str) -> None:
        batch = discarded_batch(self._bucket.read(key))
        if batch is None:
            raise StaysError("it is no record of a discarded batch")
        self._pace.spend(self._streams.send(batch))
        self.tally.sent[_goal(batch)] += 1
        self._bucket.delete(key)
        self._advance(1)


def check_target(queue: Queue, to: Queue) -> None:
    """Refuse a queue that messages of `queue` cannot go to.

    Raises:
        DlqError: If it is the same queue, or of the other type.
    """
    if to.arn == queue.arn:
        raise DlqError(f"--to must be another queue than {queue.name}")
    if to.fifo is not queue.fifo:
        types = {True: "a FIFO queue", False: "a standard queue"}
        raise DlqError(f"--to must be {types[queue.fifo]} as {queue.name} is, got {to.name}")


def _entry(message: Message, *, fifo: bool) -> dict[str, Any]:
    """A message as SendMessageBatch takes it: what its sender gave, and nothing else."""
    entry: dict[str, Any] = {"MessageBody": message.body}
    if message.message_attributes:
        entry["MessageAttributes"] = message.message_attributes
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if fifo:
        entry["MessageDeduplicationId"] = f"redrive-{message.id}"
    if trace := message.attributes.get("AWSTraceHeader"):
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    return entry


def _size(message: Message) -> int:
    """The bytes that count towards the limit of a batch: body, and name, type and value of each attribute."""
    size = len(message.body.encode())
    for name, attribute in message.message_attributes.items():
        value = attribute.get("BinaryValue") or attribute.get("StringValue", "").encode()
        size += len(name.encode()) + len(attribute["DataType"].encode()) + len(value)
    return size


def _goal(batch: DiscardedBatch) -> str:
    """Where a batch goes: back into its stream, or to the function that failed."""
    return batch.stream.rpartition("/")[2] if batch.of_kinesis else batch.function.split(":")[6]
