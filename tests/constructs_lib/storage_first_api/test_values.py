"""Which values of a request can be asked for, and what is refused at synth."""

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb

from constructs_lib import StorageFirstApi
from constructs_lib.storage_first_api.values import (
    Bool,
    Joined,
    Json,
    Number,
    String,
    arrival_digit,
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
    tenant,
)
from constructs_lib.stores import DynamoDbStore
from tests.constructs_lib.storage_first_api.routes import Route


@pytest.fixture
def store():
    """Posts to a route whose items have one value of the request, `x`."""
    stack = Stack(App(), "Stack")
    table = dynamodb.TableV2(
        stack, "Table", partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    )

    def store(value, route="/things/{thing}"):
        item = {"pk": request_id(), "x": value}
        StorageFirstApi(stack, "Api").post(route, DynamoDbStore(table, item=item))
        return Route.of(stack, "POST")

    return store


@pytest.mark.parametrize(
    "place", ["", "x", "$.", "$..x", "$.*", "$[*]", "$.x[-1]", "$.x[?(@.y)]", "$['x']", "$.x y", "$.x'", "$.9", "$x"]
)
def test_a_path_into_the_body_is_names_and_indexes_only(place):
    with pytest.raises(ValueError, match=r"body\(path\) must be") as error:
        body(place)

    assert repr(place) in str(error.value)


@pytest.mark.parametrize("place", ["$.x", "$.x_y-z", "$.x[0]", "$[0].x", "$.a.b[12].c"])
def test_any_name_or_index_of_the_body_can_be_taken(place):
    assert body(place).name == place


@pytest.mark.parametrize("options", [{"type": Number}, {"type": Json}, {"type": Bool}, {"default": "x"}])
def test_the_whole_body_is_text_and_always_there(options):
    with pytest.raises(ValueError, match=r"body\(\) is the whole body as text"):
        body(**options)


@pytest.mark.parametrize("place", ["$.x[0]", "$[1]"])
def test_a_number_is_found_by_its_name(place):
    with pytest.raises(ValueError, match=r"body\(path, type=Number\) must end with a name"):
        body(place, type=Number)


@pytest.mark.parametrize(
    ("take", "name"),
    [
        (path, ""),
        (path, "a b"),
        (path, "a'"),
        (path, "$x"),
        (query, "a[]"),
        (query, "a'b"),
        (header, "X.Y"),
        (header, ""),
    ],
)
def test_a_parameter_has_a_name_that_api_gateway_maps(take, name):
    with pytest.raises(
        ValueError, match=rf"{take.__name__}\(name\) has a character that API Gateway does not map"
    ) as error:
        take(name)

    assert repr(name) in str(error.value)


@pytest.mark.parametrize("take", [path, query, header])
def test_only_the_body_holds_json(take):
    with pytest.raises(ValueError, match=rf"{take.__name__}\('x', type=Json\): only the body holds JSON"):
        take("x", type=Json)


@pytest.mark.parametrize("name", ["", "a b", "a'", "$a", "a[0]"])
def test_a_claim_has_a_name_of_a_claim(name):
    with pytest.raises(ValueError, match=r"claim\(name\) must be") as error:
        claim(name)

    assert repr(name) in str(error.value)


@pytest.mark.parametrize(
    "name", ["", "a b", ".a", "a.", "a..b", "a['b']", "responseOverride.status", "requestOverride.header.X", "a)b"]
)
def test_a_context_variable_is_names_and_dots_and_overrides_nothing(name):
    with pytest.raises(ValueError, match=r"context\(name\) must be") as error:
        context(name)

    assert repr(name) in str(error.value)


@pytest.mark.parametrize(
    ("type_", "default"),
    [(String, 1), (String, True), (Number, "1"), (Number, True), (Bool, 1), (Bool, "true"), (Json, 1)],
)
def test_a_default_is_of_the_value_s_type(type_, default):
    with pytest.raises(ValueError, match="default must be a value of the type") as error:
        body("$.x", type=type_, default=default)

    assert repr(default) in str(error.value)


@pytest.mark.parametrize(
    ("type_", "default", "stored"),
    [
        (String, 'it\'s $x "q" #end \\$', {"S": 'it\'s $x "q" #end \\$'}),
        (Number, 1.5, {"N": "1.5"}),
        (Bool, False, {"BOOL": False}),
        (Json, '{"a":[]}', {"S": '{"a":[]}'}),
    ],
)
def test_a_default_stands_for_what_is_not_there(store, type_, default, stored):
    route = store(body("$.x", type=type_, default=default))

    for absent in ("{}", '{"x":null}', '{"x":""}'):
        request = route.request(body=absent, path={"thing": "t"})
        assert stored in request["ExpressionAttributeValues"].values()


def test_an_item_does_not_expire_at_once():
    with pytest.raises(ValueError, match=r"expires_after\(duration\) must be at least one second"):
        expires_after(Duration.millis(500))


def test_the_time_of_expiry_is_epoch_seconds(store):
    route = store(expires_after(Duration.days(2)))

    stored = route.stored(body="{}", path={"thing": "t"}, context={"requestTimeEpoch": 1795291949999})

    assert stored["x"] == str(1795291949 + 2 * 24 * 60 * 60)


def test_the_time_of_arrival_is_iso_8601_and_its_last_digit_is_the_milliseconds(store):
    route = store(join(arrival_time(), "|", arrival_digit()))

    stored = route.stored(
        body="{}",
        path={"thing": "t"},
        context={"requestTime": "21/Nov/2026:20:12:29 +0000", "requestTimeEpoch": 1795291949123},
    )

    assert stored["x"] == "2026-11-21T20:12:29.123Z|3"


def test_a_route_must_have_the_path_parameter(store):
    with pytest.raises(ValueError, match=r"path\('other'\): POST /things/\{thing\} has no such parameter"):
        store(path("other"))


def test_a_path_parameter_may_be_the_rest_of_the_path(store):
    route = store(path("thing"), "/things/{thing+}")

    assert route.stored(body="{}", path={"thing": "a/b"})["x"] == "a/b"


def test_joined_texts_are_one_flat_text():
    assert join("a", join("b", path("c")), "d") == Joined(("a", "b", path("c"), "d"))


def test_a_value_that_is_joined_is_read_once(store):
    route = store(join(query("q"), "-", query("q")))

    assert route.stored(body="{}", path={"thing": "t"}, query={"q": "x"})["x"] == "x-x"
    assert route.request_template.count("querystring.get('q')") == 1


def test_an_empty_parameter_that_is_needed_is_missing(store):
    route = store(query("q"))

    assert route.stored(body="{}", path={"thing": "t"}, query={"q": ""}) is None
    assert route.stored(body="{}", path={"thing": "t"}) is None


def test_without_a_tenant_all_requests_are_of_one(store):
    assert store(tenant()).stored(body="{}", path={"thing": "t"})["x"] == "default"


def test_only_what_a_client_cannot_repeat_is_of_the_moment():
    moments = [request_id(), arrival_time(), arrival_digit(), expires_after(Duration.days(1)), context("requestId")]
    lasting = [body(), body("$.x"), path("x"), query("x"), header("x"), idempotency_key(), claim("sub"), tenant()]

    assert [value.of_the_moment for value in moments] == [True] * len(moments)
    assert [value.of_the_moment for value in lasting] == [False] * len(lasting)
