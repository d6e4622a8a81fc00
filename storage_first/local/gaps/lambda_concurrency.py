"""A burst of invocations does not start a burst of processes.

AWS runs up to 1,000 executions at once; the emulator starts a process for each, and 160 of them bring a laptop down.
Invocations above the limit wait for their turn here. They do not wait for ever: a function that waits for another one
(through Step Functions, say) would hold the place that the other one needs. So whenever none has begun or ended for a
while, one more may begin.
"""

import os
import threading
import time
from typing import Any, Final

from ministack.services import lambda_svc

AT_ONCE: Final = max(4, 2 * (os.cpu_count() or 1))
_STANDSTILL: Final = 1.0


def close() -> None:
    """Let invocations above the limit wait."""
    places = Places(AT_ONCE, standstill=_STANDSTILL)
    execute = lambda_svc._execute_function_warm

    def execute_in_turn(*args: Any) -> Any:
        places.take()
        try:
            return execute(*args)
        finally:
            places.leave()

    lambda_svc._execute_function_warm = execute_in_turn


class Places:
    """Places for so many at once, and one more whenever nothing moves."""

    def __init__(self, count: int, *, standstill: float) -> None:
        """Open the places.

        Args:
            count: How many there are.
            standstill: The seconds without anybody who comes or leaves, after which one more is let in.
        """
        self._left = count
        self._standstill = standstill
        self._moved = time.monotonic()
        self._change = threading.Condition()

    def take(self) -> None:
        """Wait for a place."""
        with self._change:
            while self._left <= 0 and (patience := self._moved + self._standstill - time.monotonic()) > 0:
                self._change.wait(patience)
            self._left -= 1
            self._moved = time.monotonic()

    def leave(self) -> None:
        """Give a place back."""
        with self._change:
            self._left += 1
            self._moved = time.monotonic()
            self._change.notify()
