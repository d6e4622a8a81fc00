"""Messages in hand: taken from a queue, kept invisible to others, and in the end deleted or given back."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from storage_first.dlq.batches import Refusal, chunks, insist

VISIBILITY: Final = 30
"""For how many seconds nobody else sees a message. It is extended while the message is in hand, so that it only has to
be long enough for that; and short, because after a `kill -9` it is how long the messages stay hidden."""

_MOST: Final = 10  # of every batch of SQS
_LONG_POLL: Final = 1  # even a second asks all of the queue's servers, so that an empty answer means an empty queue


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as SQS hands it out."""

    id: str
    receipt: str
    body: str
    attributes: Mapping[str, str]
    """What SQS knows of it, for example `SentTimestamp` (epoch milliseconds)."""
    message_attributes: Mapping[str, Any]
    """What its sender gave with it."""

    @property
    def group(self) -> str | None:
        """Its message group."""
        return self.attributes.get("MessageGroupId")

    @property
    def source(self) -> str | None:
        """The ARN of the queue that SQS moved it from."""
        return self.attributes.get("DeadLetterQueueSourceArn")


class Hand:
    """The messages that were taken from one queue and are not settled.

    On leaving, for whatever reason, messages that are done are deleted and all others become visible again.
    """

    def __init__(self, sqs: Any, url: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
        """Take messages of the queue at `url`."""
        self._sqs = sqs
        self._url = url
        self._held: dict[str, Message] = {}
        self._done: set[str] = set()
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="visibility", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._keeper.join()
        # Should it fail, then the visibility timeout gives them back; the error that ends the run is the one to tell.
        with suppress(ClientError, BotoCoreError):
            self._delete([message for message in self._now() if message.id in self._done])
        with suppress(ClientError, BotoCoreError):
            self._change_visibility(self._now(), 0)

    def __len__(self) -> int:
        return len(self._held)

    def take(self, most: int) -> list[Message]:
        """Receive messages that are not in hand, at most ten; none if the queue has no visible message left."""
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(most, _MOST),
                VisibilityTimeout=VISIBILITY,
                WaitTimeSeconds=_LONG_POLL,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = [_message(each) for each in answer.get("Messages", [])]
            with self._lock:
                fresh = [message for message in received if message.id not in self._held]
                self._held |= {message.id: message for message in received}  # with the receipts that are valid now
            if fresh or not received:
                return fresh

    def delete(self, messages: Sequence[Message]) -> list[tuple[Message, Refusal]]:
        """Delete messages; what is refused is tried once more on leaving, and returned."""
        self._done |= {message.id for message in messages}
        with self._lock:
            latest = [self._held[message.id] for message in messages]
        return self._delete(latest)

    def _delete(self, messages: Sequence[Message]) -> list[tuple[Message, Refusal]]:
        refused = []
        for batch in _batches(messages):
            refused += insist(batch, self._delete_batch)
            kept = {message.id for message, _ in refused}
            with self._lock:
                for message in batch:
                    if message.id not in kept:
                        del self._held[message.id]
        return refused

    def _delete_batch(self, messages: Sequence[Message]) -> dict[int, Refusal]:
        entries = [{"Id": str(number), "ReceiptHandle": each.receipt} for number, each in enumerate(messages)]
        return refusals(self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries))

    def _now(self) -> list[Message]:
        with self._lock:
            return list(self._held.values())

    def _keep(self) -> None:
        while not self._leaving.wait(VISIBILITY / 3):
            # If it fails, messages may be seen by others too: delivered at least once, as always.
            with suppress(ClientError, BotoCoreError):
                self._change_visibility(self._now(), VISIBILITY)

    def _change_visibility(self, messages: Iterable[Message], seconds: int) -> None:
        for batch in _batches(messages):
            entries = [
                {"Id": str(number), "ReceiptHandle": each.receipt, "VisibilityTimeout": seconds}
                for number, each in enumerate(batch)
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)


def refusals(answer: Mapping[str, Any]) -> dict[int, Refusal]:
    """What a batch's answer, a 200, says was refused, by the entry's number, which is its id."""
    return {
        int(failed["Id"]): Refusal(failed["Code"], failed.get("Message", ""), final=failed["SenderFault"])
        for failed in answer.get("Failed", [])
    }


def _batches(messages: Iterable[Message]) -> Iterable[list[Message]]:
    return chunks(messages, lambda _: 0, most=_MOST, most_bytes=1)


def _message(received: Mapping[str, Any]) -> Message:
    return Message(
        id=received["MessageId"],
        receipt=received["ReceiptHandle"],
        body=received["Body"],
        attributes=received.get("Attributes", {}),
        message_attributes=received.get("MessageAttributes", {}),
    )
