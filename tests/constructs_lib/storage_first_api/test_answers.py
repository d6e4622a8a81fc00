import json

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import JobTracker, StorageFirstApi
from tests.constructs_lib.storage_first_api.routes import Route

PREFIX = "com.amazonaws.dynamodb.v20120810#"
PROBLEM = "application/problem+json"

# Every refusal of DynamoDB that a route can meet, and what the contract makes of it.
REFUSALS = [
    ("ConditionalCheckFailedException", "The conditional request failed", 422),
    ("ProvisionedThroughputExceededException", "The level of configured provisioned throughput was exceeded", 429),
    ("ThrottlingException", "Throughput exceeds the current capacity of your table", 429),
    ("RequestLimitExceeded", "Throughput exceeds the current throughput limit for your account", 429),
    ("TransactionConflictException", "Transaction is ongoing for the item", 429),
    ("ValidationException", "Item size to update has exceeded the maximum allowed size", 413),
    ("ValidationException", "Item size has exceeded the maximum allowed size", 413),
    ("ValidationException", "The provided key element does not match the schema", 500),
    ("ResourceNotFoundException", "Requested resource not found: Table: the-table not found", 500),
    ("AccessDeniedException", "User: arn:aws:sts::1:assumed-role/x is not authorized to perform", 500),
    ("UnrecognizedClientException", "The security token included in the request is invalid.", 500),
    ("SerializationException", "Start of structure or map found where not expected.", 500),
]


@pytest.fixture(scope="module")
def stack():
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs")
    StorageFirstApi(stack, "Api").post("/gophers", jobs.store("add-gopher"))
    jobs.workflow("add-gopher", definition=sfn.Pass(stack, "Work"))
    return stack


@pytest.fixture(scope="module")
def post(stack):
    return Route.of(stack, "POST")


@pytest.fixture(scope="module")
def get(stack):
    return Route.of(stack, "GET")


@pytest.mark.parametrize(("type_", "message", "told"), REFUSALS)
@pytest.mark.parametrize("member", ["message", "Message"])
def test_each_refusal_of_dynamodb_has_the_contract_s_status(post, type_, message, told, member):
    status, headers, body = post.answer(400, {"__type": PREFIX + type_, member: message})

    assert status == told
    assert headers["Content-Type"] == PROBLEM
    assert ("Retry-After" in headers) == (told == 429)
    assert body["status"] == told
    assert set(body) == {"type", "title", "status", "detail", "instance"}


@pytest.mark.parametrize(("type_", "message", "_told"), REFUSALS)
def test_no_refusal_tells_anything_internal(post, get, type_, message, _told):
    for route in (post, get):
        _, _, body = route.answer(400, {"__type": PREFIX + type_, "message": message + " arn:aws:dynamodb the-table"})

        said = json.dumps(body)
        assert "arn:" not in said
        assert "the-table" not in said
        assert "xception" not in said


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"__type": null}', '{"__type": 5}', '{"message": {"a": 1}}'])
def test_garbage_with_status_400_is_our_mistake_not_the_caller_s(post, body):
    status, headers, told = post.answer(400, body)

    assert (status, told["status"], headers["Content-Type"]) == (500, 500, PROBLEM)


@pytest.mark.parametrize("service", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["", "<html>", '{"__type": "InternalServerError"}'])
def test_a_store_that_is_down_is_a_503_to_come_back_for(post, get, service, body):
    for route in (post, get):
        status, headers, told = route.answer(service, body)

        assert (status, told["status"], headers["Content-Type"]) == (503, 503, PROBLEM)
        assert "Retry-After" in headers


@pytest.mark.parametrize(
    ("service", "told"),
    [*((status, 503) for status in (201, 204)), *((status, 500) for status in (301, 401, 403, 404, 413, 418, 429))],
)
def test_an_unknown_outcome_is_never_a_success(post, get, service, told):
    for route in (post, get):
        status, _, _ = route.answer(service, "{}")

        assert status == told


@pytest.mark.parametrize(
    ("type_", "told"),
    [("ThrottlingException", 429), ("ValidationException", 500), ("AccessDeniedException", 500)],
)
def test_a_job_that_cannot_be_read_is_not_an_unknown_job(get, type_, told):
    status, headers, _ = get.answer(400, {"__type": PREFIX + type_, "message": "x"})

    assert status == told
    assert ("Retry-After" in headers) == (told == 429)


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("/prod/gophers", "/prod/jobs/j-1"),
        ("/v2/gophers", "/v2/jobs/j-1"),
        ("/gophers", "/jobs/j-1"),  # a custom domain without a base path
        ("/shop/eu/gophers", "/shop/eu/jobs/j-1"),  # with one
    ],
)
def test_the_link_is_right_under_any_stage_and_domain(post, path, link):
    stored = {"Attributes": {"id": {"S": "j-1"}, "status": {"S": "Pending"}}}

    status, headers, body = post.answer(200, stored, context={"path": path})

    assert status == 202
    assert headers["Location"] == link
    assert body == {"id": "j-1", "status": "Pending", "links": [{"rel": "job", "href": link}]}


@pytest.mark.parametrize(
    ("status", "comes_back"),
    [("Pending", True), ("In Progress", True), ("Succeeded", False), ("Failed", False), ("Cancelled", False)],
)
def test_only_a_job_that_can_still_change_says_when_to_come_back(get, status, comes_back):
    answered, headers, body = get.answer(200, found({"status": {"S": status}}))

    assert answered == 200
    assert body["status"] == status
    assert ("Retry-After" in headers) == comes_back


def test_a_job_is_shown_whole(get):
    hostile = 'it\'s "x"\\ \n$foo #end \u2028 🐹 </script>'
    changes = {
        "progress": {"M": {"percent": {"N": "60"}, "message": {"S": hostile}}},
        "error": {"M": {"code": {"S": hostile}, "message": {"S": hostile}}},
        "result": {"S": '{"big":9007199254740993,"text":"it\'s"}'},
        "startedAt": {"S": "2026-11-21T20:12:30.000Z"},
        "finishedAt": {"S": "2026-11-21T20:12:31.000Z"},
    }

    _, _, body = get.answer(200, found(changes), context={"path": "/prod/jobs/j-1"})

    assert body == {
        "id": "j-1",
        "type": "add-gopher",
        "status": "Pending",
        "attempt": 1,
        "version": 1,
        "createdAt": "2026-11-21T20:12:29.123Z",
        "startedAt": "2026-11-21T20:12:30.000Z",
        "finishedAt": "2026-11-21T20:12:31.000Z",
        "updatedAt": "2026-11-21T20:12:29.123Z",
        "progress": {"percent": 60, "message": hostile},
        "result": {"big": 9007199254740993, "text": "it's"},
        "error": {"code": hostile, "message": hostile},
        "links": [
            {"rel": "self", "href": "/prod/jobs/j-1"},
            {"rel": "collection", "href": "/prod/jobs"},
            {"rel": "cancel", "href": "/prod/jobs/j-1"},
        ],
    }


def test_a_job_never_shows_its_input_or_where_it_runs(get):
    _, _, body = get.answer(200, found({"input": {"S": "secret"}, "executionArn": {"S": "arn:aws:states"}}))

    assert "secret" not in json.dumps(body)
    assert "arn:" not in json.dumps(body)


def found(changes):
    time = {"S": "2026-11-21T20:12:29.123Z"}
    job = {
        "pk": {"S": "default#j-1"},
        "id": {"S": "j-1"},
        "tenant": {"S": "default"},
        "type": {"S": "add-gopher"},
        "status": {"S": "Pending"},
        "attempt": {"N": "1"},
        "version": {"N": "1"},
        "createdAt": time,
        "updatedAt": time,
    }
    return {"Count": 1, "ScannedCount": 1, "Items": [job | changes]}


def test_the_instance_of_a_problem_is_the_request_id_that_no_client_can_set(post):
    context = {"requestId": "spoofed", "extendedRequestId": "JKJaXmPLvHcESHA="}

    instances = [post.answer(status, "{}", context=context)[2]["instance"] for status in (400, 500, 418)]

    assert instances == ["JKJaXmPLvHcESHA="] * 3


def test_only_a_job_that_has_not_expired_is_looked_for(get):
    request = get.request(path={"jobId": "j-1"}, context={"requestTimeEpoch": 1795291949007})

    assert request["KeyConditionExpression"] == "#pk = :pk"
    assert request["FilterExpression"] == "attribute_not_exists(#expiresAt) OR #expiresAt > :now"
    assert request["ExpressionAttributeValues"] == {":pk": {"S": "default#j-1"}, ":now": {"N": "1795291949"}}
    assert request["ConsistentRead"] is True


@pytest.mark.parametrize("job_id", ["", "a" * 65, "a b", "other#j-1", '"', "$x", "ü"])
def test_an_id_that_no_job_can_have_finds_nothing(get, job_id):
    request = get.request(path={"jobId": job_id})
    refusal = {"__type": "ValidationException", "message": f"Value '{request['Select']}' at 'select' failed to satisfy"}

    assert set(request) == {"TableName", "Select"}
    assert get.answer(400, refusal)[2] == get.answer(200, {"Count": 0, "Items": []})[2]
