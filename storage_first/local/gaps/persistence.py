"""What ran when the local cloud stopped goes on when it starts again.

The emulator saves a stream mapping's position but not the stream, so that after a restart the mapping skips as many
new records as it had read old ones. It marks executions that were running as failed, and tells nobody. It saves one
service after the other while work goes on, so that the saved parts need not fit together.
"""

import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ministack import app
from ministack.core import persistence as store
from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import cloudformation, dynamodb, lambda_svc, stepfunctions

from storage_first.local.gaps import atomic_writes, stream_mappings

_STREAM_STATE: Final = ("_stream_records", "_stream_trimmed", "_closed_streams")
_QUIET_TIMEOUT: Final = 3.0
_POLL: Final = 0.02
_log = logging.getLogger(__name__)


def close() -> None:
    """Save streams, resume executions, and save all services as of one moment."""
    _save_streams()
    _resume_executions()
    app.save_all = _save_together


def quiesce() -> None:
    """Start no more work from streams, and give what runs a moment to end; called before state is saved."""
    stream_mappings.pause()
    deadline = time.monotonic() + _QUIET_TIMEOUT
    while lambda_svc.executions_in_flight()[0] and time.monotonic() < deadline:
        time.sleep(_POLL)


def _save_streams() -> None:
    get_state = dynamodb.get_state
    load = dynamodb.load_persisted_state

    def get_state_with_streams() -> dict[str, Any]:
        with atomic_writes.LOCK:
            streams = {name: getattr(dynamodb, name) for name in _STREAM_STATE}
            return {**get_state(), "streams": streams, "stream_sequence": dynamodb._stream_seq_counter}

    def load_with_streams(data: dict[str, Any]) -> None:
        load(data)
        for name, records in (data.get("streams") or {}).items():
            getattr(dynamodb, name).update(records)
        dynamodb._stream_seq_counter = data.get("stream_sequence", 0)

    dynamodb.get_state = get_state_with_streams
    dynamodb.load_persisted_state = load_with_streams


def _resume_executions() -> None:
    load_all = app._load_persisted_state

    def load_all_and_resume() -> None:
        load_all()
        for arn, execution in _interrupted():
            _start_again(arn, execution)

    app._load_persisted_state = load_all_and_resume


def _interrupted() -> list[tuple[str, dict[str, Any]]]:
    return [
        (arn, execution)
        for (_, _, arn), execution in list(stepfunctions._executions.all_items())
        if execution.get("error") == "States.ServiceRestart" and not execution.get("sync")
    ]


def _start_again(arn: str, execution: dict[str, Any]) -> None:
    """Run an interrupted execution from its first state on; its tasks are at least once, as Lambda's are."""
    execution.update(status="RUNNING", stopDate=None, mockAttempts={}, events=execution["events"][:1])
    execution.pop("error")
    execution.pop("cause")
    spec = parse_arn(arn)
    with request_scope(spec.account_id, spec.region):
        context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(stepfunctions._run_execution, arn), daemon=True).start()


def _save_together(services: dict[str, Callable[[], Any]]) -> None:
    """Take every service's state first, then write it all.

    Readers are taken before what they read and what they write, so that a change that slips in between is seen again
    after the restart rather than lost. A deployment that is under way is not worth keeping: nothing would finish it.
    """
    if _deploying():
        _log.warning("A stack is being deployed: this run's state is not saved")
        return
    order = {"lambda": 0, "states": 1, "stepfunctions": 1, "dynamodb": 3}
    states = {name: services[name]() for name in sorted(services, key=lambda name: order.get(name, 2))}
    directory = Path(store.STATE_DIR)
    (directory / "complete").unlink(missing_ok=True)
    for name, state in states.items():
        if state is not None:
            store.save_state(name, state)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "complete").write_text(os.environ["GATEWAY_PORT"])


def _deploying() -> bool:
    return any(
        stack.get("StackStatus", "").endswith("_IN_PROGRESS") and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        for stack in cloudformation._stacks.all_values()
    )
