"""Record the last temperature of each hole."""

import base64
import json
from decimal import Decimal
from typing import Any

from .entities import record_latest


def handler(event: dict[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
    """Work on a batch of a stream; one bad record is found by halving the batch, and put aside."""
    for record in event["Records"]:
        reading = json.loads(base64.b64decode(record["kinesis"]["data"]), parse_float=Decimal)
        record_latest(
            f"HOLE#{reading['holeId']}",
            "READING",
            record["kinesis"]["sequenceNumber"],
            {
                "temperature": {"N": str(reading["temperature"])},
                "readAt": {"N": str(int(record["kinesis"]["approximateArrivalTimestamp"] * 1000))},
            },
        )
    return {"batchItemFailures": []}
