"""Bills of whole apps, computed from what they synthesize to."""

import json
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from scripts.benchmarks import stores
from scripts.benchmarks.costs.batches import BatchCost, cost_of_items
from scripts.benchmarks.costs.lines import Line, per_million
from scripts.benchmarks.costs.routes import RouteCost, costs_of
from scripts.benchmarks.costs.tracking import Tracking, tracking_of
from scripts.benchmarks.processes import synth_batch, synth_sample, synth_stores
from storage_first.local.report import Report

_ITEMS_WIDTH = 46


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What each route of an app costs.

    Attributes:
        app: The app's name.
        routes: Its routes.
        tracking: What tracking adds to each of its workflows.
    """

    app: str
    routes: Sequence[RouteCost]
    tracking: Sequence[Tracking] = ()


def compute_bills(report: Report) -> Iterator[Bill]:
    """Synthesize the app with one route for each store, and the sample, and compute what their routes cost.

    Raises:
        MeasurementError: If one of them fails, or a price is not known.
    """
    apps = {"a route for each store": (synth_stores, stores.STACK), "the sample": (synth_sample, "GopherHoles")}
    for app, (synth, stack) in apps.items():
        with report.step(f"Costs of {app}"):
            template = template_of(synth, stack)
            yield Bill(app=app, routes=costs_of(template), tracking=list(tracking_of(template)))


def compute_batches(report: Report) -> Iterator[BatchCost]:
    """Synthesize the example of batches, and compute what items cost.

    Raises:
        MeasurementError: If it fails, or a price is not known.
    """
    with report.step("Costs of batches"):
        template = template_of(synth_batch, "Reports")
        yield cost_of_items(template, batch="POST /reports/batch", single="POST /reports")


def template_of(synth: Callable[[Path], None], stack: str) -> Mapping[str, Any]:
    """Synthesize an app, and read the template of one of its stacks.

    Raises:
        MeasurementError: If it fails.
    """
    with tempfile.TemporaryDirectory(prefix="storage-first-bench-") as directory:
        synth(Path(directory))
        template: Mapping[str, Any] = json.loads((Path(directory) / f"{stack}.template.json").read_text())
        return template


def tabulate_bill(bill: Bill) -> Table:
    """Show what a million requests of each route cost, item by item, beside the same route through a function."""
    table = Table(
        title=f"USD for a million requests: {bill.app}",
        caption="Bodies of 1 KB; see docs/costs.md for what is assumed, and what is not counted.",
        show_lines=True,
    )
    table.add_column("Route")
    table.add_column("Items", width=_ITEMS_WIDTH)
    for heading in ("Direct", "Through\na Lambda", "HTTP API,\nLambda", "And each\nmonth"):
        table.add_column(heading, justify="right", no_wrap=True)
    for route in bill.routes:
        through = [f"{route.by_function:.2f}", f"{route.by_http_api:.2f}"] if route.function else ["it is one", ""]
        what = f"{route.route}\n[dim]{route.calls}[/dim]"
        table.add_row(
            f"{what}\n[dim]until it is Succeeded[/dim]" if route.is_job else what,
            _items(route.lines),
            f"{route.direct:.2f}",
            *through,
            f"{route.monthly:.2f}" if route.month else "",
        )
    return table


def _items(lines: Sequence[Line]) -> str:
    """Write items with their amounts, none of which is torn from its name by the end of a line."""
    glue = "\N{NO-BREAK SPACE}"
    items = [f"{line.what} {per_million([line]):.2f}".replace(" ", glue) for line in lines]
    return textwrap.fill(" + ".join(items), _ITEMS_WIDTH).replace(glue, " ")
