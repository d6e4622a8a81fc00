"""Stores the requests of a route as jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Size

from constructs_lib.job_tracker.endpoint import JOBS
from constructs_lib.storage_first_api import DynamoDbStore

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb

    from constructs_lib.job_tracker.endpoint import JobEndpoint
    from constructs_lib.storage_first_api import StorageFirstApi

# An execution's input has at most 256 KiB: what is stored must fit into it, with the job around it.
_MAX_BODY = Size.kibibytes(240)


class JobStore(DynamoDbStore):
    """Stores each request of a route as a job; an API that uses it serves `GET /jobs/{jobId}` too."""

    def __init__(self, table: dynamodb.ITable, endpoint: JobEndpoint, *, type: str) -> None:
        """Store requests in the table of a `JobTracker`.

        Args:
            table: The jobs.
            endpoint: What shows the jobs.
            type: The type of the jobs.
        """
        super().__init__(table, type=type, status_resource=JOBS, max_body=_MAX_BODY)
        self._endpoint = endpoint

    def bind(self, api: StorageFirstApi) -> None:
        """Let `api` show the jobs that its answers link to.

        Raises:
            ValueError: If `api` shows the jobs of another tracker.
        """
        self._endpoint.serve(api)
