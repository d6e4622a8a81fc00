"""Record which photographs there are."""

import json
import logging
from typing import Any

from .entities import record_latest

logger = logging.getLogger()


def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Work on a batch of a queue; only what failed comes again."""
    failed = []
    for record in event["Records"]:
        try:
            record_photo(json.loads(record["body"])["detail"]["object"])
        except Exception:
            logger.exception("The photograph of message %s could not be recorded", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def record_photo(photo: dict[str, Any]) -> None:
    """Write one photograph; `sequencer` orders the writes to one name."""
    record_latest(
        f"PHOTO#{photo['key']}",
        "PHOTO",
        photo["sequencer"],
        {"size": {"N": str(photo["size"])}, "etag": {"S": photo["etag"]}},
    )
