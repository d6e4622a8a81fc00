"""Measures speed, as ratios within one run, and computes costs: `python scripts/bench.py [--quick] [--cold]`."""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from scripts.benchmarks.costs.batches import BatchCost, tabulate_batches
from scripts.benchmarks.costs.bills import Bill, compute_batches, compute_bills, tabulate_bill
from scripts.benchmarks.costs.tracking import tabulate_tracking
from scripts.benchmarks.dispatch import measure_dispatch
from scripts.benchmarks.figures import Figure, MeasurementError, tabulate
from scripts.benchmarks.jobs import measure_jobs
from scripts.benchmarks.processes import measure_cold_demo, measure_imports, measure_synth, measure_warm_demo
from scripts.benchmarks.rates import Rate, measure_rates, tabulate_rates
from scripts.benchmarks.rounds import FULL, QUICK, Plan
from scripts.benchmarks.routes import measure_requests, pause_stream_readers
from scripts.benchmarks.stores import COMMAND
from storage_first.local.cloud import LocalCloud
from storage_first.local.errors import LocalCloudError
from storage_first.local.report import report_to

_T = TypeVar("_T")
_ROOT = Path(__file__).parents[1]
_WIDTH = 120  # where there is no terminal to tell its own


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few runs of each, and no demo.")] = False,
    cold: Annotated[bool, typer.Option("--cold", help="Also make demo in a fresh clone: minutes.")] = False,
) -> None:
    """Measure, and print tables: some ten minutes on two cores, with --quick three. Missing an aim does not fail it."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    bench = _Bench(console, QUICK if quick else FULL, cold=cold)
    bench.run()
    for table in bench.tables():
        console.print(table, "")
    console.print(_machine(), highlight=False)
    for failure in bench.failures:
        console.print(f"[red]Not measured:[/red] {escape(failure)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1 if bench.failures else 0)


class _Bench:
    """One run; what cannot be measured does not keep the rest from being so."""

    def __init__(self, console: Console, plan: Plan, *, cold: bool) -> None:
        self.failures: list[str] = []
        self._figures: list[Figure] = []
        self._rates: list[Rate] = []
        self._bills: list[Bill] = []
        self._batches: list[BatchCost] = []
        self._console = console
        self._report = report_to(console)
        self._plan = plan
        self._cold = cold

    def run(self) -> None:
        """Measure everything."""
        self._add(self._bills, compute_bills(self._report))
        self._add(self._batches, compute_batches(self._report))
        self._add(self._figures, measure_requests(self._plan, self._track, self._report))
        with self._going_on():
            self._measure_stores()
        self._add(self._figures, measure_synth(self._plan, self._track))
        self._add(self._figures, measure_imports(self._plan, self._track))
        if self._plan.demos:
            self._add(self._figures, measure_warm_demo(self._plan, self._track, self._report))
        if self._cold:
            self._add(self._figures, measure_cold_demo(self._report))

    def tables(self) -> Iterator[Table]:
        """Show what was measured."""
        yield from map(tabulate_bill, self._bills)
        yield from map(tabulate_batches, self._batches)
        if self._bills:
            yield tabulate_tracking(tracking for bill in self._bills for tracking in bill.tracking)
        if self._rates:
            yield tabulate_rates(self._rates)
        if self._figures:
            yield tabulate(self._figures)

    def _measure_stores(self) -> None:
        with LocalCloud.start(app=COMMAND, cwd=_ROOT, report=self._report) as cloud:
            self._add(self._figures, measure_jobs(cloud, self._plan, self._track))
            with self._report.step("Pausing the stream reader"):
                pause_stream_readers(cloud)
            self._add(self._figures, measure_dispatch(cloud, self._plan, self._track))
            self._add(self._rates, measure_rates(cloud, self._plan, self._track))

    def _add(self, results: list[_T], measured: Iterator[_T]) -> None:
        with self._going_on():
            results.extend(measured)

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        try:
            yield
        except (MeasurementError, LocalCloudError, httpx.HTTPError) as error:
            self.failures.append(str(error))

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
