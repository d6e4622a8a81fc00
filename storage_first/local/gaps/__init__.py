"""Where the emulator differs from AWS and a promise of this library depends on it.

Each module closes one gap of the pinned ministack by replacing functions of it at run time, in the emulator's own
process, before it serves. Its test shows both sides: what the bare emulator does, and what it does once the gap is
closed, so that a newer ministack that needs a module no longer is noticed.
"""

from collections.abc import Callable
from typing import Final

from storage_first.local.gaps import (
    atomic_writes,
    bus_events,
    data_limits,
    event_retries,
    execution_ends,
    execution_names,
    execution_requests,
    express_executions,
    json_requests,
    jsonata_states,
    jsonata_time,
    lambda_concurrency,
    lambda_errors,
    nested_executions,
    object_limits,
    persistence,
    queue_mappings,
    queue_messages,
    stream_mappings,
    stream_records,
    task_timing,
    time_to_live,
    topic_messages,
    websocket_addresses,
    websocket_answers,
)

GAPS: Final[dict[str, Callable[[], None]]] = {
    module.__name__.rpartition(".")[2]: module.close
    for module in (
        atomic_writes,
        bus_events,
        data_limits,
        event_retries,
        execution_ends,
        execution_names,
        execution_requests,
        express_executions,
        json_requests,
        jsonata_states,
        jsonata_time,
        lambda_concurrency,
        lambda_errors,
        nested_executions,
        object_limits,
        persistence,
        queue_mappings,
        queue_messages,
        stream_mappings,
        stream_records,
        task_timing,
        time_to_live,
        topic_messages,
        websocket_addresses,
        websocket_answers,
    )
}


def close_all() -> None:
    """Close every gap. To be called once, before the emulator serves."""
    for close in GAPS.values():
        close()
