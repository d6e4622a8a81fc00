import contextlib
import os
import shutil
import signal
import threading
from pathlib import Path

import httpx
import pytest

from storage_first.local.cloud import LocalCloud, LocalCloudError
from storage_first.local.process import group_members
from tests.local.sides import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("hello")]
APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    directory = tmp_path_factory.mktemp("project")
    shutil.copy(APPS / "hello.py", directory / "app.py")
    modules = Path(__file__).parents[2] / "node_modules"
    if modules.exists():
        (directory / "node_modules").symlink_to(modules)
    return directory


@pytest.fixture(scope="module")
def cloud(project):
    with LocalCloud.start(cwd=project) as cloud:
        yield cloud


def answers(url):
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).status_code == 200
    return False


def test_the_app_is_served(cloud):
    (api,) = cloud.apis

    answer = httpx.get(api.url)

    assert (api.stack, api.name, api.stage) == ("Hello", "Api", "prod")
    assert (answer.status_code, answer.text) == (200, '"hello"')


def test_outputs_name_what_was_deployed_and_lead_to_this_machine(cloud):
    outputs = cloud.outputs["Hello"]

    assert outputs["TableName"] in cloud.client("dynamodb").list_tables()["TableNames"]
    assert outputs["QueueUrl"].startswith(cloud.endpoint)
    assert next(value for key, value in outputs.items() if key.startswith("ApiEndpoint")) == cloud.apis[0].url


def test_what_the_emulator_cannot_do_is_named(cloud):
    missing = cloud.not_emulated[0]

    assert missing.startswith("AWS::CloudWatch::CompositeAlarm (Both")
    assert any(text.startswith("CloudWatch: alarms") for text in cloud.not_emulated)


def test_the_app_s_own_synth_is_not_touched(project, cloud):
    assert sorted(path.name for path in project.iterdir() if path.name != "node_modules") == ["app.py"]


def test_a_front_that_dies_comes_back_where_it_was(cloud):
    (api,) = cloud.apis
    died = cloud.front_pid

    os.kill(died, signal.SIGKILL)

    eventually(lambda: cloud.front_pid != died)
    assert answers(api.url)


def test_a_restart_keeps_what_was_deployed_and_stored(project, directory):
    with LocalCloud.start(cwd=project, data=directory) as cloud:
        table = cloud.outputs["Hello"]["TableName"]
        cloud.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "kept"}})

    with LocalCloud.start(cwd=project, data=directory) as cloud:
        items = cloud.client("dynamodb").scan(TableName=table)["Items"]
        served = answers(cloud.apis[0].url)
    deployed = (directory / "logs" / "deploy.log").read_text()

    assert items == [{"pk": {"S": "kept"}}]
    assert served
    assert "(no changes)" in deployed


def test_an_emulator_that_dies_ends_the_cloud(project):
    with LocalCloud.start(cwd=project) as cloud:
        group, front = cloud.emulator_pid, cloud.front_pid
        timer = threading.Timer(0.5, os.kill, (group, signal.SIGKILL))
        timer.start()

        with pytest.raises(LocalCloudError, match="The emulator died"):
            cloud.serve()

        timer.join()
        assert group_members(group) == []
        assert group_members(front) == []


def test_the_address_of_an_http_api_is_told_and_answers(project):
    shutil.copy(APPS / "http_api.py", project / "http_api.py")

    with LocalCloud.start(app="python http_api.py", cwd=project) as cloud:
        (api,) = cloud.apis
        answer = httpx.get(f"{api.url}hello", timeout=30)

    assert (api.stack, api.protocol) == ("Http", "HTTP")
    assert (answer.status_code, answer.text) == (200, "hello")
