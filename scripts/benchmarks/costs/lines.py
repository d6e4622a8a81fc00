"""Items of a bill."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.benchmarks.costs.prices import MILLION, PRICES, Price


@dataclass(frozen=True)
class Line:
    """One item of what a request costs, or of what a month costs.

    Attributes:
        what: The name of its price.
        count: How many units there are of it.
    """

    what: str
    count: float

    @property
    def price(self) -> Price:
        """The price of what is counted."""
        return PRICES[self.what]

    @property
    def usd(self) -> float:
        """The cost."""
        return self.count * self.price.usd / self.price.per


def times(count: float, lines: Iterable[Line]) -> Iterator[Line]:
    """Count all of some items so often."""
    for line in lines:
        yield Line(line.what, count * line.count)


def per_million(lines: Iterable[Line]) -> float:
    """Add up what a million requests cost, in USD."""
    return MILLION * sum(line.usd for line in lines)


def merged(lines: Iterable[Line]) -> list[Line]:
    """Make one line of all that have one price."""
    counts: dict[str, float] = {}
    for line in lines:
        counts[line.what] = counts.get(line.what, 0) + line.count
    return [Line(what, count) for what, count in counts.items()]
