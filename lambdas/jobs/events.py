"""What the event bus is told about jobs. Names and shapes are API: see the schemas in constructs_lib."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.clients import eventbridge
from lambdas.jobs.jobs import UnreadableJobError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

logger = Logger(child=True)

SOURCE = "storage-first"
STATUS_CHANGED = "Job Status Changed"
PROGRESSED = "Job Progressed"
BATCH = 10  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One event, and the job whose events must keep their order."""

    key: str
    record: str
    entry: PutEventsRequestEntryTypeDef


def change(record: Mapping[str, Any]) -> JobEvent | None:
    """Tell what a stream record changed that the world should hear; None if nothing.

    Raises:
        UnreadableJobError: If the images are not those of a job.
    """
    new = record["dynamodb"]["NewImage"]
    old = record["dynamodb"].get("OldImage", {})
    try:
        if new["status"] != old.get("status"):
            detail_type = STATUS_CHANGED
        elif new.get("progress") != old.get("progress"):
            detail_type = PROGRESSED
        else:
            return None
        return JobEvent(
            key=new["pk"]["S"],
            record=record["dynamodb"]["SequenceNumber"],
            entry={
                "EventBusName": os.environ["EVENT_BUS"],
                "Source": SOURCE,
                "DetailType": detail_type,
                "Detail": json.dumps(detail(new, old), ensure_ascii=False, separators=(",", ":")),
            },
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableJobError(f"No job: {error!r} in an item with {sorted(new)}.") from error


def publish(events: Sequence[JobEvent]) -> set[str]:
    """Send events to the bus in their order.

    What follows a failed event of the same job is held back, and counts as failed too.

    Returns:
        The stream records whose events the bus did not take.
    """
    failed: set[str] = set()
    behind: set[str] = set()  # jobs with a failed event
    for start in range(0, len(events), BATCH):
        batch = events[start : start + BATCH]
        held = [event for event in batch if event.key in behind]
        sent = [event for event in batch if event.key not in behind]
        try:
            refused = held + _put(sent)
        except (BotoCoreError, ClientError):
            logger.exception("The bus is out of reach.")  # and would be for the rest: do not spend their time-outs too
            return failed | {event.record for event in events[start:]}
        failed |= {event.record for event in refused}
        behind |= {event.key for event in refused}
    return failed


def _put(events: Sequence[JobEvent]) -> list[JobEvent]:
    """Send at most ten events; return those that the bus refused."""
    if not events:
        return []
    answer = eventbridge().put_events(Entries=[event.entry for event in events])
    return [event for event, entry in zip(events, answer["Entries"], strict=True) if "ErrorCode" in entry]


def detail(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of a job as it is now, and of the status that it was in before, where `old` has one."""
    progress, error = new.get("progress"), new.get("error")
    return {
        "id": new["id"]["S"],
        "type": new["type"]["S"],
        "tenant": new["tenant"]["S"],
        "status": new["status"]["S"],
        "previousStatus": old["status"]["S"] if "status" in old else None,
        "attempt": int(new["attempt"]["N"]),
        "version": int(new["version"]["N"]),
        "progress": progress
        and {
            "percent": int(progress["M"]["percent"]["N"]),
            "message": progress["M"]["message"]["S"],
        },
        "error": error and {"code": error["M"]["code"]["S"], "message": error["M"]["message"]["S"]},
        "time": new["updatedAt"]["S"],
    }
