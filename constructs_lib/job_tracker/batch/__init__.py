"""Batches: one request, one job, one result for each of its items."""

from constructs_lib.job_tracker.batch.batches import Batches, batch_type
from constructs_lib.job_tracker.batch.limits import MAX_ITEMS
from constructs_lib.job_tracker.batch.store import BatchStore

__all__ = ["MAX_ITEMS", "BatchStore", "Batches", "batch_type"]
