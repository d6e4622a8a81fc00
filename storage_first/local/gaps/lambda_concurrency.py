"""A burst of invocations does not start a burst of processes.

AWS runs up to 1,000 executions at once; the emulator starts a process for each, and 160 of them bring a laptop down.
Invocations above the limit wait for their turn here. They do not wait for ever: a function that waits for another one
(through Step Functions, say) would hold the place that the other one needs.
"""

import os
import threading
from typing import Any, Final

from ministack.services import lambda_svc

AT_ONCE: Final = max(4, 2 * (os.cpu_count() or 1))
_PATIENCE: Final = 3.0


def close() -> None:
    """Let invocations above the limit wait."""
    places = threading.BoundedSemaphore(AT_ONCE)
    execute = lambda_svc._execute_function_warm

    def execute_in_turn(*args: Any) -> Any:
        has_place = places.acquire(timeout=_PATIENCE)
        try:
            return execute(*args)
        finally:
            if has_place:
                places.release()

    lambda_svc._execute_function_warm = execute_in_turn
