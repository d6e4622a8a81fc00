import json

import pytest
from aws_cdk import App, Duration, Size, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from constructs_lib import Cors, StorageFirstApi, Throttle
from constructs_lib.stores import DynamoDbStore, S3Store, join, path


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def table(stack):
    return a_table(stack, "Table")


def a_table(stack, id):
    key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    return dynamodb.TableV2(stack, id, partition_key=key)


def methods(stack):
    found = Template.from_stack(stack).find_resources("AWS::ApiGateway::Method")
    return [method["Properties"] for method in found.values()]


def post_method(stack):
    (method,) = (method for method in methods(stack) if method["HttpMethod"] == "POST")
    return method


def test_a_route_may_update_items_of_its_own_table_and_nothing_else(stack, table):
    other = a_table(stack, "Other")
    api = StorageFirstApi(stack, "Api")

    api.post("/gophers", DynamoDbStore(table))
    api.post("/holes", DynamoDbStore(other))

    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    granted = [policy["Properties"]["PolicyDocument"]["Statement"] for policy in policies.values()]
    assert sorted(granted, key=json.dumps) == sorted(
        [
            [{"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": stack.resolve(own.table_arn)}]
            for own in (table, other)
        ],
        key=json.dumps,
    )
    assert len({json.dumps(policy["Properties"]["Roles"]) for policy in policies.values()}) == 2


def test_a_route_may_use_the_key_of_an_encrypted_table(stack):
    key = kms.Key(stack, "Key")
    partition_key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    table = dynamodb.Table(stack, "Table", partition_key=partition_key, encryption_key=key)

    StorageFirstApi(stack, "Api").post("/gophers", DynamoDbStore(table))

    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [Match.object_like({"Action": Match.array_with(["kms:Decrypt", "kms:Encrypt"])})]
                )
            }
        },
    )


def test_a_success_is_answered_only_to_a_confirmed_write(stack, table):
    StorageFirstApi(stack, "Api").post("/gophers", DynamoDbStore(table))

    answers = {
        answer.get("SelectionPattern"): answer["StatusCode"]
        for answer in post_method(stack)["Integration"]["IntegrationResponses"]
    }

    assert answers == {"200": "202", r"[34]\d{2}": "500", None: "503"}


def test_a_body_of_any_media_type_is_validated_and_only_json_is_passed_on(stack, table):
    StorageFirstApi(stack, "Api").post("/gophers", DynamoDbStore(table))

    method = post_method(stack)

    assert method["Integration"]["PassthroughBehavior"] == "NEVER"
    assert list(method["Integration"]["RequestTemplates"]) == ["application/json"]
    assert set(method["RequestModels"]) == {"application/json", "$default"}
    Template.from_stack(stack).has_resource_properties(
        "AWS::ApiGateway::RequestValidator", {"ValidateRequestBody": True, "ValidateRequestParameters": True}
    )
    assert "RequestValidatorId" in method


def test_without_a_model_a_body_must_still_be_an_object(stack, table):
    StorageFirstApi(stack, "Api").post("/gophers", DynamoDbStore(table))

    Template.from_stack(stack).has_resource_properties("AWS::ApiGateway::Model", {"Schema": {"type": "object"}})


def test_a_changed_model_is_deployed():
    def deployments(body):
        stack = Stack(App(), "Stack")
        store = DynamoDbStore(a_table(stack, "Table"))
        StorageFirstApi(stack, "Api").post("/gophers", store, body=body)
        return set(Template.from_stack(stack).find_resources("AWS::ApiGateway::Deployment"))

    before = deployments({"type": "object"})

    assert deployments({"type": "object"}) == before
    assert deployments({"type": "object", "required": ["name"]}) != before


def test_a_route_has_one_store(stack, table):
    api = StorageFirstApi(stack, "Api")
    api.post("/gophers", DynamoDbStore(table))

    with pytest.raises(ValueError, match="POST /gophers is served already"):
        api.post("/gophers", DynamoDbStore(table))


@pytest.mark.parametrize("required", [True, False])
def test_an_idempotency_key_is_required_where_asked_for(stack, table, required):
    api = StorageFirstApi(stack, "Api")

    api.post("/gophers", DynamoDbStore(table), require_idempotency_key=required)

    assert post_method(stack)["RequestParameters"] == {"method.request.header.Idempotency-Key": required}


def test_every_answer_of_the_api_carries_its_cors_headers(stack, table):
    api = StorageFirstApi(stack, "Api", cors=Cors(origins=["https://app.example"], max_age=Duration.hours(1)))

    api.post("/gophers", DynamoDbStore(table))

    template = Template.from_stack(stack)
    for method in methods(stack):
        for answer in method["Integration"]["IntegrationResponses"]:
            headers = answer["ResponseParameters"]
            assert headers["method.response.header.Access-Control-Allow-Origin"] == "'https://app.example'"
    refusals = template.find_resources("AWS::ApiGateway::GatewayResponse").values()
    assert refusals
    for refusal in refusals:
        headers = refusal["Properties"]["ResponseParameters"]
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://app.example'"


@pytest.mark.parametrize("paths", [["/orders", "/photos/{name}"], ["/photos/{name}", "/orders"]])
def test_answers_of_an_api_that_takes_bytes_are_text_whatever_a_caller_accepts(stack, table, paths):
    api = StorageFirstApi(stack, "Api")
    photos = S3Store(s3.Bucket(stack, "Photos"), key=join("photos/", path("name")))

    for each in paths:
        api.post(each, photos if "{name}" in each else DynamoDbStore(table))

    answers = [answer for method in methods(stack) for answer in method["Integration"]["IntegrationResponses"]]
    assert len(answers) > 5
    assert {answer.get("ContentHandling") for answer in answers} == {"CONVERT_TO_TEXT"}


def test_an_integration_of_the_app_s_own_answers_bytes(stack):
    api = StorageFirstApi(stack, "Api")
    answer = apigateway.IntegrationResponse(status_code="200")
    own = apigateway.AwsIntegration(
        service="s3", path="own/photo", options=apigateway.IntegrationOptions(integration_responses=[answer])
    )
    api.rest_api.root.add_resource("own").add_method("GET", own)

    api.put("/photos/{name}", S3Store(s3.Bucket(stack, "Photos"), key=path("name")))

    (shown,) = (method["Integration"] for method in methods(stack) if method["HttpMethod"] == "GET")
    assert "ContentHandling" not in shown["IntegrationResponses"][0]


def test_every_refusal_of_api_gateway_is_a_problem_with_its_status(stack):
    StorageFirstApi(stack, "Api").rest_api.root.add_method("GET")

    refusals = Template.from_stack(stack).find_resources("AWS::ApiGateway::GatewayResponse").values()

    for refusal in refusals:
        properties = refusal["Properties"]
        text = properties["ResponseTemplates"]["application/json"]
        body = json.loads(text.replace("$context.error.messageString", '"..."'))
        assert set(body) == {"type", "title", "status", "detail", "instance"}
        assert str(body["status"]) == properties["StatusCode"]
        assert properties["ResponseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        retry = "gatewayresponse.header.Retry-After" in properties["ResponseParameters"]
        assert retry == (properties["StatusCode"] in {"429", "503"})


def test_the_stage_is_throttled_traced_and_logged_as_json(stack):
    StorageFirstApi(stack, "Api", throttle=Throttle(rate=20, burst=40), stage_name="v1").rest_api.root.add_method("GET")

    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::ApiGateway::Stage",
        {
            "StageName": "v1",
            "TracingEnabled": True,
            "MethodSettings": Match.array_with(
                [Match.object_like({"ThrottlingRateLimit": 20, "ThrottlingBurstLimit": 40, "HttpMethod": "*"})]
            ),
        },
    )
    (stage,) = template.find_resources("AWS::ApiGateway::Stage").values()
    assert json.loads(stage["Properties"]["AccessLogSetting"]["Format"])["requestId"] == "$context.requestId"


@pytest.mark.parametrize("path", ["gophers", "/gophers/", "/farms//gophers", ""])
def test_a_path_that_is_no_route_is_refused(stack, table, path):
    with pytest.raises(ValueError, match="path must start with") as error:
        StorageFirstApi(stack, "Api").post(path, DynamoDbStore(table))

    assert repr(path) in str(error.value)


@pytest.mark.parametrize("size", [Size.kibibytes(0), Size.kibibytes(351), Size.mebibytes(1)])
def test_a_body_limit_that_an_item_cannot_hold_is_refused(table, size):
    with pytest.raises(ValueError, match="max_body must be 1 to 350 KiB"):
        DynamoDbStore(table, max_body=size)


@pytest.mark.parametrize(
    "origins", [[], ["https://a.example", "https://b.example"], "*", ["app.example"], ["https://app.example/path"]]
)
def test_cors_takes_one_origin_without_a_path(origins):
    with pytest.raises(ValueError, match=r"Cors\.origins must"):
        Cors(origins=origins)


@pytest.mark.parametrize(("rate", "burst", "named"), [(0, 10, "rate"), (10, 0, "burst"), (-1, 10, "rate")])
def test_a_throttle_that_lets_nothing_through_is_refused(rate, burst, named):
    with pytest.raises(ValueError, match=rf"Throttle\.{named} must be greater than 0"):
        Throttle(rate=rate, burst=burst)
