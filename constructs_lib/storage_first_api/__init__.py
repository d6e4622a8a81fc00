"""APIs that store what they receive before any compute runs on it."""

from constructs_lib.storage_first_api.access import Access
from constructs_lib.storage_first_api.api import StorageFirstApi
from constructs_lib.storage_first_api.cors import Cors
from constructs_lib.storage_first_api.usage import Quota, Throttle
from constructs_lib.storage_first_api.web_acl import managed_web_acl

__all__ = ["Access", "Cors", "Quota", "StorageFirstApi", "Throttle", "managed_web_acl"]
