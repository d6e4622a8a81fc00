"""Streams that lose nothing."""

from constructs_lib.stored_stream.stream import StoredStream

__all__ = ["StoredStream"]
