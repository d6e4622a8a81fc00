"""What would fail at deploy, or for every request, fails at synth, and says what to do."""

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from constructs_lib import Access, AlarmTopic, StorageFirstApi, StoredQueue
from constructs_lib.stores import (
    Bool,
    DynamoDbStore,
    Json,
    KinesisStore,
    Number,
    RawTemplateStore,
    S3Store,
    SqsStore,
    arrival_time,
    body,
    claim,
    context,
    expires_after,
    header,
    idempotency_key,
    join,
    path,
    query,
    request_id,
)
from tests.constructs_lib.storage_first_api.routes import Route, text


@pytest.fixture
def stack():
    return Stack(App(), "Stack", env={"account": "111111111111", "region": "us-east-1"})


@pytest.fixture
def api(stack):
    return StorageFirstApi(stack, "Api")


def a_table(stack, id="Table", kind=dynamodb.AttributeType.STRING):
    return dynamodb.TableV2(stack, id, partition_key=dynamodb.Attribute(name="pk", type=kind))


@pytest.mark.parametrize("value", [path("id"), join("a", path("id"))])
def test_a_value_in_an_f_string_is_refused_with_what_to_write(value):
    with pytest.raises(ValueError, match=r'use join\("order#", path\("id"\)\)'):
        f"order#{value}"


@pytest.mark.parametrize(("first", "second"), [("/a/{x}", "/a/{y}"), ("/a/{x}", "/a/{y}/b")])
def test_one_place_has_one_name_for_its_parameter(stack, api, first, second):
    store = SqsStore(sqs.Queue(stack, "Queue"))
    api.post(first, store)

    with pytest.raises(ValueError, match=r"must have \{x\} in place of \{y\}"):
        api.put(second, store)


def test_a_path_names_its_parameters_differently(stack, api):
    with pytest.raises(ValueError, match="must name each of its parameters differently"):
        api.post("/a/{x}/b/{x}", SqsStore(sqs.Queue(stack, "Queue")))


def test_a_required_key_that_the_store_has_no_use_for_is_refused(stack, api):
    with pytest.raises(ValueError, match="require_idempotency_key of POST /orders has no effect"):
        api.post("/orders", SqsStore(sqs.Queue(stack, "Queue")), require_idempotency_key=True)


def test_what_is_no_store_is_refused_by_name(stack, api):
    with pytest.raises(ValueError, match=r"store must be a store, such as SqsStore\(queue\)"):
        api.post("/orders", sqs.Queue(stack, "Queue"))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"pk": header("A")}, "and something besides"),
        ({"pk": body("$.n", type=Number), "v": body()}, "must be of the key's type S"),
        ({"pk": body("$.b", type=Bool), "v": body()}, "must be of the key's type S"),
        ({"pk": {"a": "b"}, "v": body()}, "must be of the key's type S"),
        ({"pk": "", "v": body()}, "must not be empty"),
        ({"pk": query("q", default=""), "v": body()}, "must not be empty"),
        ({"pk": request_id(), "v": None}, r"item\['v'\] must be a literal"),
        ({"pk": request_id(), "v": float("nan")}, "must be a number that DynamoDB knows"),
        ({"pk": request_id(), "it's": "x"}, "without quotes"),
        ({"pk": request_id(), "m": {"": "x"}}, r"item\['m'\] must have names"),
    ],
)
def test_an_item_that_dynamodb_would_always_refuse_is_refused(stack, item, said):
    with pytest.raises(ValueError, match=said):
        DynamoDbStore(a_table(stack), item=item)


def test_the_text_of_a_number_s_key_is_refused(stack):
    with pytest.raises(ValueError, match="must be of the key's type N"):
        DynamoDbStore(a_table(stack, kind=dynamodb.AttributeType.NUMBER), item={"pk": header("A"), "v": body()})


def test_a_number_s_key_cannot_hold_a_tenant(stack):
    table = a_table(stack, kind=dynamodb.AttributeType.NUMBER)
    users = cognito.UserPool(stack, "Users")
    api = StorageFirstApi(stack, "Api", access=Access.cognito([users], tenant=claim("sub")))

    with pytest.raises(ValueError, match="must have a partition key of type S, because the tenant is part of it"):
        api.post("/n", DynamoDbStore(table, item={"pk": body("$.n", type=Number), "v": body()}))


def test_more_attributes_than_an_expression_holds_are_refused(stack, api):
    item = {"pk": request_id(), **{f"a{number}": "x" for number in range(200)}}

    with pytest.raises(ValueError, match="Put some of them into a map"):
        api.post("/long", DynamoDbStore(a_table(stack), item=item))


def test_an_id_that_can_be_empty_is_not_what_confirms_a_write(stack, api):
    item = {"pk": request_id(), "id": body("$.ref", default="")}
    api.post("/items", DynamoDbStore(a_table(stack), item=item))

    status, _, told = Route.of(stack, "POST").answer(200, {"Attributes": {"pk": {"S": "r-1"}, "id": {"S": ""}}})

    assert (status, told["id"]) == (202, "r-1")


def test_a_repetition_of_what_is_all_of_the_moment_changes_nothing(stack, api):
    api.post("/items", DynamoDbStore(a_table(stack), item={"pk": idempotency_key(), "at": arrival_time()}))

    request = Route.of(stack, "POST").request(body="{}")

    assert "ConditionExpression" not in request
    assert "if_not_exists" in request["UpdateExpression"]
    assert set(request["ExpressionAttributeNames"].values()) == {"at"}


def test_an_item_that_has_expired_is_no_repetition(stack, api):
    item = {"pk": idempotency_key(), "input": body(), "expiresAt": expires_after(Duration.days(1))}
    api.post("/items", DynamoDbStore(a_table(stack), item=item))

    request = Route.of(stack, "POST").request(body="{}")

    names = {name: placeholder for placeholder, name in request["ExpressionAttributeNames"].items()}
    assert f"{names['expiresAt']} > :now" in request["ConditionExpression"]


def test_routes_of_one_table_are_told_apart(stack, api):
    store = DynamoDbStore(a_table(stack))
    api.post("/farms/{farm}/orders", store)

    called = Route.of(stack, "POST").stored(body="{}", path={"farm": "north"})

    assert called["route"] == "POST /farms/north/orders"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"group_id": ""}, "group_id must be 1 to 128 printable ASCII"),
        ({"group_id": "all orders"}, "group_id must be 1 to 128 printable ASCII"),
        ({"group_id": "all", "deduplication_id": "k"}, "deduplication_id must hold a value of the request"),
        ({"group_id": "all", "deduplication_id": ""}, "deduplication_id must hold a value of the request"),
    ],
)
def test_an_order_that_sqs_would_always_refuse_or_drop_is_refused(stack, options, said):
    with pytest.raises(ValueError, match=said):
        SqsStore(sqs.Queue(stack, "Queue", fifo=True), **options)


def test_what_tells_a_repetition_is_all_that_was_asked(stack, api):
    api.post("/c/{id}/a", SqsStore(sqs.Queue(stack, "Queue", fifo=True), group_id=path("id")))
    route = Route.of(stack, "POST")

    def id_of(content, farm):
        sent = route.request(body=content, path={"id": farm}, headers={"Idempotency-Key": "k"})
        return sent["MessageDeduplicationId"]

    assert id_of('{"n":"Aa"}', "1") == id_of('{"n":"Aa"}', "1")
    assert len({id_of('{"n":"Aa"}', "1"), id_of('{"n":"BB"}', "1"), id_of('{"n":"Aa"}', "2")}) == 3


@pytest.mark.parametrize("partition_key", ["", "x" * 257])
def test_a_partition_key_that_kinesis_would_always_refuse_is_refused(stack, partition_key):
    with pytest.raises(ValueError, match="partition_key must have 1 to 256 characters"):
        KinesisStore(kinesis.Stream(stack, "Stream"), partition_key=partition_key)


def test_a_queue_of_another_region_is_refused(stack, api):
    queue = sqs.Queue.from_queue_arn(stack, "Queue", "arn:aws:sqs:eu-west-1:111111111111:orders")

    with pytest.raises(ValueError, match="queue must be in us-east-1, the Region of Stack/Api"):
        api.post("/orders", SqsStore(queue))


def test_a_table_of_another_account_is_refused(stack, api):
    table = dynamodb.TableV2.from_table_arn(stack, "T", "arn:aws:dynamodb:us-east-1:222222222222:table/orders")

    with pytest.raises(ValueError, match="table must be in 111111111111, the account of Stack/Api"):
        api.post("/orders", DynamoDbStore(table, key=["pk"]))


@pytest.mark.parametrize(
    ("tenant", "key", "said"),
    [
        (claim("sub"), join("a/", context("path")), "cannot take the context variable path"),
        (claim("sub"), claim("name"), "cannot take the claim name"),
        (claim("sub"), path("name"), "cannot take the path parameter name"),
        (claim("custom:tenant"), request_id(), "must give a tenant that is an id of AWS's making"),
    ],
)
def test_an_object_s_name_cannot_lead_out_of_its_tenant_s(stack, tenant, key, said):
    users = cognito.UserPool(stack, "Users")
    api = StorageFirstApi(stack, "Api", access=Access.cognito([users], tenant=tenant))

    with pytest.raises(ValueError, match=said):
        api.put("/files/{name}", S3Store(s3.Bucket(stack, "Bucket"), key=key))


@pytest.mark.parametrize("key", ["", query("name"), join(query("a"), header("b"))])
def test_a_name_that_can_be_empty_is_refused(stack, key):
    with pytest.raises(ValueError, match="key must have a part that is never empty"):
        S3Store(s3.Bucket(stack, "Bucket"), key=key)


def test_an_object_s_name_has_only_parameters_of_its_route(stack, api):
    with pytest.raises(ValueError, match=r"path\('name'\): PUT /files has no such parameter; it has none"):
        api.put("/files", S3Store(s3.Bucket(stack, "Bucket"), key=path("name")))


def test_an_empty_template_is_refused():
    with pytest.raises(ValueError, match="template must not be empty"):
        RawTemplateStore(service="logs", action="X", template=" ", id_path="$.id", actions=[], resources=[])


@pytest.mark.parametrize(("default", "kept"), [({"a": 1}, '{"a": 1}'), ([], "[]"), ('{"a":1}', '{"a":1}')])
def test_a_default_of_json_is_json(stack, api, default, kept):
    item = {"pk": request_id(), "m": body("$.m", type=Json, default=default)}
    api.post("/items", DynamoDbStore(a_table(stack), item=item))

    assert Route.of(stack, "POST").stored(body="{}")["m"] == kept


@pytest.mark.parametrize("type_", [int, "Number"])
def test_a_type_that_is_none_is_refused(type_):
    with pytest.raises(ValueError, match="type must be String, Number, Bool or Json"):
        body("$.n", type=type_)


def test_alarms_take_an_alarm_topic_as_it_is(stack):
    alarms = AlarmTopic(stack, "Alarms")

    StoredQueue(stack, "Queue", alarm_topic=alarms)

    (topic,) = Template.from_stack(stack).find_resources("AWS::SNS::Topic")
    for alarm in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values():
        assert {"Ref": topic} in alarm["Properties"]["AlarmActions"]


def test_nothing_is_read_of_a_body_that_is_too_large(stack, api):
    api.post("/orders", SqsStore(sqs.Queue(stack, "Queue", fifo=True), group_id=body("$.c")))

    template = text(Route.of(stack, "POST").request_template)

    assert template.index('#if($refused == "")') < template.index("$!input.path")


@pytest.mark.parametrize("sent", ["5", "true", '{"a":"b"}', '["a"]'])
def test_what_is_no_text_is_never_stored_as_one(stack, api, sent):
    api.post("/items", DynamoDbStore(a_table(stack), item={"pk": request_id(), "v": body("$.v")}))

    assert Route.of(stack, "POST").stored(body=f'{{"v":{sent}}}') is None


@pytest.mark.parametrize("sent", ["5", "true", '"text"', '"{}"', '"[1]"'])
def test_what_is_no_object_or_list_is_never_stored_as_json(stack, api, sent):
    api.post("/items", DynamoDbStore(a_table(stack), item={"pk": request_id(), "v": body("$.v", type=Json)}))

    assert Route.of(stack, "POST").stored(body=f'{{"v":{sent}}}') is None
