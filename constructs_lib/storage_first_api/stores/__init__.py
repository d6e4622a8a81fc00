"""Where an API can store what it receives, one module each."""

from constructs_lib.storage_first_api.stores.dynamodb import DynamoDbStore

__all__ = ["DynamoDbStore"]
