from datetime import UTC, datetime, timedelta


class Clock:
    """The time of everyone in the model."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 20, 12, 29, 123_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, time: timedelta) -> None:
        self.now += time

    def tick(self) -> None:
        """Let no two things happen at once."""
        self.now += timedelta(milliseconds=7)

    @property
    def text(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def epoch(self) -> int:
        return int(self.now.timestamp())
