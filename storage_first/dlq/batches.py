"""Batches as SQS and Kinesis take them: in order, within limits, and not done before each entry is confirmed."""

import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

_ATTEMPTS: Final = 5
_FIRST_DELAY: Final = 0.2
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Refusal:
    """Why one entry of a batch was not accepted.

    Attributes:
        code: The service's error code.
        reason: What it says.
        final: Whether it would be refused again.
    """

    code: str
    reason: str
    final: bool

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}" if self.reason else self.code


def waves(entries: Iterable[Entry], key: Callable[[Entry], Hashable | None]) -> list[list[Entry]]:
    """Split `entries` so that no key is twice in a wave; what has no key is in the first.

    Sent one after the other, waves keep the order of each key even if some entries are refused at first.
    """
    split: list[list[Entry]] = []
    seen: Counter[Hashable] = Counter()
    for entry in entries:
        its = key(entry)
        number = seen[its]
        if its is not None:
            seen[its] += 1
        if number == len(split):
            split.append([])
        split[number].append(entry)
    return split


def chunks(
    entries: Iterable[Entry], size: Callable[[Entry], int], *, most: int, most_bytes: int
) -> Iterator[list[Entry]]:
    """Split `entries` into batches of at most `most` entries and `most_bytes` bytes (or one entry that is larger)."""
    chunk: list[Entry] = []
    total = 0
    for entry in entries:
        bytes_ = size(entry)
        if chunk and (len(chunk) == most or total + bytes_ > most_bytes):
            yield chunk
            chunk, total = [], 0
        chunk.append(entry)
        total += bytes_
    if chunk:
        yield chunk


def insist(
    entries: Sequence[Entry], call: Callable[[Sequence[Entry]], Mapping[int, Refusal]]
) -> list[tuple[Entry, Refusal]]:
    """Send a batch, and what of it is refused for the moment again, a few times.

    Args:
        entries: The batch.
        call: Sends entries; returns the refusals by the entry's place in the batch. All others are confirmed.

    Returns:
        What was refused in the end, and why.
    """
    refused: list[tuple[Entry, Refusal]] = []
    for attempt in range(_ATTEMPTS):
        answers = call(entries)
        failed = [(entries[number], refusal) for number, refusal in sorted(answers.items())]
        refused += [(entry, refusal) for entry, refusal in failed if refusal.final]
        pending = [(entry, refusal) for entry, refusal in failed if not refusal.final]
        if not pending:
            return refused
        entries = [entry for entry, _ in pending]
        if attempt < _ATTEMPTS - 1:
            time.sleep(random.uniform(0, _FIRST_DELAY * 2**attempt))  # noqa: S311 - jitter is no secret
    return refused + pending
