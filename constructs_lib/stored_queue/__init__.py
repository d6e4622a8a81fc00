"""Queues that lose nothing."""

from constructs_lib.stored_queue.queue import StoredQueue

__all__ = ["StoredQueue"]
