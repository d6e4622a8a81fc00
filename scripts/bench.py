"""Measures speed, as ratios within one run: `python scripts/bench.py [--quick] [--cold]`."""

import os
import platform
from collections.abc import Iterable, Iterator
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from scripts.benchmarks.figures import Figure, MeasurementError, tabulate
from scripts.benchmarks.processes import measure_cold_demo, measure_imports, measure_synth, measure_warm_demo
from scripts.benchmarks.rounds import FULL, QUICK, Plan
from scripts.benchmarks.routes import measure_requests
from storage_first.local.errors import LocalCloudError
from storage_first.local.report import report_to

_WIDTH = 120  # where there is no terminal to tell its own


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few runs of each, and no demo.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Also make demo in a fresh clone: minutes.")] = False,
) -> None:
    """Measure, and print a table. Whether an aim is met does not change the exit code."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    bench = _Bench(console, QUICK if quick else FULL, cold=cold)
    bench.run()
    console.print(tabulate(bench.figures))
    console.print(_machine(), highlight=False)
    for failure in bench.failures:
        console.print(f"[red]Not measured:[/red] {escape(failure)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1 if bench.failures else 0)


class _Bench:
    """One run; what cannot be measured does not keep the rest from being so."""

    def __init__(self, console: Console, plan: Plan, *, cold: bool) -> None:
        self.figures: list[Figure] = []
        self.failures: list[str] = []
        self._console = console
        self._report = report_to(console)
        self._plan = plan
        self._cold = cold

    def run(self) -> None:
        for part in self._parts():
            try:
                self.figures.extend(part)
            except (MeasurementError, LocalCloudError, httpx.HTTPError) as error:
                self.failures.append(str(error))

    def _parts(self) -> Iterator[Iterator[Figure]]:
        yield measure_requests(self._plan, self._track, self._report)
        yield measure_synth(self._plan, self._track)
        yield measure_imports(self._plan, self._track)
        if self._plan.demos:
            yield measure_warm_demo(self._plan, self._track, self._report)
        if self._cold:
            yield measure_cold_demo(self._report)

    def _track(self, rounds: int, text: str) -> Iterable[int]:
        return track(range(rounds), description=text, console=self._console)


def _machine() -> str:
    load, *_ = os.getloadavg()
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {load:.1f} at the end"
    )


if __name__ == "__main__":
    typer.run(main)
