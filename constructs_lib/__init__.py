"""AWS CDK constructs for APIs that never lose a request.

Where an API can store its requests, and what of them, is in `constructs_lib.stores`.
"""

from constructs_lib.alarms import AlarmTopic
from constructs_lib.device_topic import DeviceTopic
from constructs_lib.job_notifications import JobNotifications
from constructs_lib.job_tracker import JobTracker
from constructs_lib.storage_first_api import Access, Cors, Quota, StorageFirstApi, Throttle, managed_web_acl
from constructs_lib.storage_first_api.models import Body, from_openapi
from constructs_lib.stored_queue import StoredQueue
from constructs_lib.stored_stream import StoredStream

__all__ = [
    "Access",
    "AlarmTopic",
    "Body",
    "Cors",
    "DeviceTopic",
    "JobNotifications",
    "JobTracker",
    "Quota",
    "StorageFirstApi",
    "StoredQueue",
    "StoredStream",
    "Throttle",
    "from_openapi",
    "managed_web_acl",
]
