"""Figures of a benchmark: times of several runs, ratios of their medians, and whether an aim is met."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

_MILLISECONDS_BELOW = 1.0


class MeasurementError(Exception):
    """Something could not be measured; the message is one sentence that says why."""


@dataclass(frozen=True)
class Times:
    """How long each of several runs took.

    Attributes:
        seconds: One number for each run.
    """

    seconds: Sequence[float]

    def __post_init__(self) -> None:
        """Check that there is something to take a median of.

        Raises:
            ValueError: If there are no runs.
        """
        if not self.seconds:
            raise ValueError("seconds must hold the time of at least one run, got none")

    @property
    def median(self) -> float:
        """The time of a usual run, in seconds."""
        return statistics.median(self.seconds)

    def minus(self, overhead: float) -> "Times":
        """The same runs without the `overhead`, in seconds, that each of them had."""
        return Times([seconds - overhead for seconds in self.seconds])

    def __str__(self) -> str:
        unit, factor, digits = ("ms", 1000, 1) if self.median < _MILLISECONDS_BELOW else ("s", 1, 2)
        median, fastest, slowest = (
            f"{seconds * factor:.{digits}f}" for seconds in (self.median, min(self.seconds), max(self.seconds))
        )
        return f"{median} {unit} ({fastest} to {slowest}; runs: {len(self.seconds)})"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the result.

    Attributes:
        what: What was measured.
        times: Its runs.
        against: What it is compared with, if with anything.
        baseline: The runs of that.
        most: The aim: the greatest ratio, or the most seconds where nothing is compared.
    """

    what: str
    times: Times
    against: str = ""
    baseline: Times | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as long it took as what it is compared with."""
        return self.times.median / self.baseline.median if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met, if there is one."""
        if self.most is None:
            return None
        return (self.times.median if self.ratio is None else self.ratio) <= self.most

    @property
    def aim(self) -> str:
        """The aim in words."""
        if self.most is None:
            return ""
        return f"at most {self.most:g}" + ("" if self.baseline else " s")


def tabulate(figures: Iterable[Figure]) -> Table:
    """Show figures, with what each is compared with below it."""
    table = Table(title="Medians, with the fastest and the slowest run", show_lines=True)
    for heading in ("What", "Time"):
        table.add_column(heading)
    for heading in ("Ratio", "Aim", "Met"):
        table.add_column(heading, justify="right")
    verdicts = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}
    for figure in figures:
        compared = [(figure.what, str(figure.times))]
        if figure.baseline:
            compared.append((f"[dim]to {figure.against}[/dim]", f"[dim]{figure.baseline}[/dim]"))
        what, times = ("\n".join(lines) for lines in zip(*compared, strict=True))
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(what, times, ratio, figure.aim, verdicts[figure.met])
    return table
