"""Several constructs on one REST API, one of the app's or of a StorageFirstApi."""

import json

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from constructs_lib import JobTracker
from constructs_lib.storage_first_api import Access, Cors, StorageFirstApi, Throttle
from constructs_lib.stores import DynamoDbStore, KinesisStore, S3Store, SqsStore, header, path
from tests.constructs_lib.storage_first_api.routes import Route

ORIGIN = "Access-Control-Allow-Origin"


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def existing(stack):
    return apigateway.RestApi(stack, "Existing", deploy_options=apigateway.StageOptions(stage_name="v1"))


@pytest.fixture
def store(stack):
    return SqsStore(sqs.Queue(stack, "Queue"))


def tracker(stack, id, job_type):
    jobs = JobTracker(stack, id)
    jobs.workflow(job_type, definition=sfn.Pass(stack, f"{id}Work"))
    return jobs


def resources(stack, type_):
    found = Template.from_stack(stack).find_resources(f"AWS::{type_}").values()
    return [each.get("Properties", {}) for each in found]


def refusals(stack):
    return {each["ResponseType"]: each for each in resources(stack, "ApiGateway::GatewayResponse")}


def test_routes_are_added_to_an_existing_api_with_its_stage(stack, existing, store):
    api = StorageFirstApi(stack, "Orders", rest_api=existing)

    api.post("/orders", store)

    assert api.rest_api is existing
    assert api.access_log is None
    assert len(resources(stack, "ApiGateway::RestApi")) == 1
    assert [stage["StageName"] for stage in resources(stack, "ApiGateway::Stage")] == ["v1"]
    (method,) = resources(stack, "ApiGateway::Method")
    assert method["RestApiId"] == stack.resolve(existing.rest_api_id)
    assert "RequestValidatorId" in method


def test_refusals_of_an_existing_api_are_problems_however_many_constructs_share_it(stack, existing, store):
    StorageFirstApi(stack, "Orders", rest_api=existing).post("/orders", store)
    StorageFirstApi(stack, "Returns", rest_api=existing).post("/returns", store)

    types = [each["ResponseType"] for each in resources(stack, "ApiGateway::GatewayResponse")]

    assert "THROTTLED" in types
    assert len(types) == len(set(types)), "API Gateway takes one of each type"


def test_a_refusal_that_the_app_has_worded_itself_stays(stack, existing, store):
    existing.add_gateway_response("Slow", type=apigateway.ResponseType.THROTTLED, status_code="420")

    StorageFirstApi(stack, "Orders", rest_api=existing).post("/orders", store)

    throttled = [r for r in resources(stack, "ApiGateway::GatewayResponse") if r["ResponseType"] == "THROTTLED"]
    assert [each["StatusCode"] for each in throttled] == ["420"]


def test_a_second_construct_can_add_to_the_api_of_the_first(stack, store):
    first = StorageFirstApi(stack, "Orders", cors=Cors(origins=["https://app.example"]))
    first.post("/orders", store)

    StorageFirstApi(stack, "Returns", rest_api=first.rest_api).put("/returns", store)

    (answers,) = (
        method["Integration"]["IntegrationResponses"]
        for method in resources(stack, "ApiGateway::Method")
        if method["HttpMethod"] == "PUT"
    )
    for answer in answers:
        assert answer["ResponseParameters"][f"method.response.header.{ORIGIN}"] == "'https://app.example'"


def test_an_existing_api_without_cors_gets_it_where_routes_are(stack, existing, store):
    existing.root.add_resource("other").add_method("GET")
    api = StorageFirstApi(stack, "Orders", rest_api=existing, cors=Cors(origins=["https://app.example"]))

    api.post("/orders/{id}/lines", store)

    asked = [each for each in resources(stack, "ApiGateway::Method") if each["HttpMethod"] == "OPTIONS"]
    assert len(asked) == 1
    for refusal in refusals(stack).values():
        assert refusal["ResponseParameters"][f"gatewayresponse.header.{ORIGIN}"] == "'https://app.example'"


def test_a_preflight_that_the_app_answers_itself_stays(stack, store):
    existing = apigateway.RestApi(
        stack,
        "Existing",
        default_cors_preflight_options=apigateway.CorsOptions(allow_origins=["https://own.example"]),
    )

    StorageFirstApi(stack, "Orders", rest_api=existing, cors=Cors(origins=["https://own.example"])).post("/o", store)

    asked = [each for each in resources(stack, "ApiGateway::Method") if each["HttpMethod"] == "OPTIONS"]
    assert len(asked) == 2, "the root and /o"


@pytest.mark.parametrize("shared", [False, True])
def test_browsers_may_send_what_any_route_takes_and_what_the_app_adds(stack, request, shared):
    cors = Cors(origins=["https://app.example"], headers=["X-Own"])
    api = StorageFirstApi(stack, "Orders", rest_api=request.getfixturevalue("existing") if shared else None, cors=cors)
    api.post("/orders", KinesisStore(kinesis.Stream(stack, "First"), partition_key=header("X-Tenant")))
    api.post("/returns", KinesisStore(kinesis.Stream(stack, "Second"), partition_key=header("x-tenant")))

    asked = [each for each in resources(stack, "ApiGateway::Method") if each["HttpMethod"] == "OPTIONS"]

    assert len(asked) >= 2
    for each in asked:
        (answer,) = each["Integration"]["IntegrationResponses"]
        allowed = answer["ResponseParameters"]["method.response.header.Access-Control-Allow-Headers"].strip("'")
        assert allowed.split(",")[:2] == ["Content-Type", "Idempotency-Key"]
        assert allowed.split(",")[-2:] == ["X-Own", "X-Tenant"]


def test_cors_of_one_api_cannot_differ(stack, existing):
    StorageFirstApi(stack, "Orders", rest_api=existing, cors=Cors(origins=["https://a.example"]))

    with pytest.raises(ValueError, match="cors must be the same for all StorageFirstApis on Stack/Existing"):
        StorageFirstApi(stack, "Returns", rest_api=existing, cors=Cors(origins=["https://b.example"]))


def test_constructs_on_one_api_share_an_authorizer_and_a_usage_plan(stack, existing, store):
    access = Access.api_key([apigateway.ApiKey(stack, "Key")], throttle=Throttle(rate=5, burst=5))

    StorageFirstApi(stack, "Orders", rest_api=existing, access=access).post("/orders", store)
    StorageFirstApi(stack, "Returns", rest_api=existing, access=access).post("/returns", store)

    assert len(resources(stack, "ApiGateway::UsagePlan")) == 1
    assert len(resources(stack, "ApiGateway::UsagePlanKey")) == 1


def test_a_usage_plan_needs_a_stage(stack, store):
    unstaged = apigateway.RestApi(stack, "Existing", deploy=False)
    api = StorageFirstApi(stack, "Orders", rest_api=unstaged, access=Access.api_key())

    with pytest.raises(ValueError, match=r"rest_api must have a stage.*Stack/Existing has none"):
        api.post("/orders", store)


def test_what_belongs_to_the_stage_is_not_said_twice(stack, existing):
    with pytest.raises(ValueError, match="throttle and stage_name belong to the stage of rest_api"):
        StorageFirstApi(stack, "Orders", rest_api=existing, throttle=Throttle(rate=1, burst=1))
    with pytest.raises(ValueError, match="throttle and stage_name belong to the stage of rest_api"):
        StorageFirstApi(stack, "Returns", rest_api=existing, stage_name="v2")


def test_an_imported_api_is_refused_since_its_stage_would_not_get_the_routes(stack):
    imported = apigateway.RestApi.from_rest_api_attributes(
        stack, "Imported", rest_api_id="a1b2c3", root_resource_id="d4e5"
    )

    with pytest.raises(ValueError, match="rest_api must be a RestApi that this app defines"):
        StorageFirstApi(stack, "Orders", rest_api=imported)


def test_an_api_of_another_stack_is_refused(stack, existing):
    other = Stack(stack.node.root, "Other")

    with pytest.raises(ValueError, match=r"rest_api must be of the same stack: Stack/Existing is of Stack, and Other/"):
        StorageFirstApi(other, "Orders", rest_api=existing)


@pytest.mark.parametrize("root_path", ["shop", "/shop/", "/"])
def test_a_root_path_that_is_none_is_refused(stack, root_path):
    with pytest.raises(ValueError, match="root_path must start with") as error:
        StorageFirstApi(stack, "Api", root_path=root_path)

    assert repr(root_path) in str(error.value)


def test_two_trackers_share_one_api_under_paths_of_their_own(stack, existing):
    orders, returns = tracker(stack, "OrderJobs", "order"), tracker(stack, "ReturnJobs", "return")

    StorageFirstApi(stack, "Orders", rest_api=existing, root_path="/shop").post("/orders", orders.store("order"))
    StorageFirstApi(stack, "Returns", rest_api=existing, root_path="/back").put("/returns", returns.store("return"))

    shown = [each for each in resources(stack, "ApiGateway::Method") if each["HttpMethod"] == "DELETE"]
    assert len(shown) == 2
    stored = {"Attributes": {"id": {"S": "j-1"}, "status": {"S": "Pending"}}}
    _, headers, _ = Route.of(stack, "POST").answer(200, stored, context={"path": "/v1/shop/orders"})
    assert headers["Location"] == "/v1/shop/jobs/j-1"
    _, headers, _ = Route.of(stack, "PUT").answer(200, stored, context={"path": "/v1/back/returns"})
    assert headers["Location"] == "/v1/back/jobs/j-1"


def test_two_trackers_under_one_path_are_refused_with_a_way_out(stack, existing):
    orders, returns = tracker(stack, "OrderJobs", "order"), tracker(stack, "ReturnJobs", "return")
    StorageFirstApi(stack, "Orders", rest_api=existing).post("/orders", orders.store("order"))
    second = StorageFirstApi(stack, "Returns", rest_api=existing)

    with pytest.raises(ValueError, match="give one of the APIs another root_path"):
        second.post("/returns", returns.store("return"))


def test_one_tracker_shows_its_jobs_once_on_an_api_that_two_constructs_share(stack, existing):
    jobs = tracker(stack, "Jobs", "order")

    StorageFirstApi(stack, "Orders", rest_api=existing).post("/orders", jobs.store("order"))
    StorageFirstApi(stack, "More", rest_api=existing).post("/more", jobs.store("order"))

    assert len([each for each in resources(stack, "ApiGateway::Method") if each["HttpMethod"] == "DELETE"]) == 1


@pytest.mark.parametrize(
    ("requested", "link"),
    [
        ("/prod/orders", "/prod/jobs/j-1"),
        ("/orders", "/jobs/j-1"),
        ("/v1/orders", "/v1/jobs/j-1"),
        ("/shop/v1/orders", "/shop/v1/jobs/j-1"),
    ],
    ids=["the stage", "a domain", "a domain with a base path", "a base path of two segments"],
)
def test_links_stay_right_under_stage_and_domain(stack, requested, link):
    jobs = tracker(stack, "Jobs", "order")
    api = StorageFirstApi(stack, "Api")
    api.post("/orders", jobs.store("order"))
    certificate = acm.Certificate.from_certificate_arn(
        stack, "Certificate", "arn:aws:acm:us-east-1:111122223333:certificate/c"
    )
    api.rest_api.add_domain_name("Domain", domain_name="api.example", certificate=certificate, base_path="v1")
    stored = {"Attributes": {"id": {"S": "j-1"}, "status": {"S": "Pending"}}}

    _, headers, body = Route.of(stack, "POST").answer(200, stored, context={"path": requested})

    assert headers["Location"] == link
    assert body["links"] == [{"rel": "job", "href": link}]
    assert [each["BasePath"] for each in resources(stack, "ApiGateway::BasePathMapping")] == ["v1"]


def test_routes_to_one_place_share_a_role_and_others_do_not(stack, store):
    api = StorageFirstApi(stack, "Api")
    api.post("/orders", store)
    api.post("/more", SqsStore(store.queue))
    api.post("/other", SqsStore(sqs.Queue(stack, "Other")))

    roles = {
        json.dumps(method["Integration"]["Credentials"], sort_keys=True)
        for method in resources(stack, "ApiGateway::Method")
    }
    granted = [each["PolicyDocument"]["Statement"] for each in resources(stack, "IAM::Policy")]
    assert len(roles) == 2
    assert [len(statements) for statements in granted] == [1, 1], "one queue, one action"
    assert len({json.dumps(statements) for statements in granted}) == 2


def test_reading_and_writing_one_table_are_different_roles(stack):
    jobs = tracker(stack, "Jobs", "order")
    StorageFirstApi(stack, "Api").post("/orders", jobs.store("order"))

    actions = [
        {statement["Action"] for statement in policy["PolicyDocument"]["Statement"]}
        for policy in resources(stack, "IAM::Policy")
        if "ApiRestApi" in json.dumps(policy["Roles"])
    ]

    assert sorted(actions, key=str) == [{"dynamodb:Query"}, {"dynamodb:UpdateItem"}]


def test_routes_with_one_body_share_its_model(stack, store):
    api = StorageFirstApi(stack, "Api")
    body = {"type": "object", "required": ["sku"]}

    api.post("/orders", store, body=body)
    api.put("/orders", store, body=dict(body))
    api.post("/any", store)

    assert len(resources(stack, "ApiGateway::Model")) == 2


def test_bodies_of_bytes_are_taken_beside_those_that_the_app_takes(stack, store):
    existing = apigateway.RestApi(stack, "Existing", binary_media_types=["application/x-own"])
    api = StorageFirstApi(stack, "Files", rest_api=existing)
    api.post("/orders", store)

    api.put("/files/{name}", S3Store(s3.Bucket(stack, "Bucket"), key=path("name"), binary_media_types=["image/*"]))

    (rest_api,) = resources(stack, "ApiGateway::RestApi")
    assert rest_api["BinaryMediaTypes"] == ["application/x-own", "image/*"]


def test_an_api_has_a_name_of_its_own_by_which_metrics_know_it(stack, store):
    StorageFirstApi(stack, "Orders").post("/orders", store)
    StorageFirstApi(stack, "Returns").post("/returns", store)

    assert len({each["Name"] for each in resources(stack, "ApiGateway::RestApi")}) == 2


def test_an_access_may_be_shared_by_apis_of_different_stacks():
    app = App()
    stacks = [Stack(app, "One"), Stack(app, "Two")]
    access = Access.iam()
    for stack in stacks:
        key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
        table = dynamodb.TableV2(stack, "Table", partition_key=key)
        StorageFirstApi(stack, "Api", access=access).post("/orders", DynamoDbStore(table))

    for stack in stacks:
        assert refusals(stack)["MISSING_AUTHENTICATION_TOKEN"]["StatusCode"] == "403"
