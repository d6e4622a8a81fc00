"""What each store asks of its service, whose a request is, and what a route may do."""

import base64
import re

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from constructs_lib import StorageFirstApi
from constructs_lib.storage_first_api.access import Access
from constructs_lib.stores import (
    DynamoDbStore,
    EventBridgeStore,
    KinesisStore,
    Number,
    S3Store,
    SnsStore,
    SqsStore,
    StepFunctionsStore,
    arrival_time,
    body,
    context,
    header,
    join,
    path,
    query,
)
from tests.constructs_lib.storage_first_api.routes import Route

TENANT = context("identity.accountId")
EVENT = {
    "body": '{"c":"x"}',
    "path": {"name": "n"},
    "query": {"q": "q"},
    "headers": {"Idempotency-Key": "k"},
    "context": {"identity": {"accountId": "acme"}},
}


def define(access):
    """A stack with a route to every store, and who may call."""
    stack = Stack(App(), "Stack")
    api = StorageFirstApi(stack, "Api", access=access)
    pk = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    table = dynamodb.TableV2(stack, "Table", partition_key=pk)
    api.post("/dynamodb", DynamoDbStore(table))
    item = {"pk": body("$.c"), "at": arrival_time(), "q": query("q"), "n": 1}
    api.post("/items", DynamoDbStore(table, item=item))
    api.post("/once", DynamoDbStore(table, item={"pk": body("$.c"), "at": arrival_time()}))
    api.post("/sqs", SqsStore(sqs.Queue(stack, "Queue"), group_id=body("$.c")))
    api.post("/fifo", SqsStore(sqs.Queue(stack, "Fifo", fifo=True), group_id=body("$.c")))
    api.post("/sns", SnsStore(sns.Topic(stack, "Topic")))
    api.post("/topics", SnsStore(sns.Topic(stack, "OrderedTopic", fifo=True), group_id=query("q")))
    stream = kinesis.Stream(stack, "Stream")
    api.post("/kinesis/{name}", KinesisStore(stream, partition_key=path("name")))
    api.post("/spread", KinesisStore(stream))
    bus = events.EventBus(stack, "Bus")
    api.post("/events/{name}", EventBridgeStore(bus, source="shop", detail_type=path("name")))
    machine = sfn.StateMachine(
        stack, "Machine", definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Pass"))
    )
    api.post("/states", StepFunctionsStore(machine))
    # What a client chooses is no part of a tenant's name: `..` could lead to another's.
    key = context("extendedRequestId") if access.tenant else path("name")
    api.put(
        "/s3/{name}",
        S3Store(s3.Bucket(stack, "Bucket"), key=join("a b/", key)),
    )
    return stack


@pytest.fixture(scope="module")
def stack():
    return define(Access.anyone())


@pytest.fixture(scope="module")
def routes(stack):
    return Route.all_of(stack)


@pytest.fixture(scope="module")
def tenants():
    return Route.all_of(define(Access.iam(tenant=TENANT)))


# --- Size -------------------------------------------------------------------------------------------------------------

LIMITS = [
    ("POST /dynamodb", 300),
    ("POST /sqs", 1020),
    ("POST /fifo", 1020),
    ("POST /sns", 252),
    ("POST /topics", 252),
    ("POST /events/{name}", 972),
    ("POST /states", 256),
]


@pytest.mark.parametrize(("name", "kibibytes"), LIMITS)
def test_a_body_is_stored_up_to_the_limit_in_bytes_and_refused_above(routes, name, kibibytes):
    start = '{"c":"x","d":"é"}'
    spaces = " " * (kibibytes * 1024 // 3 * 3 - len(start.encode()))  # three bytes are four characters of base64

    fits = routes[name].request(**{**EVENT, "body": start + spaces})
    exceeds = routes[name].request(**{**EVENT, "body": start + spaces + "   "})

    assert spaces in str(fits)
    assert spaces not in str(exceeds)
    (marker,) = re.findall(r"Refused_\d+_", str(exceeds))
    assert told(routes[name], marker)[0] == 413


def told(route, marker):
    answers = [{"__type": "ValidationException", "message": marker}, {"Error": {"Code": "X", "Message": marker}}]
    form = "urlencoded" in route.integration["RequestParameters"].get("integration.request.header.Content-Type", "")
    status, _, problem = route.answer(400, answers[form])
    return status, problem["detail"]


# --- The body -------------------------------------------------------------------------------------------------------

BODY_OF = {
    "POST /dynamodb": lambda request: next(
        request["ExpressionAttributeValues"][place.replace("#", ":")]["S"]
        for place, name in request["ExpressionAttributeNames"].items()
        if name == "input"
    ),
    "POST /sqs": lambda request: request["MessageBody"],
    "POST /fifo": lambda request: request["MessageBody"],
    "POST /sns": lambda request: request["Message"],
    "POST /topics": lambda request: request["Message"],
    "POST /kinesis/{name}": lambda request: base64.b64decode(request["Data"], validate=True).decode(),
    "POST /spread": lambda request: base64.b64decode(request["Data"], validate=True).decode(),
    "POST /events/{name}": lambda request: request["Entries"][0]["Detail"],
    "POST /states": lambda request: request["input"],
}


@pytest.mark.parametrize("name", BODY_OF)
@pytest.mark.parametrize("sent", ['{"c":"x"}', ' {"c" : "x",\n"d": "it\'s \\"$x\\" #end & + é\u2028🐹"} '])
def test_the_body_is_stored_exactly_as_it_came(routes, tenants, name, sent):
    for each in (routes, tenants):
        assert BODY_OF[name](each[name].request(**{**EVENT, "body": sent})) == sent


# --- AWS's own models -------------------------------------------------------------------------------------------------

MODELS = {
    "POST /dynamodb": ("dynamodb", "UpdateItem"),
    "POST /items": ("dynamodb", "UpdateItem"),
    "POST /once": ("dynamodb", "UpdateItem"),
    "POST /kinesis/{name}": ("kinesis", "PutRecord"),
    "POST /spread": ("kinesis", "PutRecord"),
    "POST /events/{name}": ("events", "PutEvents"),
    "POST /states": ("stepfunctions", "StartExecution"),
}


def input_of(service, action):
    model = Loader().load_service_model(service, "service-2")  # the model alone: no client is made
    return ServiceModel(model, service).operation_model(action).input_shape


@pytest.mark.parametrize("name", MODELS)
def test_a_request_is_one_of_aws_s_own_model(routes, tenants, name):
    for each in (routes, tenants):
        request = each[name].request(**EVENT)

        assert ParamValidator().validate(request, input_of(*MODELS[name])).generate_report() == ""


@pytest.mark.parametrize(
    ("name", "member", "impossible"),
    [
        ("POST /items", "ReturnValues", lambda shape, value: value not in shape.enum),
        ("POST /kinesis/{name}", "ExplicitHashKey", lambda _, value: not re.fullmatch(r"0|([1-9]\d{0,38})", value)),
        (
            "POST /events/{name}",
            "EndpointId",
            lambda _, value: not re.fullmatch(r"[A-Za-z0-9-]+\.[A-Za-z0-9-]+", value),
        ),
        ("POST /states", "name", lambda _, value: re.search("[<>]", value)),
    ],
)
def test_a_refused_request_is_one_that_the_service_cannot_take(routes, name, member, impossible):
    refused = {**EVENT, "body": "{}", "path": {"name": "\ufffd"}, "headers": {"Idempotency-Key": "not one"}}

    request = routes[name].request(**refused)

    shape = input_of(*MODELS[name]).members[member]
    assert impossible(shape, request[member])
    assert "Refused_" in request[member]
    assert not {"UpdateExpression", "input"}.intersection(request)


@pytest.mark.parametrize("name", ["POST /sqs", "POST /fifo", "POST /topics"])
def test_a_refused_message_has_an_attribute_of_a_type_that_there_is_not(routes, name):
    request = routes[name].request(**{**EVENT, "body": '{"c":"ü"}', "query": {"q": "ü"}})

    (attribute,) = {field.removesuffix(".Name") for field, value in request.items() if value.startswith("Refused_")}
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    assert request[f"{attribute}.Value.DataType"].partition(".")[0] not in {"String", "Number", "Binary"}
    assert "ü" not in str(request)


# --- Repetitions ------------------------------------------------------------------------------------------------------


def test_an_item_that_is_there_must_be_the_same_in_all_that_a_client_can_repeat(routes):
    request = routes["POST /items"].request(**EVENT)

    names = request["ExpressionAttributeNames"]
    condition = re.sub(r"(?<=[#:])\d+", lambda found: names[f"#{found[0]}"], request["ConditionExpression"])
    assert condition == "attribute_not_exists(#pk) OR (#q = :q AND #n = :n)"


def test_an_item_of_the_moment_has_nothing_to_compare_and_changes_nothing(routes):
    request = routes["POST /once"].request(**EVENT)

    assert "ConditionExpression" not in request
    assert request["UpdateExpression"] == "SET #1 = if_not_exists(#1, :1)"


@pytest.mark.parametrize("name", ["POST /items", "POST /dynamodb"])
def test_no_attribute_that_is_there_is_written_again(routes, name):
    assignments = re.findall(
        r"(#\d+) = (if_not_exists\((#\d+), (:\d+)\))?", routes[name].request(**EVENT)["UpdateExpression"]
    )

    assert assignments
    assert all(found and target == kept for target, found, kept, _ in assignments)


@pytest.mark.parametrize("name", ["POST /fifo", "POST /topics"])
def test_a_message_is_repeated_only_by_the_same_key_group_and_body(routes, name):
    def id_of(**changes):
        return routes[name].request(**{**EVENT, **changes})["MessageDeduplicationId"]

    same, again = id_of(), id_of()
    other_body = id_of(body='{"c":"x" }')
    other_key = id_of(headers={"Idempotency-Key": "k2"})
    other_group = id_of(body='{"c":"y"}', query={"q": "r"})

    assert same == again
    assert len({same, other_body, other_key, other_group}) == 4
    assert len(id_of(body=f'{{"c":"x","d":"{"é" * 300_000}"}}', headers={"Idempotency-Key": "k" * 64})) <= 128


# --- Tenants ----------------------------------------------------------------------------------------------------------


def test_what_is_written_is_under_the_tenant(tenants):
    requests = {name: route.request(**EVENT) for name, route in tenants.items() if name.startswith("POST")}

    assert requests["POST /dynamodb"]["Key"] == {"pk": {"S": "acme#k"}}
    assert requests["POST /items"]["Key"] == {"pk": {"S": "acme#x"}}
    assert requests["POST /sqs"]["MessageGroupId"] == requests["POST /fifo"]["MessageGroupId"] == "acme#x"
    assert requests["POST /topics"]["MessageGroupId"] == "acme#q"
    assert requests["POST /fifo"]["MessageDeduplicationId"].startswith("acme#k.")
    assert requests["POST /kinesis/{name}"]["PartitionKey"] == "acme#n"
    assert "tenant/acme" in requests["POST /events/{name}"]["Entries"][0]["Resources"]
    assert "name" not in requests["POST /states"]
    for name in ("sqs", "sns"):
        assert {"tenant", "acme"} <= set(requests[f"POST /{name}"].values())


HOSTILE_TENANTS = [
    "",
    "default",
    "a#b",
    "a/b",
    'x"},"admin":{"BOOL":true},"y":{"S":"',
    "a b",
    "ü",
    "$x",
    "a" * 129,
    "a\n",
]
WITH_TENANT = [
    *("POST /dynamodb", "POST /items", "POST /sqs", "POST /fifo", "POST /sns", "POST /topics", "POST /kinesis/{name}"),
    "POST /events/{name}",
]


@pytest.mark.parametrize("name", WITH_TENANT)
@pytest.mark.parametrize("whose", HOSTILE_TENANTS)
def test_a_tenant_that_could_be_mistaken_for_another_is_refused(tenants, name, whose):
    request = tenants[name].request(**{**EVENT, "context": {"identity": {"accountId": whose}}})

    (marker,) = re.findall(r"Refused_\d+_", str(request))
    status, detail = told(tenants[name], marker)
    assert (status, detail) == (403, "The caller belongs to no tenant that this API knows.")


# --- Objects ----------------------------------------------------------------------------------------------------------


def test_an_object_s_body_is_passed_on_as_it_is_and_its_name_is_the_path(routes):
    integration = routes["PUT /s3/{name}"].integration

    assert "RequestTemplates" not in integration
    assert integration["PassthroughBehavior"] == "WHEN_NO_TEMPLATES"
    sources = integration["RequestParameters"]
    (placeholder,) = [name for name, source in sources.items() if source == "method.request.path.name"]
    assert placeholder.startswith("integration.request.path.")


@pytest.mark.parametrize("name", [*MODELS, "POST /sqs", "POST /fifo", "POST /sns", "POST /topics"])
def test_no_body_is_passed_on_without_a_template(routes, name):
    integration = routes[name].integration

    assert integration["PassthroughBehavior"] == "NEVER"
    assert list(integration["RequestTemplates"]) == ["application/json"]


@pytest.mark.parametrize("key", [body("$.c"), query("q", default="x"), path("name", type=Number)])
def test_an_object_s_name_is_nothing_that_only_a_template_could_read(key):
    stack = Stack(App(), "Stack")

    with pytest.raises(ValueError, match="key"):
        StorageFirstApi(stack, "Api").put("/s3/{name}", S3Store(s3.Bucket(stack, "Bucket"), key=key))


# --- What a route may do ----------------------------------------------------------------------------------------------

ALLOWED = {
    "dynamodb": "dynamodb:UpdateItem",
    "items": "dynamodb:UpdateItem",
    "sqs": "sqs:SendMessage",
    "fifo": "sqs:SendMessage",
    "sns": "sns:Publish",
    "topics": "sns:Publish",
    "kinesis": "kinesis:PutRecord",
    "events": "events:PutEvents",
    "states": "states:StartExecution",
    "s3": "s3:PutObject",
}


def test_routes_may_store_and_nothing_else(stack):
    template = Template.from_stack(stack)
    roles = [
        role
        for role, found in template.find_resources("AWS::IAM::Role").items()
        if "apigateway.amazonaws.com" in str(found) and "Lets" in found["Properties"].get("Description", "")
    ]
    statements = [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if any({"Ref": role} in policy["Properties"]["Roles"] for role in roles)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]

    assert statements
    assert {statement["Action"] for statement in statements} == set(ALLOWED.values())
    assert "*" not in [statement["Resource"] for statement in statements]


# --- Synth ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", [SqsStore, SnsStore])
def test_order_needs_a_group_and_only_order_needs_to_know_repetitions(store):
    stack = Stack(App(), "Stack")
    ordered = {SqsStore: sqs.Queue, SnsStore: sns.Topic}[store](stack, "Ordered", fifo=True)
    standard = {SqsStore: sqs.Queue, SnsStore: sns.Topic}[store](stack, "Standard")

    with pytest.raises(ValueError, match="group_id must be given, because Stack/Ordered is FIFO"):
        store(ordered)
    with pytest.raises(ValueError, match="deduplication_id must not be given, because Stack/Standard is not FIFO"):
        store(standard, deduplication_id=header("X"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "aws.mine", "detail_type": "x"}, 'source must not begin with "aws."'),
        ({"source": "", "detail_type": "x"}, "source must have 1 to 256 characters; got 0"),
        ({"source": "x", "detail_type": "y" * 129}, "detail_type must have 1 to 128 characters; got 129"),
    ],
)
def test_an_event_has_a_source_and_a_type_that_eventbridge_takes(given, message):
    bus = events.EventBus(Stack(App(), "Stack"), "Bus")

    with pytest.raises(ValueError, match=re.escape(message)):
        EventBridgeStore(bus, **given)


def test_a_source_that_a_caller_gives_is_never_aws_s_own():
    stack = Stack(App(), "Stack")
    bus = events.EventBus(stack, "Bus")
    StorageFirstApi(stack, "Api").post("/e", EventBridgeStore(bus, source=header("X-Source"), detail_type="x"))
    route = Route.of(stack, "POST")

    taken = {
        name: "Detail" in str(route.request(body="{}", headers={"X-Source": name}))
        and "EndpointId" not in route.request(body="{}", headers={"X-Source": name})
        for name in ("aws.ec2", "aws", "shop", "AWS.x", "x" * 257)
    }

    assert taken == {"aws.ec2": False, "aws": True, "shop": True, "AWS.x": True, "x" * 257: False}
