"""AWS CDK constructs for APIs that never lose a request."""

from constructs_lib.job_tracker import JobTracker
from constructs_lib.storage_first_api import Cors, DynamoDbStore, StorageFirstApi, Throttle

__all__ = ["Cors", "DynamoDbStore", "JobTracker", "StorageFirstApi", "Throttle"]
