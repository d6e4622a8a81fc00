"""Whatever fails: each request that was stored ends, and has its effect once."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Semaphore

import pytest

from storage_first.client import Client, JobFailedError
from storage_first.testing.fixtures import app_fixture
from tests.e2e_jobs.conftest import wait_for
from tests.faults import FAILED, THROTTLED, Faults
from tests.local.front.process import serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("chaos")]

CLIENTS, JOBS_OF_EACH, AT_ONCE = 20, 25, 5
STRIKES = {"kill": 12, "kill_all": 2, "switch_off": 4, "abort": 12, "outage": 5, "reconcile": 3}
JOBS_BETWEEN_STRIKES = 10
PAUSE = 3  # seconds between two strikes, if fewer jobs end: while the reader is off, none may
PATIENCE = 300  # for all of it

cloud = app_fixture("python -m tests.e2e_jobs.chaos_app", cwd=Path(__file__).parents[2])


class FlakyDynamoDb(Faults):
    """DynamoDB as it is on a bad day, for the functions and for the API.

    Attributes:
        met: How many calls met which error.
    """

    usual, in_outage = 0.05, 0.9

    def __init__(self, emulator, chance):
        self.met = Counter()
        self._chance = chance
        self._outage_ends = 0.0
        super().__init__(emulator)

    def break_down(self, seconds):
        self._outage_ends = time.monotonic() + seconds

    def meet(self, call):
        share = self.in_outage if time.monotonic() < self._outage_ends else self.usual
        if call.service != "dynamodb" or self._chance.random() >= share:
            return None
        fault = self._chance.choice([THROTTLED, FAILED])["dynamodb"]
        self.met[fault.code] += 1
        if fault.status >= 500 and self._chance.random() < 0.3:
            self.forward(call)  # an error of the server leaves open whether the write was done
            self.met["after the write"] += 1
        return fault


class Storm:
    """What befalls the app, in an order of chance."""

    def __init__(self, cloud, faults, chance):
        self.struck = Counter()
        self._cloud = cloud
        self._faults = faults
        self._chance = chance
        self._lambda, self._sfn = cloud.client("lambda"), cloud.client("stepfunctions")
        self._dynamodb = cloud.client("dynamodb")
        (mapping,) = self._lambda.list_event_source_mappings()["EventSourceMappings"]
        self._mapping = mapping["UUID"]
        (machine,) = self._sfn.list_state_machines()["stateMachines"]
        self._machine = machine["stateMachineArn"]
        (self._jobs_table,) = (name for name in self._dynamodb.list_tables()["TableNames"] if "JobsTable" in name)
        functions = [each["FunctionName"] for each in self._lambda.list_functions()["Functions"]]
        (self._reconciler,) = (name for name in functions if "Reconciler" in name)
        self._reader_is_on = True

    def strikes(self):
        """All strikes, in an order of chance."""
        names = [name for name, times in STRIKES.items() for _ in range(times)]
        self._chance.shuffle(names)
        return names

    def strike(self, name):
        """Strike, and have the reader on again if it has been off for a while."""
        if not self._reader_is_on and self._chance.random() < 1 / 2:
            self._switch(on=True)
        self.struck[name] += getattr(self, f"_{name}")()

    def calm_down(self):
        """Have the reader on again, and whatever was missed looked after."""
        self._switch(on=True)
        self._reconcile()

    def _kill(self):
        pids = self._cloud.lambda_worker_pids()
        return self._end(self._chance.sample(pids, min(1, len(pids))))

    def _kill_all(self):
        return self._end(self._cloud.lambda_worker_pids())

    @staticmethod
    def _end(pids):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # a worker may have ended by itself
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def _switch_off(self):
        self._switch(on=False)
        return 1

    def _switch(self, *, on):
        self._reader_is_on = on
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=on)
        wanted = "Enabled" if on else "Disabled"
        wait_for(lambda: self._lambda.get_event_source_mapping(UUID=self._mapping)["State"], wanted.__eq__)

    def _abort(self):
        running = self._sfn.list_executions(stateMachineArn=self._machine, statusFilter="RUNNING")["executions"]
        unlucky = self._chance.sample(running, min(2, len(running)))
        for execution in unlucky:
            with contextlib.suppress(self._sfn.exceptions.ValidationException):  # it has ended
                self._sfn.stop_execution(executionArn=execution["executionArn"])
        return len(unlucky)

    def _outage(self):
        self._faults.break_down(1.0)
        return 1

    def _reconcile(self):
        """Have the reconciler look at all open jobs now, whatever its schedule says."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._jobs_table, FilterExpression="attribute_exists(checkAt)", ProjectionExpression="pk"
        )
        for item in [item for page in pages for item in page["Items"]]:
            with contextlib.suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):  # it has ended
                self._dynamodb.update_item(
                    TableName=self._jobs_table,
                    Key=item,
                    UpdateExpression="SET checkAt = :past",
                    ConditionExpression="attribute_exists(checkAt)",
                    ExpressionAttributeValues={":past": {"S": "2020-01-01T00:00:00.000Z"}},
                )
        self._lambda.invoke(FunctionName=self._reconciler, InvocationType="Event")
        return 1


@pytest.fixture
def chance():
    """What decides all; pytest shows the seed of a test that has failed."""
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().getrandbits(32))
    print(f"CHAOS_SEED={seed}")  # noqa: T201  (for whoever wants it again)
    return random.Random(seed)  # noqa: S311  (no secret)


@pytest.fixture
def faults(cloud, chance):
    """DynamoDB for all functions."""
    functions = cloud.client("lambda")
    with FlakyDynamoDb(cloud.endpoint, chance) as faults:
        for each in functions.list_functions()["Functions"]:
            environment = each["Environment"]["Variables"] | {"AWS_ENDPOINT_URL_DYNAMODB": faults.url}
            functions.update_function_configuration(
                FunctionName=each["FunctionName"], Environment={"Variables": environment}
            )
        yield faults


@pytest.fixture
def url(cloud, faults, tmp_path):
    """The API, with that DynamoDB behind it."""
    with serving(faults.url, cloud.logs.parent / "cdk.out", tmp_path / "errors") as front:
        yield front.url("Api")


def work_off(url, number, deadline, ended):
    """Have the API do the jobs of one client, some at a time."""
    done = []
    with Client(url, timeout=PATIENCE) as client:
        for start in range(0, JOBS_OF_EACH, AT_ONCE):
            keys = [f"client-{number}-job-{index}" for index in range(start, start + AT_ONCE)]
            for job in [client.submit("counted", {"key": key}, idempotency_key=key) for key in keys]:
                done.append(until_it_has_succeeded(job, deadline))
                ended.release()
    return done


def until_it_has_succeeded(job, deadline):
    while True:
        try:
            return job.wait(timeout=max(0, deadline - time.monotonic()))
        except JobFailedError as failure:
            if failure.code != "ExecutionAborted":
                raise
            job.retry()


def pause(ended):
    """Wait until some more jobs have ended, but not for long."""
    over = time.monotonic() + PAUSE
    for _ in range(JOBS_BETWEEN_STRIKES):
        if not ended.acquire(timeout=max(0, over - time.monotonic())):
            return


def effects(cloud):
    """What the executions have done, by job and attempt."""
    dynamodb = cloud.client("dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "Effects" in name)
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    return {(item["job"]["S"], int(item["attempt"]["N"])): (int(item["runs"]["N"]), "worked" in item) for item in items}


@pytest.mark.timeout(PATIENCE + 120)
def test_every_job_ends_well_and_has_no_effect_twice_whatever_fails(cloud, faults, url, chance):
    storm = Storm(cloud, faults, chance)
    deadline = time.monotonic() + PATIENCE
    ended = Semaphore(0)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(work_off, url, number, deadline, ended) for number in range(CLIENTS)]
        for strike in storm.strikes():
            storm.strike(strike)
            pause(ended)
        while wait(clients, timeout=5).not_done:
            storm.calm_down()
    jobs = [job for client in clients for job in client.result()]

    assert len({job.id for job in jobs}) == CLIENTS * JOBS_OF_EACH
    assert [job.version for job in jobs] == [3 * job.attempt for job in jobs]  # stored or retried, claimed, ended
    assert [job.result for job in jobs] == [{"key": job.id} for job in jobs]
    done = effects(cloud)
    assert {runs for runs, _ in done.values()} == {1}
    assert all(done[job.id, job.attempt] == (1, True) for job in jobs)
    last = {job.id: job.attempt for job in jobs}
    assert all(attempt <= last[id] for id, attempt in done)
    assert any(job.attempt > 1 for job in jobs)
    assert all(storm.struck[strike] for strike in STRIKES)
    assert set(faults.met) == {THROTTLED["dynamodb"].code, FAILED["dynamodb"].code, "after the write"}
