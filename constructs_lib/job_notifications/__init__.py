"""Who waits for jobs is told: browsers over a WebSocket API, people and systems over SNS."""

from constructs_lib.job_notifications.notifications import JobNotifications
from constructs_lib.job_notifications.topic import JobTopic

__all__ = ["JobNotifications", "JobTopic"]
