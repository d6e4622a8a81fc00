"""Rounds of a measurement, and how many of each there are."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from scripts.benchmarks.figures import Times

Track = Callable[[int, str], Iterable[int]]
"""Goes through so many rounds of what the text says, and shows how far it has come."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many runs each median is of, and how many requests each rate.

    Attributes:
        demos: Runs of `make demo`; none is measured if there are none.
        rate_requests: Requests to each store, each way.
        crowd: Jobs that are submitted at once.
        crowds: How often; and how often all subscribers of a job are told.
        dispatches: Records that the stream reader gets.
    """

    requests: int
    jobs: int
    synths: int
    imports: int
    demos: int
    rate_requests: int
    crowd: int
    crowds: int
    dispatches: int


FULL = Plan(
    requests=200, jobs=20, synths=7, imports=15, demos=3, rate_requests=300, crowd=100, crowds=3, dispatches=100
)
QUICK = Plan(requests=30, jobs=5, synths=2, imports=3, demos=0, rate_requests=30, crowd=20, crowds=2, dispatches=20)


def interleave(rounds: Iterable[int], actions: Mapping[str, Callable[[], object]]) -> dict[str, Times]:
    """Time actions in turns, so that whatever else the machine does slows all of them alike.

    Each round begins with another action: what follows a slow one would else always be the same.

    Args:
        rounds: One item for each round.
        actions: What to time, by name.
    """
    names = list(actions)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number, _ in enumerate(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            started = time.perf_counter()
            actions[name]()
            seconds[name].append(time.perf_counter() - started)
    return {name: Times(of_one) for name, of_one in seconds.items()}
