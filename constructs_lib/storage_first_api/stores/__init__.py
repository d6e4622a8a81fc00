"""Where an API can store what it receives, one module each."""

from constructs_lib.storage_first_api.stores.dynamodb import DynamoDbStore
from constructs_lib.storage_first_api.stores.eventbridge import EventBridgeStore
from constructs_lib.storage_first_api.stores.kinesis import KinesisStore
from constructs_lib.storage_first_api.stores.raw import RawTemplateStore
from constructs_lib.storage_first_api.stores.s3 import S3Store
from constructs_lib.storage_first_api.stores.sns import SnsStore
from constructs_lib.storage_first_api.stores.sqs import SqsStore
from constructs_lib.storage_first_api.stores.stepfunctions import StepFunctionsStore

__all__ = [
    "DynamoDbStore",
    "EventBridgeStore",
    "KinesisStore",
    "RawTemplateStore",
    "S3Store",
    "SnsStore",
    "SqsStore",
    "StepFunctionsStore",
]
