"""What the routes of jobs ask DynamoDB, and what they make of its answers."""

import json
from urllib.parse import quote, unquote

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import Access, JobTracker, StorageFirstApi
from constructs_lib.stores import claim
from tests.constructs_lib.storage_first_api.routes import Route

NOW = "2026-11-21T20:12:29.123Z"
CONTEXT = {"requestTime": "21/Nov/2026:20:12:29 +0000", "requestTimeEpoch": 1795291949123}
FAILED_CONDITION = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"


@pytest.fixture(scope="module")
def routes():
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs", expire_after=Duration.days(1))
    jobs.workflow("add-gopher", definition=sfn.Pass(stack, "Work"))
    StorageFirstApi(stack, "Api").post("/gophers", jobs.store("add-gopher", entity="/gophers/{id}"))
    return Route.all_of(stack)


def job(**changes):
    """An item of the jobs table as DynamoDB shows it."""
    item = {
        "pk": {"S": "default#j-1"},
        "tenant": {"S": "default"},
        "id": {"S": "j-1"},
        "type": {"S": "add-gopher"},
        "status": {"S": "Pending"},
        "attempt": {"N": "1"},
        "version": {"N": "1"},
        "createdAt": {"S": NOW},
        "updatedAt": {"S": NOW},
        "entity": {"S": "/gophers/j-1"},
    }
    return {**item, **{name: {"N" if name == "expiresAt" else "S": value} for name, value in changes.items()}}


def problem(answer):
    status, headers, body = answer
    assert headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    return status


@pytest.mark.parametrize(
    ("status", "rels"),
    [
        ("Pending", ["self", "collection", "cancel"]),
        ("In Progress", ["self", "collection", "cancel"]),
        ("Succeeded", ["self", "collection", "entity"]),
        ("Failed", ["self", "collection", "retry"]),
        ("Cancelled", ["self", "collection", "retry"]),
    ],
)
def test_a_job_links_to_what_can_be_done_with_it(routes, status, rels):
    found = {"Count": 1, "Items": [job(status=status)]}

    _, _, body = routes["GET /jobs/{jobId}"].answer(200, found, context={"path": "/prod/jobs/j-1"})

    links = {link["rel"]: link["href"] for link in body["links"]}
    assert list(links) == rels
    assert links["self"] == links.get("cancel", "/prod/jobs/j-1") == "/prod/jobs/j-1"
    assert links["collection"] == "/prod/jobs"
    assert links.get("retry", "/prod/jobs/j-1/retry") == "/prod/jobs/j-1/retry"
    assert links.get("entity", "/prod/gophers/j-1") == "/prod/gophers/j-1"


def test_a_job_that_makes_no_entity_links_to_none(routes):
    item = job(status="Succeeded")
    del item["entity"]

    _, _, body = routes["GET /jobs/{jobId}"].answer(200, {"Count": 1, "Items": [item]}, context={"path": "/jobs/j-1"})

    assert [link["rel"] for link in body["links"]] == ["self", "collection"]


def test_what_a_job_makes_is_where_the_route_says(routes):
    stored = routes["POST /gophers"].stored(body="{}", headers={"Idempotency-Key": "k-1"}, context=CONTEXT)

    assert stored["entity"] == "/gophers/k-1"


# The list

ASKED = {
    "all": ({}, "newest", {":tenant": "default"}),
    "type": ({"type": "add-gopher"}, "newest.type", {":tenant": "default", ":type": "add-gopher"}),
    "status": ({"status": "In Progress"}, "newest.status", {":tenant": "default", ":status": "In Progress"}),
    "both": (
        {"type": "add-gopher", "status": "Failed"},
        "newest.type.status",
        {":tenant": "default", ":type": "add-gopher", ":status": "Failed"},
    ),
}


@pytest.mark.parametrize(("query", "index", "values"), ASKED.values(), ids=ASKED)
def test_a_list_reads_the_index_of_what_is_asked_for_newest_first_and_filters_nothing(routes, query, index, values):
    request = routes["GET /jobs"].request(query=query, context=CONTEXT)

    assert request["IndexName"] == index
    assert request["ScanIndexForward"] is False
    assert "FilterExpression" not in request
    assert "ExclusiveStartKey" not in request
    assert {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()} == values
    names = [name.removeprefix(":") for name in values]
    assert request["KeyConditionExpression"] == " AND ".join(f"#{name} = :{name}" for name in names)
    assert request["ExpressionAttributeNames"] == {f"#{name}": name for name in names}


@pytest.mark.parametrize("query", [query for query, *_ in ASKED.values()], ids=ASKED)
def test_a_page_leads_on_to_the_next(routes, query):
    last = {**job(), **{name: {"S": value} for name, value in query.items()}}
    key = {name: last[name] for name in ("tenant", *query, "createdAt", "pk")}
    page = {"Count": 1, "Items": [last], "LastEvaluatedKey": key}

    _, _, body = routes["GET /jobs"].answer(200, page, context={**CONTEXT, "path": "/prod/jobs"})
    (onward,) = body["links"]
    path, _, parameters = onward["href"].partition("?")
    asked = dict(each.split("=") for each in parameters.split("&"))
    following = routes["GET /jobs"].request(
        query={name: unquote(value) for name, value in asked.items()}, context=CONTEXT
    )

    assert (onward["rel"], path) == ("next", "/prod/jobs")
    assert all(value == quote(unquote(value), safe="") for value in asked.values())
    assert following["ExclusiveStartKey"] == key
    assert following["IndexName"] == routes["GET /jobs"].request(query=query, context=CONTEXT)["IndexName"]


def test_the_last_page_leads_nowhere(routes):
    _, headers, body = routes["GET /jobs"].answer(
        200, {"Count": 2, "Items": [job(), job(id="j-2", pk="default#j-2")]}, context={**CONTEXT, "path": "/prod/jobs"}
    )

    assert headers["Cache-Control"] == "no-store"
    assert body["links"] == []
    assert [each["id"] for each in body["jobs"]] == ["j-1", "j-2"]
    assert body["jobs"][0] == {
        "id": "j-1",
        "type": "add-gopher",
        "status": "Pending",
        "attempt": 1,
        "version": 1,
        "createdAt": NOW,
        "startedAt": None,
        "finishedAt": None,
        "updatedAt": NOW,
        "links": [{"rel": "self", "href": "/prod/jobs/j-1"}],
    }


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ([], []),
        ([job(expiresAt="1795291949")], []),
        ([job(expiresAt="1795291949"), job(id="j-2", expiresAt="1795291950")], ["j-2"]),
        ([job(), job(id="j-2", expiresAt="1")], ["j-1"]),
    ],
)
def test_what_has_expired_is_not_listed(routes, items, shown):
    answer = {"Count": len(items), "Items": items}

    _, _, body = routes["GET /jobs"].answer(200, answer, context={**CONTEXT, "path": "/prod/jobs"})

    assert [each["id"] for each in body["jobs"]] == shown


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"status": "pending"}, "The status must be one of Pending, In Progress, Succeeded, Failed, Cancelled."),
        ({"status": 'x"},"admin":{"BOOL":true},"y":{"S":"'}, "The status must be one of"),
        ({"type": "9"}, "The type is not the type of any job."),
        ({"type": "a#b"}, "The type is not the type of any job."),
        ({"cursor": "x"}, "The cursor is not one that a link has given."),
        ({"cursor": NOW + "~" + "a" * 65}, "The cursor is not one that a link has given."),
        ({"cursor": NOW + "~other#j-1"}, "The cursor is not one that a link has given."),
        ({"cursor": NOW + '~"'}, "The cursor is not one that a link has given."),
    ],
)
def test_what_no_list_can_be_asked_for_is_refused_before_anything_is_read(routes, query, said):
    request = routes["GET /jobs"].request(query=query, context=CONTEXT)
    status, _, body = routes["GET /jobs"].answer(400, refusal(request["Select"]))

    assert set(request) == {"TableName", "Select"}
    assert status == 400
    assert body["detail"].startswith(said)


def refusal(marker):
    return {"__type": "ValidationException", "message": f"Value '{marker}' failed to satisfy constraint"}


@pytest.mark.parametrize("garbage", ["{}", "[]", ""])
def test_an_answer_that_is_no_page_is_none(routes, garbage):
    assert problem(routes["GET /jobs"].answer(200, garbage, context={**CONTEXT, "path": "/prod/jobs"})) == 503


# To cancel


def test_to_cancel_is_one_write_that_names_what_it_leaves(routes):
    request = routes["DELETE /jobs/{jobId}"].request(path={"jobId": "j-1"}, context=CONTEXT)

    values = {name: next(iter(value.values())) for name, value in request["ExpressionAttributeValues"].items()}
    assert request["Key"] == {"pk": {"S": "default#j-1"}}
    assert request["ConditionExpression"] == "#status IN (:pending, :inProgress)"
    assert (values[":pending"], values[":inProgress"], values[":cancelled"]) == ("Pending", "In Progress", "Cancelled")
    assert (values[":now"], values[":expires"], values[":one"]) == (NOW, "1795378349", "1")
    assert "#version = #version + :one" in request["UpdateExpression"]
    assert "#checkAt = :now" in request["UpdateExpression"], "to be stopped"
    assert "#open" not in request["UpdateExpression"]
    assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert {f"#{name}" for name in request["ExpressionAttributeNames"].values()} == set(
        request["ExpressionAttributeNames"]
    )


def test_a_cancelled_job_is_shown_as_it_is_now(routes):
    cancelled = {"Attributes": job(status="Cancelled", finishedAt=NOW, expiresAt="1795378349")}

    status, headers, body = routes["DELETE /jobs/{jobId}"].answer(
        200, cancelled, context={**CONTEXT, "path": "/prod/jobs/j-1"}
    )

    assert (status, body["status"], body["finishedAt"]) == (200, "Cancelled", NOW)
    assert headers["Content-Type"] == "application/json"
    assert "retry" in {link["rel"] for link in body["links"]}


def conflict(item=None):
    return {"__type": FAILED_CONDITION, "message": "The conditional request failed"} | ({"Item": item} if item else {})


def test_to_cancel_again_is_fine(routes):
    answer = conflict(job(status="Cancelled", expiresAt="1795378349"))

    status, headers, body = routes["DELETE /jobs/{jobId}"].answer(
        400, answer, context={**CONTEXT, "path": "/prod/jobs/j-1"}
    )

    assert (status, body["id"], body["status"]) == (200, "j-1", "Cancelled")
    assert headers["Content-Type"] == "application/json"


CONFLICTS = [
    ("DELETE /jobs/{jobId}", "Succeeded", 409),
    ("DELETE /jobs/{jobId}", "Failed", 409),
    ("POST /jobs/{jobId}/retry", "Succeeded", 409),
    ("POST /jobs/{jobId}/retry", "Pending", 202),
    ("POST /jobs/{jobId}/retry", "In Progress", 202),
]


@pytest.mark.parametrize(("route", "status", "told"), CONFLICTS)
def test_a_job_that_is_beyond_a_change_says_so(routes, route, status, told):
    path = "/prod" + route.partition(" ")[2].replace("{jobId}", "j-1")
    answered, headers, body = routes[route].answer(400, conflict(job(status=status)), context={**CONTEXT, "path": path})

    assert answered == told
    if told == 202:
        assert body == {"id": "j-1", "status": status, "links": [{"rel": "job", "href": "/prod/jobs/j-1"}]}
        assert headers["Location"] == "/prod/jobs/j-1"
    else:
        assert headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("route", ["DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry"])
@pytest.mark.parametrize(
    "item", [None, job(status="Failed", expiresAt="1795291949"), job(status="Cancelled", expiresAt="1")]
)
def test_an_unknown_and_an_expired_job_are_the_same_404_for_all(routes, route, item):
    answer = routes[route].answer(400, conflict(item), context={**CONTEXT, "path": "/prod/jobs/j-1"})

    shown = routes["GET /jobs/{jobId}"].answer(200, {"Count": 0, "Items": []}, context=CONTEXT)
    assert answer[2] == shown[2]
    assert problem(answer) == 404


@pytest.mark.parametrize("route", ["DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry"])
@pytest.mark.parametrize("id", ["", "a" * 65, "a b", "other#j-1", '"', "$x", "ü"])
def test_an_id_that_no_job_can_have_changes_none(routes, route, id):
    request = routes[route].request(path={"jobId": id}, context=CONTEXT)

    assert set(request) == {"TableName", "Key", "ReturnValues"}
    assert request["Key"] == {"pk": {"S": "-"}}
    assert problem(routes[route].answer(400, refusal(request["ReturnValues"]))) == 404


@pytest.mark.parametrize("route", ["DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry"])
@pytest.mark.parametrize("garbage", ["{}", "[]", ""])
def test_an_answer_that_tells_of_no_job_confirms_nothing(routes, route, garbage):
    assert problem(routes[route].answer(200, garbage, context={**CONTEXT, "path": "/prod/jobs/j-1"})) == 503


@pytest.mark.parametrize("route", ["GET /jobs", "DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry"])
@pytest.mark.parametrize(
    ("service", "type_", "told"),
    [
        (400, "ProvisionedThroughputExceededException", 429),
        (400, "ThrottlingException", 429),
        (400, "AccessDeniedException", 500),
        (500, "InternalServerError", 503),
    ],
)
def test_what_dynamodb_refuses_has_the_contract_s_status(routes, route, service, type_, told):
    answer = routes[route].answer(service, {"__type": type_, "message": "arn:aws:iam"}, context=CONTEXT)

    assert problem(answer) == told
    assert ("Retry-After" in answer[1]) == (told in {429, 503})
    assert "arn:" not in json.dumps(answer)


# To try again


def test_to_retry_is_one_write_that_starts_a_new_attempt(routes):
    request = routes["POST /jobs/{jobId}/retry"].request(path={"jobId": "j-1"}, context=CONTEXT)

    values = {name: next(iter(value.values())) for name, value in request["ExpressionAttributeValues"].items()}
    assert request["Key"] == {"pk": {"S": "default#j-1"}}
    assert request["ConditionExpression"] == "#status IN (:failed, :cancelled) AND #expiresAt > :epoch"
    assert (values[":failed"], values[":cancelled"], values[":pending"]) == ("Failed", "Cancelled", "Pending")
    assert (values[":now"], values[":digit"], values[":epoch"]) == (NOW, "3", "1795291949")
    assigned, _, removed = request["UpdateExpression"].partition(" REMOVE ")
    assert "#attempt = #attempt + :one" in assigned
    assert "#version = #version + :one" in assigned
    assert set(removed.split(", ")) == {
        f"#{name}" for name in ("startedAt", "finishedAt", "expiresAt", "executionArn", "progress", "result", "error")
    }


def test_a_retried_job_is_accepted_like_a_new_one(routes):
    status, headers, body = routes["POST /jobs/{jobId}/retry"].answer(
        200, {"Attributes": job(attempt="2")}, context={**CONTEXT, "path": "/prod/jobs/j-1/retry"}
    )

    assert status == 202
    assert headers["Location"] == "/prod/jobs/j-1"
    assert headers["Retry-After"] == "1"
    assert body == {"id": "j-1", "status": "Pending", "links": [{"rel": "job", "href": "/prod/jobs/j-1"}]}


# Tenants


@pytest.fixture(scope="module")
def tenants():
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs")
    jobs.workflow("add-gopher", definition=sfn.Pass(stack, "Work"))
    access = Access.cognito([cognito.UserPool(stack, "Pool")], tenant=claim("custom:tenant"))
    StorageFirstApi(stack, "Api", access=access).post("/gophers", jobs.store("add-gopher"))
    return Route.all_of(stack)


def as_tenant(name):
    return {**CONTEXT, "authorizer": {"claims": {"custom:tenant": name}}}


def test_tenants_list_cancel_and_retry_their_own_jobs_only(tenants):
    for route in ("DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry"):
        request = tenants[route].request(path={"jobId": "j-1"}, context=as_tenant("acme"))
        assert request["Key"] == {"pk": {"S": "acme#j-1"}}
    listed = tenants["GET /jobs"].request(query={"cursor": f"{NOW}~j-1"}, context=as_tenant("acme"))
    assert listed["ExpressionAttributeValues"] == {":tenant": {"S": "acme"}}
    assert listed["ExclusiveStartKey"]["tenant"] == {"S": "acme"}
    assert listed["ExclusiveStartKey"]["pk"] == {"S": "acme#j-1"}


@pytest.mark.parametrize("tenant", ["", "a#b", "default"])
@pytest.mark.parametrize(
    "route", ["GET /jobs", "GET /jobs/{jobId}", "DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry"]
)
def test_a_caller_without_a_tenant_sees_nothing(tenants, route, tenant):
    request = tenants[route].request(path={"jobId": "j-1"}, context=as_tenant(tenant))

    marker = request.get("Select") or request["ReturnValues"]
    assert problem(tenants[route].answer(400, refusal(marker))) == 403
