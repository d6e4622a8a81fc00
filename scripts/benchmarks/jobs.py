"""How long many jobs take at once, beside as many executions of the same workflow."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import httpx

from scripts.benchmarks.answers import expect
from scripts.benchmarks.figures import Figure, MeasurementError
from scripts.benchmarks.rounds import Plan, Track, interleave
from scripts.benchmarks.stores import JOB_TYPE, STACK
from storage_first.local.cloud import LocalCloud

CLIENTS = 8

_POLL = 0.05
_TIMEOUT = 120.0
_CALL_TIMEOUT = 30.0
_WARM_UP = 2 * CLIENTS
_PAGE = 1000


def measure_jobs(cloud: LocalCloud, plan: Plan, track: Track) -> Iterator[Figure]:
    """Submit jobs, and wait until all are Succeeded; start as many executions, and wait for their end.

    Args:
        cloud: What runs the app with one route for each store.
        plan: How many jobs, and how often.
        track: Shows how far it is.

    Raises:
        MeasurementError: If a job is not accepted, or does not end in time.
    """
    with closing(_Work(cloud)) as work:
        work.finish_jobs(_WARM_UP)
        times = interleave(
            track(plan.crowds, "Many jobs"),
            {
                "jobs": lambda: work.finish_jobs(plan.crowd),
                "executions": lambda: work.finish_executions(plan.crowd),
            },
        )
    jobs, executions = times["jobs"], times["executions"]
    yield Figure(
        what=f"{plan.crowd} jobs of {CLIENTS} clients, all Succeeded: {plan.crowd / jobs.median:.0f}/s",
        times=jobs,
        against=f"as many bare executions of their workflow: {plan.crowd / executions.median:.0f}/s",
        baseline=executions,
    )


class _Work:
    """What there is to do, and the clients that do it."""

    def __init__(self, cloud: LocalCloud) -> None:
        (api,) = cloud.apis
        outputs = cloud.outputs[STACK]
        self._url = f"{api.url}job"
        self._table, self._workflow = outputs["JobsName"], outputs["WorkflowName"]
        self._dynamodb, self._executions = cloud.client("dynamodb"), cloud.client("stepfunctions")
        self._http = httpx.Client(timeout=_CALL_TIMEOUT, trust_env=False)
        self._threads = ThreadPoolExecutor(CLIENTS)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def finish_jobs(self, count: int) -> None:
        before = self._succeeded_jobs()
        self._send(self._submit, count)
        _wait_for(count, lambda: self._succeeded_jobs() - before, "jobs")

    def finish_executions(self, count: int) -> None:
        name = uuid.uuid4().hex
        self._send(partial(self._start, name), count)
        _wait_for(count, partial(self._succeeded_executions, name), "executions")

    def _send(self, call: Callable[[int], None], count: int) -> None:
        for sent in [self._threads.submit(call, number) for number in range(count)]:
            sent.result()

    def _submit(self, number: int) -> None:
        expect(self._http.post(self._url, json={"number": number}), httpx.codes.ACCEPTED)

    def _start(self, name: str, number: int) -> None:
        # It finds no job to write to, which costs it one more state.
        known = {"tenant": "default", "id": f"{name}-{number}", "type": JOB_TYPE, "attempt": 1, "input": {}}
        self._executions.start_execution(
            stateMachineArn=self._workflow, name=f"{name}-{number}", input=json.dumps(known)
        )

    def _succeeded_jobs(self) -> int:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="newest.type.status",
            Select="COUNT",
            KeyConditionExpression="tenant = :tenant AND #type = :type AND #status = :status",
            ExpressionAttributeNames={"#type": "type", "#status": "status"},
            ExpressionAttributeValues={
                ":tenant": {"S": "default"},
                ":type": {"S": JOB_TYPE},
                ":status": {"S": "Succeeded"},
            },
        )
        return sum(page["Count"] for page in pages)

    def _succeeded_executions(self, name: str) -> int:
        pages = self._executions.get_paginator("list_executions").paginate(
            stateMachineArn=self._workflow, statusFilter="SUCCEEDED", PaginationConfig={"PageSize": _PAGE}
        )
        return sum(one["name"].startswith(name) for page in pages for one in page["executions"])


def _wait_for(count: int, ended: Callable[[], int], what: str) -> None:
    """Wait until all have ended well.

    Raises:
        MeasurementError: If they have not in time.
    """
    deadline = time.monotonic() + _TIMEOUT
    while (now := ended()) < count:
        if time.monotonic() > deadline:
            raise MeasurementError(f"Of {count} {what}, {now} have succeeded after {_TIMEOUT:.0f} s.")
        time.sleep(_POLL)
