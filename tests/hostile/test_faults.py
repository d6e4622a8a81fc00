"""Whatever a service answers, the caller gets the contract's status, and never what is inside."""

import json
import re

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from storage_first.local.velocity import TemplateError
from tests import faults
from tests.hostile.calls import BENIGN

SERVICES = {
    "POST /dynamodb/{part}": ("dynamodb", "UpdateItem"),
    "POST /jobs": ("dynamodb", "UpdateItem"),
    "GET /jobs": ("dynamodb", "Query"),
    "GET /jobs/{jobId}": ("dynamodb", "Query"),
    "DELETE /jobs/{jobId}": ("dynamodb", "UpdateItem"),
    "POST /jobs/{jobId}/retry": ("dynamodb", "UpdateItem"),
    "POST /sqs": ("sqs", "SendMessage"),
    "POST /fifo": ("sqs", "SendMessage"),
    "POST /sns": ("sns", "Publish"),
    "POST /topics/{group}": ("sns", "Publish"),
    "POST /kinesis/{key}": ("kinesis", "PutRecord"),
    "POST /events/{kind}": ("events", "PutEvents"),
    "POST /states": ("states", "StartExecution"),
    "PUT /s3/{name}": ("s3", "PutObject"),
}
CHANGES = ("DELETE /jobs/{jobId}", "POST /jobs/{jobId}/retry")
# Of the services' refusals, those that are on the caller's account.
CALLERS_OWN = {
    ("dynamodb", "ConditionalCheckFailedException"): 422,
    ("states", "ExecutionAlreadyExists"): 422,
    ("s3", "PreconditionFailed"): 412,
    ("sqs", "InvalidMessageContents"): 400,
    ("states", "InvalidExecutionInput"): 400,
}
THROTTLES = re.compile(
    "Throttl|ThroughputExceeded|RequestLimitExceeded|ExecutionLimitExceeded|TransactionConflict|SlowDown|WriteConflict"
)


def told(routes, route, answer):
    """What a caller is told for an answer of the service: API Gateway's own 500 where the template cannot read it."""
    try:
        status, headers, body = routes.all[route].answer(answer.status, answer.body.decode(errors="replace"))
    except TemplateError:
        return None
    assert headers["Content-Type"] == ("application/json" if status < 300 else "application/problem+json")
    if status >= 300:
        assert body["status"] == status
        assert set(body) == {"type", "title", "status", "detail", "instance"}
        assert ("Retry-After" in headers) == (status in {429, 503})
    said = json.dumps([headers, body])
    assert not re.search(r"arn:|xception|the-table|<html|internal/|Refused_", said), said
    return status


def refusal(service, refused):
    target = {"x-amz-target": "any"} if service in {"dynamodb", "events", "kinesis", "states"} else {}
    return refused.answer(faults.Call(service, "POST", "/", target, b""))


def expected(service, code, status):
    if (service, code) in CALLERS_OWN:
        return CALLERS_OWN[service, code]
    if THROTTLES.search(code):
        return 429
    return 503 if status >= 500 else 500


NAMED = [
    pytest.param(route, kind[service], id=f"{route}: {kind[service].code}")
    for route, (service, _) in SERVICES.items()
    for kind in (faults.CONDITIONAL, faults.INVALID, faults.THROTTLED, faults.DENIED, faults.FAILED, faults.UNAVAILABLE)
    if service in kind
]


@pytest.mark.parametrize(("route", "refused"), NAMED)
def test_a_refusal_of_a_service_has_the_contract_s_status(routes, route, refused):
    service, _ = SERVICES[route]

    status = told(routes, route, refusal(service, refused))

    if route.startswith("GET") and refused.code == "ConditionalCheckFailedException":
        assert status == 500  # no condition is set: nothing that a caller could have meant
    elif route in CHANGES and refused.code == "ConditionalCheckFailedException":
        assert status == 404  # and with the job as it is: tests of its endpoints
    else:
        assert status == expected(service, refused.code, refused.status)


def modelled():
    """Every error that AWS's own models give the actions, with the status that it comes with."""
    loader = Loader()  # of the models alone: no client is made
    errors = []
    for route, (service, action) in SERVICES.items():
        name = {"states": "stepfunctions"}.get(service, service)
        model = ServiceModel(loader.load_service_model(name, "service-2"), name)
        for shape in model.operation_model(action).error_shapes:
            error = shape.metadata.get("error", {})
            code = error.get("code", shape.name)
            status = 500 if code.startswith("Internal") else error.get("httpStatusCode", 400)
            errors.append(pytest.param(route, faults.Refusal(status, code), id=f"{route}: {code}"))
    return errors


@pytest.mark.parametrize(("route", "refused"), modelled())
def test_every_error_that_a_service_has_is_a_problem_and_a_throttle_is_429(routes, route, refused):
    service, _ = SERVICES[route]

    status = told(routes, route, refusal(service, refused))

    if THROTTLES.search(refused.code):
        assert status == 429
    elif refused.status >= 500:
        assert status == 503
    else:
        assert status in {400, 404, 412, 422, 500, 503}


@pytest.mark.parametrize("route", SERVICES)
@pytest.mark.parametrize("kind", sorted(faults.GARBAGE))
def test_garbage_is_never_a_success(routes, route, kind):
    status = told(routes, route, faults.GARBAGE[kind])

    assert status in ({202} if route.startswith("PUT /s3") and faults.GARBAGE[kind].status == 200 else {None, 500, 503})


@pytest.mark.parametrize("route", SERVICES)
@pytest.mark.parametrize("status", [100, 201, 202, 204, 206, 301, 302, 304, 307, 401, 404, 418, 429, 502, 504, 599])
def test_an_outcome_that_nobody_knows_is_never_a_success(routes, route, status):
    answered = told(routes, route, faults.Answer(status, b"{}"))

    assert answered == (500 if 300 <= status < 500 else 503)


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        ({"ErrorCode": "InternalFailure"}, 503),
        ({"ErrorCode": "InternalException"}, 503),
        ({"ErrorCode": "ThrottlingException"}, 429),
        ({"ErrorCode": "MalformedDetail"}, 400),
        ({"ErrorCode": "NotAuthorizedForDetailType"}, 500),
        ({"ErrorCode": "InvalidArgument"}, 500),
        ({}, 503),
    ],
)
def test_an_entry_that_failed_inside_a_success_is_none(routes, entry, status):
    body = {"FailedEntryCount": 1, "Entries": [{**entry, "ErrorMessage": faults.INTERNAL} if entry else {}]}

    assert told(routes, "POST /events/{kind}", faults.Answer(200, json.dumps(body).encode())) == status


# In the services' own words, where there is no code for it.
WORDS = [
    ("dynamodb", 413, "Item size to update has exceeded the maximum allowed size"),
    ("dynamodb", 400, "Size of hashkey has exceeded the maximum size limit of 2048 bytes"),
    ("dynamodb", 400, "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"),
    ("dynamodb", 400, "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"),
    ("dynamodb", 400, "Attempting to store more than 38 significant digits in a Number"),
    ("dynamodb", 400, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
    ("dynamodb", 400, "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
    ("sqs", 413, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."),
    ("sns", 413, "Invalid parameter: Message too long"),
    ("kinesis", 413, "Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 1"),
    ("events", 413, "Total size of the entries in the request is over the limit."),
]


@pytest.mark.parametrize(
    ("route", "refused", "status"),
    [
        pytest.param(route, faults.Refusal(400, "ValidationError", words), status, id=f"{route}: {words}")
        for service, status, words in WORDS
        for route, (called, _) in SERVICES.items()
        if service == called and not route.startswith("GET") and route not in CHANGES
        if route != "POST /jobs" or "Item size" in words  # its key is checked, and no number of it is a client's
    ],
)
def test_what_is_refused_on_account_of_the_request_is_the_caller_s(routes, route, refused, status):
    service, _ = SERVICES[route]

    assert told(routes, route, refusal(service, refused)) == status


CONFIRMATIONS = {
    "POST /dynamodb/{part}": {"Attributes": {"sk": {"S": "k"}, "text": {"S": "x"}}},
    "POST /jobs": {"Attributes": {"id": {"S": "k"}, "status": {"S": "Pending"}}},
    "POST /sqs": {"SendMessageResponse": {"SendMessageResult": {"MessageId": "k"}}},
    "POST /fifo": {"SendMessageResponse": {"SendMessageResult": {"MessageId": "k"}}},
    "POST /sns": {"PublishResponse": {"PublishResult": {"MessageId": "k"}}},
    "POST /topics/{group}": {"PublishResponse": {"PublishResult": {"MessageId": "k"}}},
    "POST /kinesis/{key}": {"SequenceNumber": "k", "ShardId": "s"},
    "POST /events/{kind}": {"FailedEntryCount": 0, "Entries": [{"EventId": "k"}]},
    "POST /states": {"executionArn": "arn:aws:states:us-east-1:1:execution:M:k", "startDate": 1},
}


@pytest.mark.parametrize("route", BENIGN)
def test_a_confirmation_is_accepted_with_its_id(routes, route):
    status, _, body = routes.all[route].answer(200, CONFIRMATIONS[route])

    assert (status, body["id"]) == (202, "k")


@pytest.mark.parametrize("route", BENIGN)
@pytest.mark.parametrize("id", ["", None])
def test_a_confirmation_without_an_id_confirms_nothing(routes, route, id):
    answer = json.loads(json.dumps(CONFIRMATIONS[route]).replace('"k"', json.dumps(id)).replace(":k", ":"))

    assert told(routes, route, faults.Answer(200, json.dumps(answer).encode())) == 503
