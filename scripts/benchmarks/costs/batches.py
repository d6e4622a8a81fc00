"""What items cost in batches, beside as many single jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from scripts.benchmarks.costs.assumptions import Assumptions
from scripts.benchmarks.costs.lines import Line, per_million, times
from scripts.benchmarks.costs.routes import RouteCost, costs_of

ITEMS = 1000
ITEM_BYTES = 100
RESULT_BYTES = 100  # of an item that has succeeded: its index, its id (that of the batch is a UUID), status and error
_BETWEEN_BYTES = 1  # a comma


@dataclass(frozen=True, kw_only=True)
class BatchCost:
    """What one item costs.

    Attributes:
        batched: As one of `ITEMS` in a batch.
        single: As a job of its own.
    """

    batched: Sequence[Line]
    single: Sequence[Line]

    @property
    def difference(self) -> float:
        """What a million items in batches cost more than as single jobs, in USD."""
        return per_million(self.batched) - per_million(self.single)


def cost_of_items(template: Mapping[str, Any], *, batch: str, single: str) -> BatchCost:
    """Compute what items cost that all succeed.

    Args:
        template: The template as the CDK wrote it.
        batch: The route that takes batches, such as `POST /reports/batch`.
        single: The route that takes single items.

    Raises:
        UnknownPriceError: If something has no price.
    """
    body_bytes = ITEMS * (ITEM_BYTES + _BETWEEN_BYTES)
    of_batch = Assumptions(body_bytes=body_bytes, result_bytes=ITEMS * RESULT_BYTES, items=ITEMS)
    batched = _cost(template, batch, of_batch).lines
    return BatchCost(
        batched=list(times(1 / ITEMS, batched)),
        single=_cost(template, single, Assumptions(body_bytes=ITEM_BYTES)).lines,
    )


def tabulate_batches(cost: BatchCost) -> Table:
    """Show both ways, item by item."""
    table = Table(title=f"USD for a million items of {ITEM_BYTES} bytes, {ITEMS:,} in a batch", show_footer=True)
    table.add_column("Item", footer="Sum")
    for heading, lines in (("Batches", cost.batched), ("Single jobs", cost.single)):
        table.add_column(heading, f"{per_million(lines):.2f}", justify="right")
    for what in dict.fromkeys(line.what for line in (*cost.single, *cost.batched)):
        table.add_row(what, *(_amount(what, lines) for lines in (cost.batched, cost.single)))
    return table


def _amount(what: str, lines: Sequence[Line]) -> str:
    return f"{per_million(line for line in lines if line.what == what):.2f}"


def _cost(template: Mapping[str, Any], route: str, assumptions: Assumptions) -> RouteCost:
    (cost,) = (cost for cost in costs_of(template, assumptions) if cost.route == route)
    return cost
