"""How much a batch may be, so that nothing of it exceeds what DynamoDB and Step Functions take.

Three of AWS's limits meet here: an item of DynamoDB has 400 KB, a payload or a variable of an execution 256 KiB, and
the history of an execution 25,000 events.
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
from typing import Final

# An item of a batch adds 15 events to the history, and 3 for each retry; see `MAX_RETRIES`.
MAX_ITEMS: Final = 1000
# Of an inline Map state. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
MAX_CONCURRENCY: Final = 40
# Each writes the job's whole item: a write unit for each KB of the body.
MAX_PROGRESS_WRITES: Final = 20
# How often an item's own writes and its start are tried again, in all: more would not fit into the history.
MAX_RECORD_RETRIES: Final = 2
MAX_START_RETRIES: Final = 1

# The job's item holds body and results: 400 KB, less 8 KB for its other attributes.
MAX_BODY_BYTES: Final = 192 * 1024
MAX_RESULTS_BYTES: Final = 400 * 1024 - 8 * 1024 - MAX_BODY_BYTES
# The state that writes them has them as a text among its arguments: a payload, less 4 KB for the others.
MAX_QUOTED_RESULTS_BYTES: Final = 256 * 1024 - 4 * 1024
MAX_CODE: Final = 64
MAX_MESSAGE: Final = 256
UNTOLD: Final = {"code": "ItemFailed", "message": ""}  # of a failure whose own words no longer fit

_LONGEST_ID = 64
_LARGEST_BARE = {
    "index": MAX_ITEMS - 1,
    "id": f"{'x' * _LONGEST_ID}.{MAX_ITEMS - 1}",
    "status": "Succeeded",
    "error": UNTOLD,
}
_LARGEST_TEXT = json.dumps(_LARGEST_BARE, separators=(",", ":"))
# What the result of an item needs at least, with the comma after it; and as a text in JSON.
BARE_RESULT_BYTES: Final = len(_LARGEST_TEXT) + 1
BARE_QUOTED_RESULT_BYTES: Final = len(json.dumps(_LARGEST_TEXT)) - 2 + 1


def require_count(argument: str, value: int, most: int, *, because: str) -> None:
    """Check that `value` is from 1 to `most`.

    Raises:
        ValueError: If it is not; the message names `argument`, and says why.
    """
    if not 1 <= value <= most:
        raise ValueError(f"{argument} must be from 1 to {most:,}, because {because}; got {value:,}")
