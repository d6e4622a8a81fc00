"""Every service that an API stores to, and every way to be let in, through the real front and the real emulator."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.faults import INTERNAL, Break, Faults, Refusal, faults_of, with_timeout
from tests.local.front.process import Process, serving
from tests.local.front.rest import Props, Template, answering, mock, service
from tests.local.sides import Side

TIMEOUT = 30.0
KEY = "a-key-of-at-least-20-letters"
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
JSON = "application/json"
AUTHORIZER = """
def handler(event, context):
    if event.get("authorizationToken") == "broken":
        raise Exception("broken")
    effect = "Allow" if event.get("authorizationToken", "good") == "good" else "Deny"
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "ada", "policyDocument": document, "context": {"tenant": "acme", "seats": 7, "paid": True}}
"""


def ref(name: str) -> Props:
    return {"Ref": name}


def name_of(name: str) -> Props:
    return {"Fn::GetAtt": [name, "QueueName"]}


def storing(uri: Any, template: Any = None, **more: Any) -> Props:
    """A service integration that answers 202, the service's 4xx as 400 and its 5xx as 503."""
    responses = [
        answering("2\\d{2}", "202", ResponseTemplates={JSON: "$input.json('$')"}),
        answering("4\\d{2}", "400", ResponseTemplates={JSON: '{"refused": true}'}),
        answering("5\\d{2}", "503", ResponseTemplates={JSON: '{"down": true}'}),
    ]
    return {
        **service("", responses=responses, **{"RequestTemplates": {JSON: template}, **more}),
        "Uri": {"Fn::Join": ["", ["arn:aws:apigateway:us-east-1:", *uri]]},
    }


def joined(*parts: Any) -> Props:
    return {"Fn::Join": ["", list(parts)]}


ROUTES: dict[str, tuple[str, Props]] = {
    "dynamodb": (
        "POST /dynamodb",
        storing(
            ["dynamodb:action/PutItem"],
            joined('{"TableName": "', ref("Table"), '", "Item": {"pk": {"S": "$context.requestId"}}}'),
        ),
    ),
    "sqs": (
        "POST /sqs",
        storing(
            ["sqs:path/000000000000/", name_of("Queue")],
            "Action=SendMessage&MessageBody=$util.urlEncode($input.body)",
            RequestParameters=FORM,
        ),
    ),
    "sns": (
        "POST /sns",
        storing(
            ["sns:action/Publish"],
            joined("TopicArn=$util.urlEncode('", ref("Topic"), "')&Message=$util.urlEncode($input.body)"),
            RequestParameters=FORM,
        ),
    ),
    "kinesis": (
        "POST /kinesis",
        storing(
            ["kinesis:action/PutRecord"],
            joined(
                '{"StreamName": "', ref("Stream"), '", "PartitionKey": "a", "Data": "$util.base64Encode($input.body)"}'
            ),
        ),
    ),
    "events": (
        "POST /events",
        storing(
            ["events:action/PutEvents"],
            joined(
                '{"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "', ref("Bus"), '"}]}'
            ),
            RequestParameters={
                "integration.request.header.X-Amz-Target": "'AWSEvents.PutEvents'",
                "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
            },
        ),
    ),
    "states": (
        "POST /states",
        storing(["states:action/StartExecution"], joined('{"stateMachineArn": "', ref("Machine"), '", "input": "{}"}')),
    ),
    "s3": (
        "PUT /s3/{name+}",
        {
            **storing(
                ["s3:path/", ref("Bucket"), "/{key}"],
                IntegrationHttpMethod="PUT",
                RequestTemplates={},
                RequestParameters={
                    "integration.request.path.key": "method.request.path.name",
                    "integration.request.header.If-None-Match": "'*'",
                    "integration.request.header.Content-Type": "method.request.header.Content-Type",
                    "integration.request.header.x-amz-meta-request": "context.requestId",
                },
            ),
            "IntegrationResponses": [
                answering(
                    "2\\d{2}",
                    "202",
                    ContentHandling="CONVERT_TO_TEXT",
                    ResponseTemplates={JSON: '{"stored": true}'},
                    ResponseParameters={
                        "method.response.header.ETag": "integration.response.header.ETag",
                        "method.response.header.X-Version": "integration.response.header.x-amz-version-id",
                    },
                ),
                answering("4\\d{2}", "400", ContentHandling="CONVERT_TO_TEXT", ResponseTemplates={JSON: "{}"}),
                answering("5\\d{2}", "503", ContentHandling="CONVERT_TO_TEXT", ResponseTemplates={JSON: "{}"}),
            ],
        },
    ),
}
WHO = mock('{"who": "$context.authorizer.principalId $context.authorizer.tenant $context.authorizer.seats"}')


def template(function: str) -> Template:
    """One API with every store and every authorization, and what is behind it."""
    made = Template(BinaryMediaTypes=["image/*", "application/octet-stream"])
    made.resources["Stage"]["Properties"]["DeploymentId"] = ref("Deployment")  # type: ignore[index]
    made.part("Deployment", "Deployment")
    for type_, logical_id, properties in (
        (
            "DynamoDB::Table",
            "Table",
            {
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        ),
        ("SQS::Queue", "Queue", {}),
        ("SNS::Topic", "Topic", {}),
        ("Kinesis::Stream", "Stream", {"ShardCount": 1}),
        ("Events::EventBus", "Bus", {"Name": "stores"}),
        ("S3::Bucket", "Bucket", {"VersioningConfiguration": {"Status": "Enabled"}}),
        (
            "StepFunctions::StateMachine",
            "Machine",
            {
                "RoleArn": "arn:aws:iam::000000000000:role/any",
                "DefinitionString": '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}',
            },
        ),
        ("Cognito::UserPool", "Pool", {"UserPoolName": "pool"}),
        (
            "Cognito::UserPoolClient",
            "Client",
            {"UserPoolId": ref("Pool"), "ExplicitAuthFlows": ["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"]},
        ),
    ):
        made.resources[logical_id] = {"Type": f"AWS::{type_}", "Properties": properties}
    for route, integration in ROUTES.values():
        made.method(route, integration)
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    made.part("Token", "Authorizer", Name="token", Type="TOKEN", AuthorizerUri=uri, IdentitySource=_HEADER)
    source = "method.request.header.X-Team"
    made.part("Request", "Authorizer", Name="request", Type="REQUEST", AuthorizerUri=uri, IdentitySource=source)
    made.part(
        "Cognito",
        "Authorizer",
        Name="cognito",
        Type="COGNITO_USER_POOLS",
        IdentitySource=_HEADER,
        ProviderARNs=[{"Fn::GetAtt": ["Pool", "Arn"]}],
    )
    made.method("GET /token", WHO, AuthorizationType="CUSTOM", AuthorizerId=ref("Token"))
    made.method("GET /request", WHO, AuthorizationType="CUSTOM", AuthorizerId=ref("Request"))
    claims = mock("\"$context.authorizer.claims['cognito:groups'] $context.authorizer.claims.email\"")
    made.method("GET /pool", claims, AuthorizationType="COGNITO_USER_POOLS", AuthorizerId=ref("Cognito"))
    made.method("GET /iam", mock('"$context.identity.accessKey"'), AuthorizationType="AWS_IAM")
    made.method("GET /key", mock('"$context.identity.apiKeyId"'), ApiKeyRequired=True)
    made.method("GET /slow", mock("{}"), ApiKeyRequired=True)
    made.method("GET /path", mock('["$context.path", "$context.domainName", "$context.stage"]'))
    made.add("Key", "ApiKey", Enabled=True, Value=KEY)
    throttle = {"/slow/GET": {"RateLimit": 0.001, "BurstLimit": 2}}
    stages = [{"ApiId": ref("Api"), "Stage": ref("Stage"), "Throttle": throttle}]
    made.add("Plan", "UsagePlan", ApiStages=stages)
    made.add("PlanKey", "UsagePlanKey", KeyId=ref("Key"), KeyType="API_KEY", UsagePlanId=ref("Plan"))
    made.add("Domain", "DomainName", DomainName="api.example.com")
    made.add("Mapping", "BasePathMapping", DomainName=ref("Domain"), BasePath="v1", **_STAGE)
    return made


_HEADER = "method.request.header.Authorization"
_STAGE = {"RestApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}}


@dataclass
class Stores:
    """What is served, and what is behind it."""

    front: Process
    faults: Faults
    http: httpx.Client
    ids: dict[str, str]


@pytest.fixture(scope="module")
def stores(closed: Side, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    directory = tmp_path_factory.mktemp("stores")
    body = json.dumps({"Resources": template(closed.function(AUTHORIZER)).resources})
    assembly = directory / "cdk.out"
    assembly.mkdir()
    properties = {"templateFile": "Stores.template.json"}
    artifacts = {"Stores": {"type": "aws:cloudformation:stack", "properties": properties}}
    (assembly / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (assembly / "Stores.template.json").write_text(body)
    closed.cloudformation.create_stack(StackName="Stores", TemplateBody=body)
    closed.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="Stores", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    described = closed.cloudformation.describe_stack_resources(StackName="Stores")["StackResources"]
    served = with_timeout(assembly, 1, directory / "copy")
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in described}
    with (
        Faults(closed.endpoint) as faults,
        serving(faults.url, served, directory / "errors") as front,
        httpx.Client(base_url=front.url("Api"), timeout=TIMEOUT, trust_env=False) as http,
    ):
        yield Stores(front, faults, http, ids)


def send(stores: Stores, name: str, **more: Any) -> httpx.Response:
    method, path = ROUTES[name][0].replace("{name+}", f"{name}-{len(more)}").split(" ")
    return stores.http.request(method, path.removeprefix("/"), **{"json": {"a": 1}, **more})


IDS: dict[str, Callable[[Any], object]] = {
    "dynamodb": lambda answer: answer == {},
    "events": lambda answer: answer["FailedEntryCount"] == 0 and answer["Entries"][0]["EventId"],
    "kinesis": lambda answer: answer["SequenceNumber"],
    "s3": lambda answer: answer["stored"],
    "sns": lambda answer: answer["PublishResponse"]["PublishResult"]["MessageId"],
    "sqs": lambda answer: answer["SendMessageResponse"]["SendMessageResult"]["MessageId"],
    "states": lambda answer: answer["executionArn"],
}


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_a_store_confirms_with_its_id(stores: Stores, name: str):
    answer = send(stores, name)

    assert answer.status_code == 202, answer.text
    assert IDS[name](answer.json())


def every_fault() -> list[Any]:
    return [
        pytest.param(service, kind, id=f"{service}: {kind}")
        for service in sorted(ROUTES)
        for kind in faults_of(service)
    ]


@pytest.mark.parametrize(("name", "kind"), every_fault())
def test_a_fault_of_a_service_reaches_the_caller_as_api_gateway_maps_it(stores: Stores, name: str, kind: str):
    fault = faults_of(name)[kind]

    with stores.faults.at(name, fault) as calls:
        answer = send(stores, name)

    assert len(calls) == 1
    assert INTERNAL not in answer.text or kind in {"a page", "entry failed"}  # no template of this API hides these
    if isinstance(fault, Refusal):
        assert answer.status_code == (400 if fault.status < 500 else 503)
    elif isinstance(fault, Break):
        assert answer.status_code == 504
        timed_out = "Endpoint request timed out" in answer.text
        assert timed_out == (fault is Break.TIMEOUT)
    else:
        assert answer.status_code in {202, 500, 503}


def test_after_a_fault_the_service_is_reached_again(stores: Stores):
    with stores.faults.at("sqs", Break.RESET):
        failed = send(stores, "sqs")

    assert (failed.status_code, send(stores, "sqs").status_code) == (504, 202)


@pytest.mark.parametrize("type_", ["image/png", "application/octet-stream"])
def test_bytes_are_stored_as_sent_whatever_the_caller_accepts(closed: Side, stores: Stores, type_: str):
    content = bytes(range(256))

    answer = stores.http.put(f"s3/b/{type_}", content=content, headers={"Content-Type": type_, "Accept": type_})

    item = closed.s3.get_object(Bucket=stores.ids["Bucket"], Key=f"b/{type_}")
    assert item["Body"].read() == content
    assert item["ContentType"] == type_
    assert answer.status_code == 202
    assert (answer.headers["etag"], answer.headers["x-version"]) == (item["ETag"], item["VersionId"])
    assert item["Metadata"] == {"request": answer.headers["x-amzn-requestid"]}


def test_an_object_is_not_overwritten(stores: Stores):
    answers = [stores.http.put("s3/once", content=b"x").status_code for _ in range(2)]

    assert answers == [202, 400]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a%20b+c", "a b+c"),
        ("%E2%82%AC/%F0%9F%98%80", "€/😀"),
        ("d%2Fe", "d/e"),
        ("f%252Fg", "f%2Fg"),
        ("h?i=j", "h"),
        ("h%3Fi%23j%26k%3Dl%3Bm%25", "h?i#j&k=l;m%"),
        ("n//o", "n//o"),
        ("p/%2E%2E/q", "p/../q"),
    ],
)
def test_a_key_is_the_path_decoded_once(closed: Side, stores: Stores, path: str, key: str):
    answer = stores.http.put(f"s3/{path}", content=b"x")

    assert answer.status_code == 202
    assert closed.s3.get_object(Bucket=stores.ids["Bucket"], Key=key)["Body"].read() == b"x"


def test_a_lambda_authorizer_lets_in_refuses_and_fails(stores: Stores):
    tokens = ["good", "bad", "broken", None]

    answers = [stores.http.get("token", headers={"Authorization": token} if token else {}) for token in tokens]

    assert [answer.status_code for answer in answers] == [200, 403, 500, 401]
    assert answers[0].json() == {"who": "ada acme 7"}


def test_a_request_authorizer_wants_its_identity_source(stores: Stores):
    answers = [stores.http.get("request", headers=headers) for headers in ({"X-Team": "red"}, {})]

    assert [answer.status_code for answer in answers] == [200, 401]


def test_a_users_groups_are_claims(closed: Side, stores: Stores):
    pool, client = stores.ids["Pool"], stores.ids["Client"]
    cognito = closed.__getattr__("cognito-idp")
    user = {"UserPoolId": pool, "Username": "ada"}
    attributes = [{"Name": "email", "Value": "ada@example.com"}]
    cognito.admin_create_user(**user, UserAttributes=attributes, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**user, Password="Secret-12345", Permanent=True)
    for group in ("admins", "staff"):
        cognito.create_group(UserPoolId=pool, GroupName=group)
        cognito.admin_add_user_to_group(**user, GroupName=group)
    parameters = {"USERNAME": "ada", "PASSWORD": "Secret-12345"}
    tokens = cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    result = tokens["AuthenticationResult"]

    answers = [
        stores.http.get("pool", headers={"Authorization": token})
        for token in (result["IdToken"], f"Bearer {result['IdToken']}", result["AccessToken"], "none")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 401, 401]
    groups, email = answers[0].json().split(" ")
    assert sorted(groups.split(",")) == ["admins", "staff"]
    assert email == "ada@example.com"


def test_an_iam_method_wants_a_signature(stores: Stores):
    signature = "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/execute-api/aws4_request, Signature=0"

    answers = [stores.http.get("iam", headers=headers) for headers in ({}, {"Authorization": signature})]

    assert [answer.status_code for answer in answers] == [403, 200]
    assert answers[0].headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    assert answers[1].json() == "AKIA1"


def test_a_key_opens_what_its_plan_covers_as_often_as_the_plan_says(stores: Stores):
    key = {"X-Api-Key": KEY}

    known, unknown, missing = (stores.http.get("key", headers=each) for each in (key, {"X-Api-Key": "no"}, {}))
    slow = [stores.http.get("slow", headers=key).status_code for _ in range(3)]

    assert (known.status_code, known.json()) == (200, stores.ids["Key"])
    assert {unknown.status_code, missing.status_code} == {403}
    assert slow == [200, 200, 429]


def test_a_custom_domain_is_served_to_who_names_it(stores: Stores):
    address = str(stores.http.base_url.join("/v1/path"))

    answer = stores.http.get(address, headers={"Host": "api.example.com"})

    assert answer.json() == ["/v1/path", "api.example.com", "prod"]
