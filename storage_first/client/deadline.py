"""The client's one clock."""

import time


class Deadline:
    """A moment ahead, on a clock that is never set."""

    def __init__(self, seconds: float) -> None:
        """Set it `seconds` from now; infinity is never."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """How many seconds it is ahead; 0 once it has passed."""
        return max(0.0, self._end - time.monotonic())


def sleep(seconds: float) -> None:
    """Let time pass."""
    time.sleep(seconds)
