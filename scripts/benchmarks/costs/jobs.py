"""What a tracked job costs after it is stored, until it is Succeeded."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.benchmarks.costs.calls import FUNCTION, MACHINE, Call, Calls
from scripts.benchmarks.costs.lines import Line, times
from scripts.benchmarks.costs.prices import UnknownPriceError
from scripts.benchmarks.costs.stack import Stack
from scripts.benchmarks.costs.workflows import Visit

READER = "lambdas.jobs.stream_reader.handler"
_EXECUTION_ENDED = "lambdas.jobs.execution_ended.handler"


class Jobs:
    """Prices the way of a job through its tracker."""

    def __init__(self, stack: Stack, calls: Calls) -> None:
        """Price jobs of the trackers that `stack` has."""
        self._stack = stack
        self._calls = calls

    def price(self, stored: Call) -> Iterator[Line]:
        """List what follows a call that stores a job; nothing follows what is stored in another table.

        Each change of a job is a record of its own, read by an invocation of its own: at a high rate, fewer
        invocations read more records each.

        Raises:
            UnknownPriceError: If the workflow of the job is not known.
        """
        if not stored.name.startswith("dynamodb:"):
            return
        table = self._calls.table(stored)
        reader = self._reader_of(table)
        if reader is None:
            return
        if "if_not_exists" not in str(stored.request):
            return  # a change of a job; a new attempt at it costs what the first did
        machine = self._workflow(reader, stored)
        yield Line("DynamoDB writes", self._claim(table))
        yield from self._calls.execution(machine)
        records = 2 + self._writes_of(machine, table)  # stored, claimed, and what the workflow writes
        yield from self._calls.invocations(reader, records)
        yield Line("EventBridge", records)  # an event tells neither the input nor the result
        yield from self._told_of_end(machine, self._calls)
        for item_machine, count in self._item_machines(machine):
            yield from times(count, self._told_of_end(item_machine, self._calls.of_items))

    def _claim(self, table: str) -> int:
        """Price Pending -> In Progress; the job is looked at again at another time."""
        return self._calls.item_writes() + self._calls.index_writes(table, ("status", "checkAt"))

    def _reader_of(self, table: str) -> Mapping[str, Any] | None:
        for mapping in self._stack.of_type("AWS::Lambda::EventSourceMapping"):
            if table not in self._stack.named_in(
                mapping["EventSourceArn"], "AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table"
            ):
                continue
            for function_id in self._stack.named_in(mapping["FunctionName"], FUNCTION):
                function = self._stack.properties(function_id)
                if function["Handler"] == READER:
                    return function
        return None

    def _workflow(self, reader: Mapping[str, Any], stored: Call) -> str:
        workflows: Mapping[str, object] = json.loads(reader["Environment"]["Variables"]["WORKFLOWS"])
        of_type = [known for job_type, known in workflows.items() if f'{{"S":"{job_type}"}}' in str(stored.request)]
        machines = self._stack.named_in(of_type, MACHINE)
        if len(machines) != 1:
            raise UnknownPriceError(
                f"{stored.by} stores jobs whose workflow cannot be told from the template, so their cost is not known."
            )
        return machines[0]

    def _writes_of(self, machine: str, table: str) -> int:
        """Count how often a workflow writes to its job: its progress, and its end."""
        return sum(
            visit.times
            for visit, task in self._tasks_of(machine)
            if task.name == "dynamodb:UpdateItem" and not visit.of_item and self._calls.table(task) == table
        )

    def _item_machines(self, machine: str) -> Iterator[tuple[str, int]]:
        """Find what a workflow starts for items, and how often."""
        for visit, task in self._tasks_of(machine):
            if task.name == "states:StartExecution" and visit.of_item:
                yield self._calls.machine(task), visit.times

    def _tasks_of(self, machine: str) -> Iterator[tuple[Visit, Call]]:
        for visit in self._calls.visits(machine):
            if visit.state["Type"] == "Task":
                yield visit, self._calls.task(machine, visit.state)

    def _told_of_end(self, machine: str, calls: Calls) -> Iterator[Line]:
        """Price the function that hears of each success, and the write that finds the job closed: it costs the same."""
        for rule in self._stack.of_type("AWS::Events::Rule"):
            pattern = rule.get("EventPattern", {})
            if "SUCCEEDED" not in str(pattern) or machine not in self._stack.named_in(pattern, MACHINE):
                continue
            for function_id in self._stack.named_in(rule["Targets"], FUNCTION):
                function = self._stack.properties(function_id)
                yield from calls.invocations(function)
                if function["Handler"] == _EXECUTION_ENDED:
                    yield Line("DynamoDB writes", calls.item_writes(has_result=True))
