"""All that holds dead letters: queues and buckets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storage_first.dlq.buckets import Bucket, buckets_of
from storage_first.dlq.errors import DlqError
from storage_first.dlq.place import Place
from storage_first.dlq.queues import (
    Queue,
    all_queues,
    by_dead_letter_queue,
    find_queue,
    oldest,
    queue_of_arn,
    queues_of_stack,
    sources_of,
    stack_resources,
    unknown,
)
from storage_first.dlq.streams import destination_of, stream_mappings

_S3 = "s3://"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """What holds dead letters.

    Attributes:
        name: A queue's name, or a bucket's as `s3://name`.
        sources: The ARNs of the queues and streams that its contents came from.
        count: About how many messages, or how many batches of records, it holds.
        oldest: The age of the oldest in seconds, if known.
    """

    name: str
    sources: tuple[str, ...]
    count: int
    oldest: float | None


def inventory(place: Place, stack: str | None = None) -> list[Holder]:
    """Everything that holds dead letters, by name; of one stack only if given.

    What holds the dead letters of a stack's queues and stream mappings is of that stack.

    Raises:
        DlqError: If there is no such stack.
    """
    mappings = stream_mappings(place)
    if stack is None:
        queues = all_queues(place)
    else:
        resources = stack_resources(place, stack)
        ids = {each["PhysicalResourceId"] for each in resources}
        mappings = [mapping for mapping in mappings if mapping["UUID"] in ids]
        queues = queues_of_stack(place, resources)
    buckets = [_of_bucket(bucket) for bucket in buckets_of(place, mappings)]
    return [*_of_queues(place, queues, mappings), *buckets]


def find(place: Place, wanted: str) -> Queue | Bucket:
    """The dead-letter queue or bucket that `wanted` names; a queue also by URL or ARN, a bucket as `s3://name`.

    Raises:
        DlqError: If there is none, with the names that come close.
    """
    queue = None if wanted.startswith(_S3) else find_queue(place, wanted)
    if queue is not None:
        return queue
    buckets = buckets_of(place, stream_mappings(place))
    for bucket in buckets:
        if bucket.name == wanted.removeprefix(_S3):
            return bucket
    raise unknown(place, wanted, among=[holder.name for holder in inventory(place)])


def sources(place: Place, queue: Queue) -> list[str]:
    """The ARNs of the queues and streams whose dead letters `queue` holds.

    Raises:
        DlqError: If it is no dead-letter queue: receiving from it would take messages from its consumers.
    """
    streams = [each["EventSourceArn"] for each in stream_mappings(place) if destination_of(each) == queue.arn]
    found = [*sources_of(place, queue), *streams]
    if not found:
        raise DlqError(
            f"{queue.name} is no dead-letter queue: neither a queue's RedrivePolicy nor a stream mapping's on-failure "
            "destination names it"
        )
    return found


def _of_queues(place: Place, queues: Iterable[Queue], mappings: Iterable[Mapping[str, Any]]) -> list[Holder]:
    known = {queue.arn: queue for queue in queues}
    sources = by_dead_letter_queue(known.values())
    for mapping in mappings:
        destination = destination_of(mapping) or ""
        if destination.split(":")[2:3] == ["sqs"]:
            sources.setdefault(destination, []).append(mapping["EventSourceArn"])
    found = {arn: known.get(arn) or queue_of_arn(place, arn) for arn in sources}
    holders = sorted((queue for queue in found.values() if queue is not None), key=lambda queue: queue.name)
    ages = oldest(place, [queue.name for queue in holders if queue.messages])
    return [
        Holder(
            name=queue.name,
            sources=tuple(dict.fromkeys(sources[queue.arn])),
            count=queue.messages,
            oldest=ages.get(queue.name),
        )
        for queue in holders
    ]


def _of_bucket(bucket: Bucket) -> Holder:
    count, since = bucket.extent()
    age = (datetime.now(UTC) - since).total_seconds() if since else None
    return Holder(name=f"{_S3}{bucket.name}", sources=bucket.streams, count=count, oldest=age)
