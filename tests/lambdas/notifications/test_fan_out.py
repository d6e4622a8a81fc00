import threading
from types import SimpleNamespace

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from lambdas import clients
from lambdas.notifications import fan_out
from tests.lambdas.jobs.world import of_tenant, pending
from tests.lambdas.notifications.world import CrashError, changed, connect, disconnect, put, remembered, subscribe, tell


def listening(id="c-1", job=None, **authorizer):
    connect(id, **authorizer)
    subscribe(job, id)


def test_subscribers_of_a_job_and_of_all_jobs_are_told_the_event(clients_of):
    put(pending())
    listening("one", "j-1")
    listening("all")
    event = changed(version=7, progress={"percent": 10, "message": "é \ud800"})

    tell(event)

    told = {"detail-type": "Job Progressed", "detail": event["detail"]}
    assert clients_of.heard == {"one": [told], "all": [told]}


def test_who_has_subscribed_to_a_job_and_to_all_is_told_once(clients_of):
    put(pending())
    listening("both", "j-1")
    subscribe(id="both")

    tell(changed())

    assert len(clients_of.heard["both"]) == 1


def test_who_has_subscribed_to_another_job_is_not_told(clients_of):
    put(pending("j-2"))
    listening("other", "j-2")

    tell(changed("j-1"))

    assert clients_of.heard == {}


def test_another_tenant_hears_nothing(clients_of, tenants):
    for tenant in ("acme", "globex"):
        put(of_tenant(tenant))
        listening(f"one-{tenant}", "j-1", customer=tenant)
        listening(f"all-{tenant}", customer=tenant)

    tell(changed(tenant="acme"))

    assert clients_of.heard.keys() == {"one-acme", "all-acme"}


def test_who_has_left_is_not_told(clients_of):
    listening("left")
    disconnect("left")

    tell(changed())

    assert clients_of.heard == {}


def test_two_hundred_subscribers_of_one_job_are_all_told(clients_of):
    put(pending())
    everybody = {f"c-{number}" for number in range(200)}
    for id in everybody:
        listening(id, "j-1")

    tell(changed())

    assert clients_of.heard.keys() == everybody


def test_one_that_waits_does_not_keep_the_others_waiting(clients_of):
    for id in ("c-1", "c-2", "c-3"):
        listening(id)
    clients_of.waits = threading.Barrier(3)  # each waits until all are being told

    tell(changed())

    assert clients_of.heard.keys() == {"c-1", "c-2", "c-3"}


def test_a_connection_that_is_gone_is_removed_and_harms_no_other(clients_of):
    put(pending())
    for id in ("gone", "here"):
        listening(id, "j-1")
        subscribe(id=id)
    clients_of.gone = {"gone"}

    tell(changed())

    assert clients_of.heard.keys() == {"here"}
    assert remembered() == {("here", "here"), ("default#j-1", "here"), ("default#*", "here")}


def test_a_subscription_that_has_outlived_its_connection_is_removed(clients_of):
    listening("c-1")
    clients.dynamodb().delete_item(TableName="connections", Key={"pk": {"S": "c-1"}, "sk": {"S": "c-1"}})
    clients_of.gone = {"c-1"}

    tell(changed())

    assert remembered() == set()


@pytest.mark.parametrize("call", range(1, 4))
def test_wherever_the_removal_breaks_off_nothing_is_left_that_is_told_of_anything(clients_of, fails, call):
    listening("gone")
    clients_of.gone = {"gone"}
    repair = fails(call)
    with pytest.raises(CrashError):
        tell(changed())
    repair()

    tell(changed())

    assert remembered() <= {("gone", "gone")}, "which knows nothing to tell, and expires"


def test_a_slow_client_is_disconnected_so_that_it_knows_that_it_missed_something(clients_of):
    for id in ("slow", "quick"):
        listening(id)
    clients_of.slow = {"slow"}

    tell(changed())

    assert clients_of.gone == {"slow"}
    assert clients_of.heard.keys() == {"quick"}


def test_a_client_that_can_be_neither_told_nor_disconnected_brings_the_event_again(clients_of):
    for id in ("deaf", "quick"):
        listening(id)
    clients_of.deaf = {"deaf"}

    with pytest.raises(fan_out.NotToldError, match="1 of 2"):
        tell(changed())

    assert clients_of.heard.keys() == {"quick"}


def test_an_answer_that_does_not_come_is_a_failure_like_others(clients_of, monkeypatch):
    listening("c-1")

    def hang(**_):
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    monkeypatch.setattr(clients_of, "post_to_connection", hang)

    tell(changed())

    assert clients_of.gone == {"c-1"}


def test_an_event_that_nobody_waits_for_is_no_error(clients_of):
    tell(changed())

    assert clients_of.heard == {}


def test_subscriptions_are_found_as_they_are_now_page_by_page(clients_of, monkeypatch):
    for id in ("c-1", "c-2", "c-3"):
        listening(id)
    get_paginator = clients.dynamodb().get_paginator

    def paginator(operation):
        real = get_paginator(operation)

        class OneByOne:
            def paginate(self, **arguments):
                assert arguments["ConsistentRead"]
                return real.paginate(**arguments, PaginationConfig={"PageSize": 1})

        return OneByOne()

    monkeypatch.setattr(clients.dynamodb(), "get_paginator", paginator)

    tell(changed())

    assert clients_of.heard.keys() == {"c-1", "c-2", "c-3"}


def test_a_throttled_call_is_tried_again_at_the_address_that_the_environment_names(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "https://push.test/prod")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    asked = []

    def send(_session, request):
        asked.append(request.url)
        nothing = SimpleNamespace(stream=lambda: iter(()))
        if len(asked) < 3:
            return AWSResponse(request.url, 429, {"x-amzn-errortype": "LimitExceededException"}, nothing)
        return AWSResponse(request.url, 200, {}, nothing)

    monkeypatch.setattr(URLLib3Session, "send", send)
    client = clients._client.__wrapped__("apigatewaymanagementapi")

    client.post_to_connection(ConnectionId="L0SM9cOFvHcCIhw=", Data="{}")

    assert asked == ["https://push.test/prod/@connections/L0SM9cOFvHcCIhw%3D"] * 3
