"""Stores the requests of a route as batches."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_cdk import Size

from constructs_lib.job_tracker.batch.limits import MAX_BODY_BYTES, MAX_ITEMS, require_count
from constructs_lib.job_tracker.store import JobStore
from constructs_lib.storage_first_api.problems import Problem, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_dynamodb as dynamodb

    from constructs_lib.job_tracker.endpoints import JobEndpoints
    from constructs_lib.storage_first_api.reader import RequestReader
    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.templates import Value


class BatchStore(JobStore):
    """Stores each request of a route, `{"items": [...]}`, as one job, which has a result for each of the items.

    A body without items, or with too many, is refused before anything is stored.
    """

    def __init__(self, table: dynamodb.ITable, endpoints: JobEndpoints, *, type: str, max_items: int) -> None:
        """Store batches in the table of a `JobTracker`.

        Args:
            table: The jobs.
            endpoints: What an API serves of the jobs.
            type: The type of the batches' jobs.
            max_items: How many items a batch may have.

        Raises:
            ValueError: If `max_items` is not from 1 to 1,000.
        """
        require_count(
            "max_items",
            max_items,
            MAX_ITEMS,
            because="the history of an execution has 25,000 events, of which an item takes up to 24",
        )
        super().__init__(table, endpoints, type=type, entity=None)
        self.max_body = Size.kibibytes(MAX_BODY_BYTES // 1024)
        self._no_items = bad_request(f"The body must have a list of 1 to {max_items:,} items at $.items.")
        self._too_many = Problem(
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            detail=f"A batch has at most {max_items:,} items. Nothing was stored; send the items in several batches.",
        )
        self._max_items = max_items

    def _update_item(self, reader: RequestReader, route: Route) -> Mapping[str, Value]:
        count = "$input.path('$.items').size()"
        reader.reads_json = True  # what API Gateway cannot read is a 400, and not counted
        reader.refuse(f"{count} > {self._max_items}", self._too_many)
        # An object has a size, too. Of several refusals the last counts.
        reader.refuse(f"!$input.json('$.items').startsWith('[') || {count} == 0", self._no_items)
        return super()._update_item(reader, route)
