import re
import time
import uuid
from pathlib import Path

import httpx
import pytest

from storage_first.testing.fixtures import app_fixture

TERMINAL = {"Succeeded", "Failed", "Cancelled"}

cloud = app_fixture("python -m tests.e2e_jobs.app", cwd=Path(__file__).parents[2])


@pytest.fixture
def jobs(cloud):
    (api,) = cloud.apis
    with httpx.Client(base_url=api.url, timeout=30) as http:
        yield Jobs(cloud, http)


class Jobs:
    """The app's jobs, as their callers see them, and the executions behind them."""

    def __init__(self, cloud, http):
        self.http = http
        self._sfn = cloud.client("stepfunctions")
        machines = self._sfn.list_state_machines()["stateMachines"]
        self._machines = [machine["stateMachineArn"] for machine in machines]

    def submit(self, type, key=None):
        key = key or uuid.uuid4().hex
        answer = self.http.post(type, json={}, headers={"Idempotency-Key": key})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, id):
        answer = self.http.get(f"jobs/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def becomes(self, id, *statuses, seconds=30):
        return wait_for(lambda: self.job(id), lambda job: job["status"] in statuses, seconds=seconds)

    def listed(self, **query):
        """All jobs of a list, page by page, each followed by its link."""
        answer = self.http.get("jobs", params=query)
        while True:
            assert answer.status_code == 200, answer.text
            yield from answer.json()["jobs"]
            onward = [link["href"] for link in answer.json()["links"] if link["rel"] == "next"]
            if not onward:
                return
            answer = self.http.get(str(self.http.base_url.join(onward[0])))

    def executions(self, id):
        """The statuses of the executions that have worked on a job, by name without the digest in it."""
        found = [
            execution
            for machine in self._machines
            for page in self._sfn.get_paginator("list_executions").paginate(stateMachineArn=machine)
            for execution in page["executions"]
        ]
        named = [(re.sub("-[a-z2-7]{24}", "", each["name"]), each["status"]) for each in found]
        return {name: status for name, status in named if name.startswith(f"{id}-")}


def wait_for(look, wanted, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, f"still {seen} after {seconds} s"
        time.sleep(0.1)
    return seen
