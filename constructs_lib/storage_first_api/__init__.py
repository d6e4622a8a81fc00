"""APIs that store what they receive before any compute runs on it."""

from constructs_lib.storage_first_api.api import Cors, StorageFirstApi, Throttle
from constructs_lib.storage_first_api.stores import DynamoDbStore

__all__ = ["Cors", "DynamoDbStore", "StorageFirstApi", "Throttle"]
