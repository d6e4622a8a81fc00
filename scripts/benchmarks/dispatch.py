"""How long the stream reader's handler takes for a record."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.figures import Figure, Times
from scripts.benchmarks.processes import run_beside
from scripts.benchmarks.rounds import Plan, Track
from scripts.benchmarks.stores import JOB_TYPE
from storage_first.local.cloud import LocalCloud

SIZES = (1, 50)  # of batches; a mapping of the tracker's reads at most 50 records at once


def measure_dispatch(cloud: LocalCloud, plan: Plan, track: Track) -> Iterator[Figure]:
    """Call the handler with records of new jobs, and make the three calls alone that it makes for one.

    The deployed reader must be paused: it would start the jobs, too.

    Args:
        cloud: What runs the app with one route for each store.
        plan: How often.
        track: Shows how far it is.

    Raises:
        MeasurementError: If the handler fails.
    """
    functions = cloud.client("lambda")
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    reader = functions.get_function_configuration(FunctionName=mapping["FunctionArn"])
    environment = reader["Environment"]["Variables"]
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="storage-first-bench-") as directory:
            seconds = Path(directory) / "seconds"
            for _ in track(1, f"Dispatch of {size}"):
                rounds = plan.dispatches if size == 1 else max(plan.dispatches // size, 2)
                arguments = [JOB_TYPE, str(size), str(rounds), str(seconds)]
                run_beside("scripts.benchmarks.reader", arguments, cloud.endpoint, environment)
            told = json.loads(seconds.read_text())
        yield Figure(
            what=f"dispatch of a record, {size} to a batch",
            times=Times(told["handler"]),
            against="UpdateItem, StartExecution and PutEvents alone",
            baseline=Times(told["calls"]),
        )
