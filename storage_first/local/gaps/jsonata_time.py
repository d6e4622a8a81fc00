"""A JSONata expression has a second of its own to be evaluated in, however much else is going on.

The emulator counts the time on the wall: of many executions at once, some fail with `D1012: Evaluation timeout`.
"""

import time
from typing import Any

from jsonata.jexception import JException
from jsonata.timebox import Timebox


def close() -> None:
    """Count the time of the thread that evaluates. What the clock says, `$millis()` tells as ever."""
    begin = Timebox.__init__
    check = Timebox.check_runaway

    def begin_own(self: Any, expression: Any, timeout: int | None = None, max_depth: int | None = None) -> None:
        self.own_timeout, self.own_start = timeout, _own_milliseconds()
        begin(self, expression, None, max_depth)

    def check_own(self: Any) -> None:
        check(self)
        if self.own_timeout is not None and _own_milliseconds() - self.own_start > self.own_timeout:
            raise JException("D1012", -1, self.own_timeout)

    Timebox.__init__ = begin_own
    Timebox.check_runaway = check_own


def _own_milliseconds() -> int:
    return time.thread_time_ns() // 1_000_000
