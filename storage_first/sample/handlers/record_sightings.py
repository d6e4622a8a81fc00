"""Record where gophers were seen last, in the order in which it was reported."""

import json
import logging
from typing import Any

from .entities import record_latest

logger = logging.getLogger()


def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Work on a batch of a FIFO queue; from the first failure on, all messages come again."""
    for position, record in enumerate(event["Records"]):
        try:
            record_sighting(record)
        except Exception:
            logger.exception("The sighting %s could not be recorded", record["messageId"])
            remaining = event["Records"][position:]
            return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in remaining]}
    return {"batchItemFailures": []}


def record_sighting(record: dict[str, Any]) -> None:
    """Write one sighting."""
    sighting = json.loads(record["body"])
    record_latest(
        f"GOPHER#{sighting['gopherId']}",
        "SIGHTING",
        record["attributes"]["SequenceNumber"],
        {"location": {"S": sighting["location"]}, "seenAt": {"N": record["attributes"]["SentTimestamp"]}},
    )
