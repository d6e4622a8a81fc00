"""The events of a tracker's jobs."""

from typing import Final

from aws_cdk import aws_events as events

STATUS_CHANGED: Final = "Job Status Changed"
PROGRESSED: Final = "Job Progressed"


def pattern(*detail_types: str) -> events.EventPattern:
    """Match events of jobs."""
    return events.EventPattern(source=["storage-first"], detail_type=list(detail_types))
