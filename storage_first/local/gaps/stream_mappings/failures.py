"""Where records go that a mapping gives up: its on-failure destination.

The record's fields, which of them are left out, and the object's key are those of Lambda's developer guide, "Retain
discarded batch records" for Kinesis and DynamoDB; SQS and SNS get what is known of the batch, S3 its records too.
"""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import new_uuid
from ministack.services import s3, sns, sqs

from storage_first.local.gaps.stream_mappings.lanes import Lane
from storage_first.local.gaps.stream_mappings.shards import Entry

EXHAUSTED = "RetryAttemptsExhausted"
EXPIRED = "RecordAgeExceeded"
_log = logging.getLogger(__name__)


def discard(lane: Lane, entries: Sequence[Entry], *, condition: str, attempts: int, error: str | None = None) -> None:
    """Send `entries` to the mapping's on-failure destination, if it has one.

    Args:
        lane: Who gives them up.
        entries: The records, at least one.
        condition: Why, in AWS's words.
        attempts: How often they were tried.
        error: `Unhandled` if the function raised an error, or `None` if it named the records as failed.
    """
    destination = ((lane.mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if not destination:
        return
    now = datetime.now(UTC)
    record = _record(lane, entries, now, condition=condition, attempts=attempts, error=error)
    arn = parse_arn(destination)
    try:
        if arn.service == "sqs":
            url = sqs._queue_url(arn.resource)
            sqs._act_send_message({"QueueUrl": url, "MessageBody": json.dumps(record)}, url)
        elif arn.service == "sns":
            sns.publish_internal(destination, json.dumps(record))
        elif arn.service == "s3":
            whole = {**record, "payload": json.dumps({"Records": [entry.event for entry in entries]})}
            s3._put_object(arn.resource, _object_key(lane, now), json.dumps(whole).encode(), {})
    except (sqs._Err, sns.SnsPublishError) as error_:
        _log.warning("Nothing reached the on-failure destination %s: %s", destination, error_)


def _object_key(lane: Lane, now: datetime) -> str:
    """`aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`."""
    return f"aws/lambda/{lane.mapping['UUID']}/{lane.shard.id}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{new_uuid()}"


def _record(
    lane: Lane, entries: Sequence[Entry], now: datetime, *, condition: str, attempts: int, error: str | None
) -> dict[str, Any]:
    function = lane.function.get("config") or lane.function
    first, last = entries[0], entries[-1]
    # There is no answer of the function to tell of if age alone ended it.
    response = {"statusCode": 200, "executedVersion": function.get("Version", "$LATEST"), "functionError": error}
    return {
        "requestContext": {
            "requestId": new_uuid(),
            "functionArn": function["FunctionArn"],
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        **({} if condition == EXPIRED else {"responseContext": response}),
        "version": "1.0",
        "timestamp": _iso(now, "milliseconds"),
        lane.shard.batch_info: {
            "shardId": lane.shard.id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(datetime.fromtimestamp(first.arrived, UTC), lane.shard.precision),
            "approximateArrivalOfLastRecord": _iso(datetime.fromtimestamp(last.arrived, UTC), lane.shard.precision),
            "batchSize": len(entries),
            "streamArn": lane.mapping["EventSourceArn"],
        },
    }


def _iso(moment: datetime, precision: str) -> str:
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
