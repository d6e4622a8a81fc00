"""Who waits for a job is told, through the emulated WebSocket API and over real sockets."""

import json
import shlex
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from storage_first.testing.fixtures import app_fixture
from tests.local.sides import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("notifications")]

APP = Path(__file__).with_name("apps") / "notifications.py"
ALL_VERSIONS = [1, 2, 3, 4, 5, 6]  # stored, claimed, three times progressed, succeeded

cloud = app_fixture(shlex.join([sys.executable, str(APP)]), cwd=Path(__file__).parents[2])


class World:
    """The API and the sockets of the app, as the clients of several tenants see them."""

    def __init__(self, cloud):
        rest, push = cloud.apis
        self.rest, self.push = rest.url, push.url
        self.dynamodb = cloud.client("dynamodb")
        tables = self.dynamodb.list_tables()["TableNames"]
        (self.table,) = (name for name in tables if "PushTable" in name)
        self.events = cloud.client("events")
        buses = self.events.list_event_buses()["EventBuses"]
        (self.bus,) = (bus["Name"] for bus in buses if "Jobs" in bus["Name"])

    def submit(self, tenant):
        answer = httpx.post(f"{self.rest}reports", json={"title": "Moles"}, headers={"Authorization": tenant})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def status(self, tenant, job):
        return httpx.get(f"{self.rest}jobs/{job}", headers={"Authorization": tenant}).json()["status"]

    def finished(self, tenant):
        job = self.submit(tenant)
        eventually(lambda: self.status(tenant, job) == "Succeeded", why="the end of the job")
        return job

    @contextmanager
    def connect(self, tenant):
        with connect(f"{self.push}?token={tenant}", open_timeout=60) as socket:
            yield Client(socket)

    def publish(self, detail):
        entry = {"Source": "storage-first", "DetailType": "Job Progressed", "Detail": json.dumps(detail)}
        assert self.events.put_events(Entries=[{**entry, "EventBusName": self.bus}])["FailedEntryCount"] == 0

    def remembered(self, topic):
        """The connections that have subscribed to a topic."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :topic",
            ExpressionAttributeValues={":topic": {"S": topic}},
            ConsistentRead=True,
        )
        return {item["sk"]["S"] for item in answer["Items"]}


class Client:
    """One connection."""

    def __init__(self, socket):
        self.socket = socket

    def ask(self, action, **more):
        self.socket.send(json.dumps({"action": action, **more}))

    def hear(self):
        return json.loads(self.socket.recv(timeout=60))

    def hear_answer(self, kind):
        """Hear until the answer of a kind, and return it."""
        while (message := self.hear())["detail-type"] != kind:
            pass
        return message

    def hear_all_of(self, job):
        """Hear until the job has succeeded; return the versions heard, as often as they were."""
        heard = []
        while True:
            detail = self.hear()["detail"]
            if detail["id"] == job:
                heard.append(detail["version"])
                if set(heard) == set(ALL_VERSIONS):
                    return heard


@pytest.fixture(scope="module")
def world(cloud):
    return World(cloud)


@pytest.fixture
def tenant():
    return f"t-{uuid.uuid4().hex[:8]}"


def test_the_address_that_the_stack_puts_out_is_one_of_this_machine(cloud, world):
    assert cloud.outputs["Notified"]["PushUrl"] == world.push.rstrip("/")
    assert world.push.startswith("ws://127.0.0.1:")


def test_a_subscriber_to_all_of_one_s_own_misses_nothing_of_a_job(world, tenant):
    with world.connect(tenant) as client:
        client.ask("subscribe")
        client.hear_answer("Subscribed")

        job = world.submit(tenant)

        assert set(client.hear_all_of(job)) == set(ALL_VERSIONS)


KILLED = """
import sys
from websockets.sync.client import connect

with connect(sys.argv[1]) as socket:
    socket.send('{"action": "subscribe"}')
    print(socket.recv(), flush=True)
    socket.recv()
"""


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_of_two_subscribers_one_is_lost_without_a_word_and_the_other_misses_nothing(world, tenant, fate):
    address = f"{world.push}?token={tenant}"
    with (
        world.connect(tenant) as other,
        subprocess.Popen([sys.executable, "-c", KILLED, address], stdout=subprocess.PIPE) as lost,
    ):
        try:
            other.ask("subscribe")
            other.hear_answer("Subscribed")
            assert b"Subscribed" in lost.stdout.readline()
            assert len(world.remembered(f"{tenant}#*")) == 2

            lost.send_signal(fate)
            job = world.submit(tenant)

            assert set(other.hear_all_of(job)) == set(ALL_VERSIONS)
        finally:
            lost.kill()
    eventually(lambda: not world.remembered(f"{tenant}#*"), why="the end of both subscriptions")


def test_a_late_subscriber_gets_the_job_as_it_is_now(world, tenant):
    job = world.finished(tenant)
    with world.connect(tenant) as client:
        client.ask("subscribe", job=job)

        answer = client.hear_answer("Subscribed")

    assert answer["job"] == answer["detail"]["id"] == job
    assert (answer["detail"]["status"], answer["detail"]["version"]) == ("Succeeded", 6)
    assert answer["detail"]["progress"] == {"percent": 75, "message": "75 pages"}


def test_what_one_is_told_at_first_and_afterwards_is_the_whole_story(world, tenant):
    with world.connect(tenant) as client:
        job = world.submit(tenant)
        client.ask("subscribe", job=job)

        at_first, heard = None, set()
        while at_first is None or not heard.issuperset(range(at_first, 7)):
            message = client.hear()
            heard.add(message["detail"]["version"])
            if message["detail-type"] == "Subscribed":
                at_first = message["detail"]["version"]

    assert heard <= set(ALL_VERSIONS)


def test_another_tenant_hears_nothing_and_finds_no_such_job(world, tenant):
    with world.connect(tenant) as own, world.connect(f"other-{tenant}") as other:
        for client in (own, other):
            client.ask("subscribe")
            client.hear_answer("Subscribed")
        job = world.submit(tenant)
        own.hear_all_of(job)

        other.ask("subscribe", job=job)
        anothers = other.hear()
        other.ask("subscribe", job="no-such-job")
        unknown = other.hear()

    assert anothers["detail-type"] == unknown["detail-type"] == "Refused"
    assert anothers["detail"] == {**unknown["detail"], "message": f"There is no job {job}."}


def test_a_connection_that_is_gone_is_removed_by_the_next_event(world, tenant):
    expires = {"N": "9999999999"}
    items = [
        {"pk": {"S": "gone"}, "sk": {"S": "gone"}, "tenant": {"S": tenant}, "jobs": {"SS": ["*", "j-1"]}},
        {"pk": {"S": f"{tenant}#*"}, "sk": {"S": "gone"}},
        {"pk": {"S": f"{tenant}#j-1"}, "sk": {"S": "gone"}},
    ]
    for item in items:
        world.dynamodb.put_item(TableName=world.table, Item={**item, "expiresAt": expires})

    world.submit(tenant)

    for topic in (f"{tenant}#*", f"{tenant}#j-1", "gone"):
        eventually(lambda topic=topic: not world.remembered(topic), why="the removal")


def test_two_hundred_subscribers_to_one_job_are_all_told(world, tenant):
    job = world.finished(tenant)
    with ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        clients = list(pool.map(stack.enter_context, [world.connect(tenant) for _ in range(200)]))
        for client in clients:
            client.ask("subscribe", job=job)
        for client in clients:
            client.hear_answer("Subscribed")

        world.publish({"id": job, "tenant": tenant, "version": 7})

        for client in clients:
            while client.hear()["detail"]["version"] < 7:
                pass


def test_unsubscribing_is_the_end_of_it(world, tenant):
    with world.connect(tenant) as left, world.connect(tenant) as stays:
        for client in (left, stays):
            client.ask("subscribe")
            client.hear_answer("Subscribed")
        left.ask("unsubscribe")
        left.hear_answer("Unsubscribed")
        job = world.submit(tenant)
        stays.hear_all_of(job)

        left.ask("anything else")

        assert left.hear()["detail-type"] == "Refused"


def test_who_says_nothing_that_makes_sense_is_told_what_does(world, tenant):
    with world.connect(tenant) as client:
        client.ask("listen")

        refusal = client.hear()

    assert refusal["detail"]["message"] == 'action must be subscribe or unsubscribe; got "listen".'


@pytest.mark.parametrize(
    ("query", "status"), [("", 401), ("?token=default", 403), ("?token=a%23b", 403)], ids=["none", "reserved", "bad"]
)
def test_who_has_no_tenant_is_not_connected(world, query, status):
    with pytest.raises(InvalidStatus) as refused, connect(f"{world.push}{query}", open_timeout=60):
        pass

    assert refused.value.response.status_code == status
