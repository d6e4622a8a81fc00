import contextlib
import os
import signal
import time
import uuid

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cloud")]


def mapping(cloud):
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    (found,) = (each for each in mappings if "JobsTable" in each["EventSourceArn"])
    return found["UUID"]


def set_reader(cloud, api, *, enabled):
    client = cloud.client("lambda")
    client.update_event_source_mapping(UUID=mapping(cloud), Enabled=enabled)
    wanted = "Enabled" if enabled else "Disabled"
    api.wait_for(lambda: client.get_event_source_mapping(UUID=mapping(cloud))["State"], lambda state: state == wanted)


def test_jobs_that_are_stored_while_the_reader_is_off_are_worked_on_once_it_is_back(cloud, api):
    set_reader(cloud, api, enabled=False)
    ids = [api.add_gopher().json()["id"] for _ in range(3)]
    time.sleep(3)  # it is the absence of events that is observed here
    waiting = [api.job(id)["status"] for id in ids]

    set_reader(cloud, api, enabled=True)

    assert waiting == ["Pending"] * 3
    for id in ids:
        assert api.ended(id, seconds=120)["status"] == "Succeeded"
        assert api.executions(id) == [f"{id}-1"]


def test_a_job_survives_the_front(cloud, api):
    id = api.add_gopher().json()["id"]

    os.kill(cloud.front_pid, signal.SIGKILL)

    def front_is_back():
        try:
            return api.http.get(f"jobs/{id}").status_code == 200
        except httpx.TransportError:
            return False

    api.wait_for(front_is_back, bool, seconds=30)
    assert api.ended(id)["status"] == "Succeeded"
    assert api.executions(id) == [f"{id}-1"]


def test_jobs_survive_the_death_of_all_lambda_workers(cloud, api):
    ids = []
    for _ in range(5):
        ids.append(api.add_gopher(key=uuid.uuid4().hex).json()["id"])
        for pid in cloud.lambda_worker_pids():
            with contextlib.suppress(ProcessLookupError):  # a worker may have ended by itself
                os.kill(pid, signal.SIGKILL)

    for id in ids:
        assert api.ended(id, seconds=180)["status"] == "Succeeded"
        assert api.executions(id) == [f"{id}-1"]
