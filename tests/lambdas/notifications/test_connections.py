import json
import time

import pytest

from constructs_lib.storage_first_api.reader import ID_PATTERN, TENANT_PATTERN
from constructs_lib.storage_first_api.route import SINGLE_TENANT
from lambdas import clients
from lambdas.notifications import connections, messages, subscriptions
from tests.lambdas.jobs.world import in_progress, of_tenant, pending
from tests.lambdas.notifications.world import (
    CONNECTIONS,
    CrashError,
    connect,
    disconnect,
    put,
    remembered,
    send,
    subscribe,
    unsubscribe,
)

# Who may connect


def test_without_tenants_everybody_is_the_one_that_stands_for_none():
    assert connect() == 200

    subscribe()

    assert (f"{SINGLE_TENANT}#*", "c-1") in remembered()


@pytest.mark.parametrize("tenant", ["acme", "a.b_c:d@e|f+g=h,i-j", "x" * 128, 7])
def test_a_client_is_of_the_tenant_that_the_authorizer_gives(tenants, tenant):
    assert connect(customer=tenant) == 200

    subscribe()

    assert (f"{tenant}#*", "c-1") in remembered()


@pytest.mark.parametrize("tenant", ["", "default", "a#b", "a b", "acme\n", "x" * 129, "é"])
def test_a_client_whose_tenant_can_have_no_jobs_is_refused(tenants, tenant):
    assert connect(customer=tenant) == 403

    assert remembered() == set()


def test_a_client_of_whom_the_authorizer_says_nothing_is_refused(tenants):
    assert (connect("c-1"), connect("c-2", other="acme")) == (403, 403)


def test_the_rules_for_ids_and_tenants_are_those_of_the_rest_api():
    assert messages._JOB_ID.pattern == ID_PATTERN
    assert f"(?!{SINGLE_TENANT}$){connections._TENANT.pattern}" == TENANT_PATTERN
    assert connections.SINGLE_TENANT == SINGLE_TENANT


# Subscribing


def test_a_late_subscriber_gets_the_job_as_it_is_now():
    connect()
    put(in_progress(version=5, progress={"percent": 60, "message": "Searching"}, result="1" * 1_000))

    answer = subscribe("j-1")

    assert (answer["detail-type"], answer["job"]) == ("Subscribed", "j-1")
    job = answer["detail"]
    assert (job["id"], job["status"], job["version"]) == ("j-1", "In Progress", 5)
    assert job["progress"] == {"percent": 60, "message": "Searching"}
    assert not {"input", "result"} & job.keys()


def test_a_job_is_read_when_its_changes_are_told_already(monkeypatch):
    connect()
    put(pending())
    at_that_time = []
    get = clients.dynamodb().get_item

    def look(**arguments):
        if arguments["TableName"] == "jobs":
            assert arguments["ConsistentRead"]
            at_that_time.extend(subscriptions.listeners("default", "j-1"))
        return get(**arguments)

    monkeypatch.setattr(clients.dynamodb(), "get_item", look)

    subscribe("j-1")

    assert at_that_time == ["c-1"]


def test_a_subscription_to_all_of_one_s_own_is_confirmed():
    connect()

    assert subscribe() == {"detail-type": "Subscribed", "job": None, "detail": None}


def test_subscribing_twice_is_subscribing_once():
    connect()
    put(pending())

    first, second = subscribe("j-1"), subscribe("j-1")

    assert first == second
    assert remembered() == {("c-1", "c-1"), ("default#j-1", "c-1")}


@pytest.mark.parametrize(
    "job",
    [
        None,
        of_tenant("globex"),
        of_tenant("acme", expiresAt=int(time.time()) - 1),
    ],
    ids=["unknown", "another tenant's", "expired"],
)
def test_a_job_that_is_not_one_s_own_is_no_job_and_is_not_subscribed_to(tenants, job):
    connect(customer="acme")
    if job:
        put(job)

    answer = subscribe("j-1")

    assert answer == {
        "detail-type": "Refused",
        "job": "j-1",
        "detail": {"code": "NoSuchJob", "message": "There is no job j-1."},
    }
    assert remembered() == {("c-1", "c-1")}


def test_a_job_that_will_expire_is_still_there():
    connect()
    put(in_progress(status="Succeeded", expiresAt=int(time.time()) + 60))

    assert subscribe("j-1")["detail"]["status"] == "Succeeded"


def test_unsubscribing_ends_one_subscription_and_no_other():
    connect()
    put(pending())
    subscribe("j-1")
    subscribe()

    answer = unsubscribe("j-1")

    assert answer == {"detail-type": "Unsubscribed", "job": "j-1", "detail": None}
    assert remembered() == {("c-1", "c-1"), ("default#*", "c-1")}


def test_unsubscribing_from_what_was_not_subscribed_to_is_fine():
    connect()

    assert unsubscribe()["detail-type"] == "Unsubscribed"


def test_a_connection_has_a_limit_of_subscriptions_which_its_own_count_towards_once(monkeypatch):
    monkeypatch.setattr(subscriptions, "MOST", 2)
    connect()
    for id in ("j-1", "j-2", "j-3"):
        put(pending(id))
    subscribe("j-1")
    subscribe("j-2")

    refused, again = subscribe("j-3"), subscribe("j-2")
    unsubscribe("j-1")
    afterwards = subscribe("j-3")

    assert refused["detail"]["code"] == "TooManySubscriptions"
    assert "at most 2 subscriptions" in refused["detail"]["message"]
    assert (again["detail-type"], afterwards["detail-type"]) == ("Subscribed", "Subscribed")


@pytest.mark.parametrize("ask", [subscribe, unsubscribe])
def test_a_connection_that_is_not_known_is_told_to_connect_again(ask):
    answer = ask("j-1")

    assert answer["detail"] == {
        "code": "NotConnected",
        "message": "This connection is not known any more: connect again.",
    }
    assert remembered() == set()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("", ["must be JSON", '""']),
        ("subscribe", ["must be JSON", '"subscribe"']),
        ("[" * 100_000, ["must be JSON"]),
        ([1], ["must be an object", "[1]"]),
        ({}, ["action must be subscribe or unsubscribe", "null"]),
        ({"action": "listen"}, ["action must be subscribe or unsubscribe", '"listen"']),
        ({"action": ["subscribe"]}, ["action must be subscribe or unsubscribe", '["subscribe"]']),
        ({"action": "subscribe", "jobId": "j-1"}, ["an action and a job, and nothing else", '"jobId"']),
        ({"action": "subscribe", "job": None}, ["1 to 64 letters", "left out", "null"]),
        ({"action": "subscribe", "job": ""}, ["1 to 64 letters", '""']),
        ({"action": "subscribe", "job": "*"}, ["1 to 64 letters", '"*"']),
        ({"action": "subscribe", "job": "a#b"}, ["1 to 64 letters", '"a#b"']),
        ({"action": "subscribe", "job": "j-1\n"}, ["1 to 64 letters"]),
        ({"action": "subscribe", "job": "x" * 65}, ["1 to 64 letters", "xxx"]),
        ({"action": "unsubscribe", "job": 7}, ["1 to 64 letters", "7"]),
    ],
)
def test_what_cannot_be_followed_is_refused_with_what_was_given_and_what_is_allowed(message, said):
    connect()

    answer = send(message)

    assert (answer["detail-type"], answer["job"], answer["detail"]["code"]) == ("Refused", None, "InvalidMessage")
    for part in said:
        assert part in answer["detail"]["message"]
    assert remembered() == {("c-1", "c-1")}


def test_a_refusal_is_short_whatever_was_sent():
    connect()

    answer = send({"action": "x" * 100_000})

    assert len(json.dumps(answer)) < 500


@pytest.mark.parametrize("route", ["$connect", "$disconnect"])
def test_a_client_cannot_choose_the_route_of_another_event(route):
    connect()
    subscribe()

    answer = send({"action": route}, route=route)

    assert answer["detail-type"] == "Refused"
    assert ("default#*", "c-1") in remembered()


# How it ends


def test_a_connection_that_ends_is_forgotten_with_its_subscriptions():
    connect("c-1")
    connect("c-2")
    put(pending())
    for id in ("c-1", "c-2"):
        subscribe("j-1", id)
        subscribe(id=id)

    disconnect("c-1")

    assert remembered() == {("c-2", "c-2"), ("default#j-1", "c-2"), ("default#*", "c-2")}


def test_all_that_is_remembered_expires_when_the_connection_must_have_ended():
    connect()
    subscribe()

    items = clients.dynamodb().scan(TableName=CONNECTIONS)["Items"]

    assert len(items) == 2
    for item in items:
        assert 2 * 3600 <= int(item["expiresAt"]["N"]) - time.time() <= 3 * 3600


@pytest.mark.parametrize("call", range(1, 4))
def test_wherever_subscribing_breaks_off_trying_again_completes_it_and_the_end_clears_up(fails, call):
    connect()
    put(pending())
    repair = fails(call)
    with pytest.raises(CrashError):
        subscribe("j-1")
    repair()

    subscribe("j-1")
    subscribed = remembered()
    disconnect()

    assert subscribed == {("c-1", "c-1"), ("default#j-1", "c-1")}
    assert remembered() == set()


@pytest.mark.parametrize("call", range(1, 4))
def test_wherever_subscribing_breaks_off_the_end_clears_up(fails, call):
    connect()
    put(pending())
    repair = fails(call)
    with pytest.raises(CrashError):
        subscribe("j-1")
    repair()

    disconnect()

    assert remembered() == set()


@pytest.mark.parametrize("call", range(1, 5))
def test_wherever_the_end_breaks_off_another_one_clears_up(fails, call):
    connect()
    put(pending())
    subscribe("j-1")
    subscribe()
    repair = fails(call)
    with pytest.raises(CrashError):
        disconnect()
    repair()

    disconnect()

    assert remembered() == set()
