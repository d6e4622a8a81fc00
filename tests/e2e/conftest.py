import json
import re
import time
import uuid
from pathlib import Path

import httpx
import pytest

from storage_first.testing.fixtures import app_fixture

ROOT = Path(__file__).parents[2]
TERMINAL = {"Succeeded", "Failed", "Cancelled"}


cloud = app_fixture("python app.py", cwd=ROOT)


@pytest.fixture
def api(cloud):
    with Api(cloud) as api:
        yield api


class Api:
    """The sample's API on the local cloud, as a caller and an operator see it."""

    def __init__(self, cloud):
        self._cloud = cloud
        api, *_ = cloud.apis
        self.http = httpx.Client(base_url=api.url, timeout=30)
        self.dynamodb = cloud.client("dynamodb")
        tables = self.dynamodb.list_tables()["TableNames"]
        (self.jobs_table,) = (name for name in tables if "JobsTable" in name)
        (self.holes_table,) = (name for name in tables if "HolesTable" in name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()

    def add_gopher(self, *, key=None, name=None, location="the burrow"):
        body = {"name": name or f"Gus {uuid.uuid4().hex}", "location": location}
        return self.http.post("gophers", json=body, headers={"Idempotency-Key": key} if key else {})

    def job(self, id):
        answer = self.http.get(f"jobs/{id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, id, *, seconds=60):
        return self.wait_for(lambda: self.job(id), lambda job: job["status"] in TERMINAL, seconds=seconds)

    @staticmethod
    def wait_for(look, wanted, *, seconds=30):
        deadline = time.monotonic() + seconds
        while not wanted(seen := look()):
            assert time.monotonic() < deadline, f"still {seen} after {seconds} s"
            time.sleep(0.1)
        return seen

    def stored(self):
        """How many jobs there are."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.jobs_table, Select="COUNT")
        return sum(page["Count"] for page in pages)

    def item(self, id):
        return self.dynamodb.get_item(TableName=self.jobs_table, Key={"pk": {"S": f"default#{id}"}}).get("Item")

    def executions(self, id):
        """The names of the executions that have worked on a job, without the digest in them."""
        sfn = self._cloud.client("stepfunctions")
        machines = sfn.list_state_machines()["stateMachines"]
        names = [
            re.sub("-[a-z2-7]{24}$", "", execution["name"])
            for machine in machines
            for page in sfn.get_paginator("list_executions").paginate(stateMachineArn=machine["stateMachineArn"])
            for execution in page["executions"]
        ]
        return [name for name in names if name.startswith(f"{id}-")]


def problem(answer):
    """The parts of a problem that do not differ between requests."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = json.loads(answer.text)
    assert set(body) == {"type", "title", "status", "detail", "instance"}
    assert body["status"] == answer.status_code
    assert answer.headers["access-control-allow-origin"] == "*"
    return body
