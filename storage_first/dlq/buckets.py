"""S3 buckets that Lambda stream mappings put discarded batches into."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from storage_first.dlq.place import Place
from storage_first.dlq.streams import destination_of

# aws/lambda/<mapping>/<shard>/YYYY/MM/DD/<time>-<uuid>, so that the order of keys is that of time for each shard:
# https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
_PREFIX: Final = "aws/lambda/"


@dataclass(frozen=True)
class Bucket:
    """A bucket with discarded batches.

    Attributes:
        name: Its name.
        streams: The ARNs of the streams whose mappings name it.
    """

    name: str
    streams: tuple[str, ...]
    _s3: Any

    def batches(self) -> Iterator[str]:
        """The keys of its batches, those of each shard in the order in which they were discarded."""
        return (each["Key"] for each in self._objects())

    def extent(self) -> tuple[int, datetime | None]:
        """How many batches there are, and since when there is the oldest."""
        times = [each["LastModified"] for each in self._objects()]
        return len(times), min(times, default=None)

    def read(self, key: str) -> str:
        """The text of a batch's record."""
        body: bytes = self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body.decode(errors="replace")

    def delete(self, key: str) -> None:
        """Delete a batch's record."""
        self._s3.delete_object(Bucket=self.name, Key=key)

    def _objects(self) -> Iterator[dict[str, Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=_PREFIX)
        return (each for page in pages for each in page.get("Contents", []))


def buckets_of(place: Place, mappings: Iterable[Mapping[str, Any]]) -> list[Bucket]:
    """The buckets among the on-failure destinations of mappings."""
    streams: dict[str, list[str]] = {}
    for mapping in mappings:
        destination = destination_of(mapping) or ""
        if destination.split(":")[2:3] == ["s3"]:
            streams.setdefault(destination.rpartition(":")[2], []).append(mapping["EventSourceArn"])
    if not streams:
        return []
    s3 = place.client("s3")
    return [Bucket(name, tuple(dict.fromkeys(of)), s3) for name, of in sorted(streams.items())]
