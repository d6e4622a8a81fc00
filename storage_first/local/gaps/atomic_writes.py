"""Conditional writes to DynamoDB are atomic.

The emulator checks a condition and writes in two steps. It serves HTTP calls on one thread, but Step Functions' own
DynamoDB integrations and the deletion of expired items run on others, so that two writers can both find their
condition met: two claims of one job would both succeed.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

from ministack.services import dynamodb

_WRITES: Final = (
    "_put_item",
    "_update_item",
    "_delete_item",
    "_batch_write_item",
    "_transact_write_items",
    "_execute_statement",
    "_batch_execute_statement",
    "_execute_transaction",
)
LOCK: Final = threading.RLock()


def close() -> None:
    """Let one write at a time check its condition."""
    for name in _WRITES:
        setattr(dynamodb, name, _alone(getattr(dynamodb, name)))


def _alone(write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def write_alone(request: Any) -> Any:
        with LOCK:
            return write(request)

    return write_alone
