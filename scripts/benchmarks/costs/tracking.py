"""How many transitions of Step Functions tracking adds, read from a synthesized template."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from scripts.benchmarks.costs.calls import FUNCTION, MACHINE
from scripts.benchmarks.costs.jobs import READER
from scripts.benchmarks.costs.stack import Stack
from scripts.benchmarks.costs.workflows import transitions_to_failure, transitions_to_success

MOST = 3


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """What tracking adds to the workflow of one type of jobs.

    Attributes:
        job_type: The type.
        success: Transitions to a success.
        failure: Transitions to a failure of the work.
    """

    job_type: str
    success: int
    failure: int

    @property
    def met(self) -> bool:
        """Whether it adds no more than it may."""
        return max(self.success, self.failure) <= MOST


def tracking_of(template: Mapping[str, Any]) -> Iterator[Tracking]:
    """Look at each workflow that the trackers in a template have wrapped.

    To an existing machine nothing is added.

    Args:
        template: The template as the CDK wrote it.
    """
    stack = Stack(template)
    for function in stack.of_type(FUNCTION):
        if function.get("Handler") != READER:
            continue
        workflows = json.loads(function["Environment"]["Variables"]["WORKFLOWS"])
        for job_type, settings in workflows.items():
            if not settings.get("existing"):
                (machine,) = stack.named_in(settings, MACHINE)
                definition = json.loads(stack.properties(machine)["DefinitionString"])
                yield Tracking(
                    job_type=job_type,
                    success=transitions_to_success(definition),
                    failure=transitions_to_failure(definition),
                )


def tabulate_tracking(trackings: Iterable[Tracking]) -> Table:
    """Show what is added to each workflow, and whether that is as little as it should be."""
    table = Table(title="Step Functions transitions that tracking adds")
    table.add_column("Type of jobs")
    for heading in ("Success", "Failure", "Aim", "Met"):
        table.add_column(heading, justify="right")
    for tracking in trackings:
        met = "[green]yes[/green]" if tracking.met else "[red]no[/red]"
        table.add_row(tracking.job_type, str(tracking.success), str(tracking.failure), f"at most {MOST}", met)
    return table
