import json

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Match, Template

from constructs_lib import JobTracker
from constructs_lib.storage_first_api import Access, Cors, Quota, StorageFirstApi, Throttle
from constructs_lib.storage_first_api.route import Route as ApiRoute
from constructs_lib.stores import DynamoDbStore, S3Store, SqsStore, claim, context, header, join, path, tenant
from tests.constructs_lib.storage_first_api.routes import Route

MISSING_TOKEN = "MISSING_AUTHENTICATION_TOKEN"


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def store(stack):
    key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    return DynamoDbStore(dynamodb.TableV2(stack, "Table", partition_key=key))


@pytest.fixture
def pool(stack):
    return cognito.UserPool(stack, "Pool")


@pytest.fixture
def function(stack):
    return lambda_.Function(
        stack,
        "Authorizer",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )


@pytest.fixture
def jobs(stack):
    jobs = JobTracker(stack, "Jobs")
    jobs.workflow("make", definition=sfn.Pass(stack, "Make"))
    return jobs


def methods(stack):
    found = Template.from_stack(stack).find_resources("AWS::ApiGateway::Method").values()
    return [method["Properties"] for method in found]


def method(stack, http_method="POST"):
    (found,) = (each for each in methods(stack) if each["HttpMethod"] == http_method)
    return found


def of_type(stack, type_):
    return list(Template.from_stack(stack).find_resources(f"AWS::ApiGateway::{type_}").values())


def refusal(stack, type_=MISSING_TOKEN):
    (found,) = (
        each["Properties"] for each in of_type(stack, "GatewayResponse") if each["Properties"]["ResponseType"] == type_
    )
    return found


def test_by_default_anyone_may_call(stack, store):
    StorageFirstApi(stack, "Api").post("/orders", store)

    assert method(stack)["AuthorizationType"] == "NONE"
    assert method(stack)["ApiKeyRequired"] is False


def test_access_is_the_whole_api_s_unless_a_route_has_its_own(stack, store):
    api = StorageFirstApi(stack, "Api", access=Access.iam())
    api.post("/orders", store)
    api.put("/open", store, access=Access.anyone())

    assert method(stack, "POST")["AuthorizationType"] == "AWS_IAM"
    assert method(stack, "PUT")["AuthorizationType"] == "NONE"


def test_browsers_may_ask_without_being_known(stack, store, pool):
    api = StorageFirstApi(stack, "Api", access=Access.cognito([pool]), cors=Cors(origins=["*"]))
    api.post("/orders", store)
    api.post("/keys", store, access=Access.api_key())

    asked = [each for each in methods(stack) if each["HttpMethod"] == "OPTIONS"]

    assert asked
    for each in asked:
        assert (each["AuthorizationType"], each["ApiKeyRequired"]) == ("NONE", False)


def test_an_unsigned_request_is_forbidden_where_a_route_wants_signatures(stack, store):
    StorageFirstApi(stack, "Api", access=Access.iam()).post("/orders", store)

    assert refusal(stack)["StatusCode"] == "403"
    body = json.loads(refusal(stack)["ResponseTemplates"]["application/json"])
    assert (body["status"], body["title"]) == (403, "Forbidden")
    assert "not signed" in body["detail"]


def test_an_unknown_route_is_not_found_where_none_wants_signatures(stack, store):
    StorageFirstApi(stack, "Api").post("/orders", store)

    assert refusal(stack)["StatusCode"] == "404"


def test_a_caller_who_may_is_granted_one_route(stack, store):
    route = StorageFirstApi(stack, "Api", access=Access.iam()).post("/orders", store)
    caller = lambda_.Function(
        stack,
        "Caller",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("..."),
    )

    route.grant_execute(caller)

    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {"PolicyDocument": {"Statement": Match.array_with([Match.object_like({"Action": "execute-api:Invoke"})])}},
    )


def test_keys_have_one_usage_plan_with_its_limits(stack, store):
    new = apigateway.ApiKey(stack, "Acme")
    existing = apigateway.ApiKey.from_api_key_id(stack, "Globex", "a1b2c3")
    access = Access.api_key(
        [new, existing], throttle=Throttle(rate=5, burst=10), quota=Quota(requests=1000, per=apigateway.Period.DAY)
    )
    api = StorageFirstApi(stack, "Api")
    api.post("/orders", store, access=access)
    api.put("/orders", store, access=access)
    api.post("/open", store)

    (plan,) = of_type(stack, "UsagePlan")
    assert plan["Properties"]["Throttle"] == {"RateLimit": 5, "BurstLimit": 10}
    assert plan["Properties"]["Quota"] == {"Limit": 1000, "Period": "DAY"}
    assert len(plan["Properties"]["ApiStages"]) == 1
    keys = [key["Properties"]["KeyId"] for key in of_type(stack, "UsagePlanKey")]
    assert sorted(keys, key=str) == sorted([stack.resolve(new.key_id), "a1b2c3"], key=str)
    assert sorted(each["ApiKeyRequired"] for each in methods(stack)) == [False, True, True]
    assert api.usage_plan is not None


def test_two_usage_plans_on_one_api_are_refused_since_keys_of_either_would_do(stack, store):
    api = StorageFirstApi(stack, "Api", access=Access.api_key(throttle=Throttle(rate=5, burst=10)))
    api.post("/orders", store)

    with pytest.raises(ValueError, match=r"Access\.api_key\(\.\.\.\) must be the same for all routes"):
        api.post("/more", store, access=Access.api_key(throttle=Throttle(rate=50, burst=100)))


def test_each_key_is_a_tenant_by_default(stack, store):
    StorageFirstApi(stack, "Api", access=Access.api_key()).post("/orders", store)

    stored = Route.of(stack, "POST").stored(
        body={}, headers={"Idempotency-Key": "k-1"}, context={"identity": {"apiKeyId": "a1b2c3"}}
    )

    assert (stored["pk"], stored["tenant"]) == ("a1b2c3#k-1", "a1b2c3")


def test_keys_may_all_be_one_tenant_s(stack, store):
    StorageFirstApi(stack, "Api", access=Access.api_key(tenant=None)).post("/orders", store)

    stored = Route.of(stack, "POST").stored(body={}, headers={"Idempotency-Key": "k-1"})

    assert stored["pk"] == "default#k-1"


def test_a_quota_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"Quota\.requests must be at least 1; got 0"):
        Quota(requests=0, per=apigateway.Period.DAY)


def test_users_of_a_pool_may_call_with_one_of_the_scopes(stack, store, pool):
    access = Access.cognito([pool], scopes=["orders/write", "orders/admin"])

    StorageFirstApi(stack, "Api", access=access).post("/orders", store)

    (authorizer,) = of_type(stack, "Authorizer")
    assert authorizer["Properties"]["Type"] == "COGNITO_USER_POOLS"
    assert authorizer["Properties"]["ProviderARNs"] == [stack.resolve(pool.user_pool_arn)]
    assert authorizer["Properties"]["IdentitySource"] == "method.request.header.Authorization"
    assert method(stack)["AuthorizationType"] == "COGNITO_USER_POOLS"
    assert method(stack)["AuthorizationScopes"] == ["orders/write", "orders/admin"]


def test_routes_share_an_authorizer_whatever_scopes_they_want(stack, store, pool):
    api = StorageFirstApi(stack, "Api", access=Access.cognito([pool], scopes=["orders/read"]))

    api.post("/orders", store)
    api.put("/orders", store, access=Access.cognito([pool], scopes=["orders/write"]))

    assert len(of_type(stack, "Authorizer")) == 1
    assert len({json.dumps(each["AuthorizerId"]) for each in methods(stack)}) == 1


def test_users_of_two_pools_have_an_authorizer_each(stack, store, pool):
    staff = cognito.UserPool(stack, "Staff")
    api = StorageFirstApi(stack, "Api")

    api.post("/orders", store, access=Access.cognito([pool]))
    api.put("/orders", store, access=Access.cognito([staff]))

    assert len({json.dumps(each["AuthorizerId"]) for each in methods(stack)}) == 2


@pytest.mark.parametrize("user_pools", [[], "pool", None])
def test_an_access_of_no_users_is_refused(user_pools):
    with pytest.raises(ValueError, match="user_pools must be a list of one or more user pools"):
        Access.cognito(user_pools)


def test_a_claim_tells_the_tenant(stack, store, pool):
    access = Access.cognito([pool], tenant=claim("custom:tenant"))
    StorageFirstApi(stack, "Api", access=access).post("/orders", store)

    stored = Route.of(stack, "POST").stored(
        body={}, headers={"Idempotency-Key": "k-1"}, context=claims({"custom:tenant": "acme"})
    )

    assert (stored["pk"], stored["tenant"]) == ("acme#k-1", "acme")


def claims(known):
    return {"authorizer": {"claims": known}}


@pytest.mark.parametrize("known", [{}, {"custom:tenant": ""}, {"custom:tenant": "a#b"}, {"custom:tenant": "default"}])
def test_a_caller_of_no_tenant_or_one_that_could_be_another_is_forbidden(stack, store, pool, known):
    access = Access.cognito([pool], tenant=claim("custom:tenant"))
    StorageFirstApi(stack, "Api", access=access).post("/orders", store)
    route = Route.of(stack, "POST")

    request = route.request(body={}, headers={"Idempotency-Key": "k-1"}, context=claims(known))
    told, _, problem = route.answer(
        400,
        {"__type": "ValidationException", "message": f"Value '{request['ReturnValues']}' at 'returnValues' failed"},
    )

    assert request["ReturnValues"] != "ALL_NEW", "DynamoDB refuses it"
    assert (told, problem["status"]) == (403, 403)


def test_a_function_tells_who_may_call_and_whose_the_request_is(stack, store, function):
    access = Access.lambda_authorizer(
        function,
        identity_headers=["Authorization", "X-Device"],
        cache=Duration.minutes(1),
        tenant=context("authorizer.tenant"),
    )
    StorageFirstApi(stack, "Api", access=access).post("/orders", store)

    stored = Route.of(stack, "POST").stored(
        body={}, headers={"Idempotency-Key": "k-1"}, context={"authorizer": {"tenant": "acme"}}
    )

    (authorizer,) = of_type(stack, "Authorizer")
    assert authorizer["Properties"]["Type"] == "REQUEST"
    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] == 60
    assert authorizer["Properties"]["IdentitySource"] == (
        "method.request.header.Authorization,method.request.header.X-Device"
    )
    assert method(stack)["AuthorizationType"] == "CUSTOM"
    assert stored["pk"] == "acme#k-1"


def test_routes_share_the_function_s_authorizer(stack, store, function):
    api = StorageFirstApi(stack, "Api", access=Access.lambda_authorizer(function))

    api.post("/orders", store)
    api.put("/orders", store, access=Access.lambda_authorizer(function, tenant=context("authorizer.tenant")))
    api.put("/more", store, access=Access.lambda_authorizer(function, cache=Duration.seconds(0)))

    assert len(of_type(stack, "Authorizer")) == 2, "one of them caches nothing"


@pytest.mark.parametrize("headers", [[], "Authorization", ["X Device"], ["method.request.header.X"]])
def test_headers_that_are_none_are_refused(function, headers):
    with pytest.raises(ValueError, match="identity_headers must be"):
        Access.lambda_authorizer(function, identity_headers=headers)


def test_a_cache_longer_than_api_gateway_s_is_refused(function):
    with pytest.raises(ValueError, match=r"cache must be .* got 2 hours"):
        Access.lambda_authorizer(function, cache=Duration.hours(2))


def test_a_changed_authorizer_is_deployed():
    def deployments(cache):
        stack = Stack(App(), "Stack")
        key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
        store = DynamoDbStore(dynamodb.TableV2(stack, "Table", partition_key=key))
        function = lambda_.Function.from_function_arn(
            stack, "Authorizer", "arn:aws:lambda:us-east-1:111122223333:function:authorizer"
        )
        StorageFirstApi(stack, "Api", access=Access.lambda_authorizer(function, cache=cache)).post("/orders", store)
        return set(Template.from_stack(stack).find_resources("AWS::ApiGateway::Deployment"))

    assert deployments(Duration.minutes(1)) == deployments(Duration.minutes(1))
    assert deployments(Duration.minutes(1)) != deployments(Duration.minutes(2))


@pytest.mark.parametrize(
    ("value", "named", "fix"),
    [
        (claim("sub"), r"claim\('sub'\)", r"Access\.cognito"),
        (context("authorizer.claims.sub"), r"context\('authorizer\.claims\.sub'\)", r"Access\.cognito"),
        (context("authorizer.tenant"), r"context\('authorizer\.tenant'\)", r"Access\.lambda_authorizer"),
        (context("identity.apiKeyId"), r"context\('identity\.apiKeyId'\)", r"Access\.api_key"),
        (context("identity.userArn"), r"context\('identity\.userArn'\)", r"Access\.iam"),
    ],
)
def test_a_value_that_callers_never_have_is_refused_at_synth(stack, value, named, fix):
    queue = sqs.Queue(stack, "Queue")
    bucket = s3.Bucket(stack, "Bucket")
    api = StorageFirstApi(stack, "Api")

    with pytest.raises(ValueError, match=f"POST /orders: {named} is always empty here; only {fix}"):
        api.post("/orders", SqsStore(queue, group_id=value))
    with pytest.raises(ValueError, match=f"PUT /files: {named} is always empty here; only {fix}"):
        api.put("/files", S3Store(bucket, key=value))


def test_a_tenant_that_callers_never_have_is_refused(pool):
    with pytest.raises(ValueError, match=r"tenant: claim\('sub'\) is always empty here; only Access\.cognito"):
        Access.iam(tenant=claim("sub"))
    with pytest.raises(ValueError, match=r"tenant: context\('authorizer\.tenant'\) is always empty here"):
        Access.cognito([pool], tenant=context("authorizer.tenant"))


def test_a_tenant_that_callers_could_choose_is_refused(pool):
    with pytest.raises(
        ValueError, match=r"tenant must be a claim.* which callers cannot choose; got a header X-Tenant"
    ):
        Access.cognito([pool], tenant=header("X-Tenant"))


def test_a_value_that_callers_have_is_taken(stack, pool):
    queue = sqs.Queue(stack, "Queue")
    api = StorageFirstApi(stack, "Api", access=Access.cognito([pool]))

    api.post("/orders", SqsStore(queue, group_id=claim("sub")))

    assert "authorizer.claims['sub']" in json.dumps(method(stack))


TENANTS_OWN = Access.api_key()


@pytest.mark.parametrize(
    "key",
    [
        tenant(),
        join(tenant(), "#", path("id")),
        join("order/", tenant(), "/", path("id")),
        join(context("identity.apiKeyId"), "#", path("id")),
    ],
)
def test_a_key_that_begins_with_the_tenant_stays_as_it_is(key):
    scoped = ApiRoute(http_method="POST", path="/orders/{id}", access=TENANTS_OWN).scoped(key)

    written = join(*(tenant() if part == TENANTS_OWN.tenant else part for part in join(key).parts))
    assert join(scoped) == written


@pytest.mark.parametrize(
    "key",
    [
        "fixed",
        path("id"),
        join(path("id"), "#", tenant()),
        join(tenant(), path("id")),
        join(tenant(), "-", path("id")),
        join("order#", path("id")),
    ],
)
def test_tenants_cannot_make_one_key_of_different_parts(key):
    scoped = ApiRoute(http_method="POST", path="/orders/{id}", access=TENANTS_OWN).scoped(key)

    assert scoped.parts[:2] == (tenant(), "#")
    assert join(*scoped.parts[2:]) == join(key)


def test_without_tenants_a_key_stays_as_it_is():
    route = ApiRoute(http_method="POST", path="/orders/{id}", access=Access.anyone())

    assert route.scoped(path("id")) == path("id")


def test_tenants_see_their_own_jobs_only(stack, jobs, pool):
    access = Access.cognito([pool], tenant=claim("custom:tenant"))
    StorageFirstApi(stack, "Api", access=access).post("/reports", jobs.store("make"))
    show = Route.of(stack, "GET")
    asked = {each["AuthorizationType"] for each in methods(stack)}

    def looked_up(known):
        request = show.request(path={"jobId": "k-1"}, context=claims(known))
        return request["ExpressionAttributeValues"][":pk"]["S"] if "ExpressionAttributeValues" in request else None

    assert asked == {"COGNITO_USER_POOLS"}
    assert looked_up({"custom:tenant": "acme"}) == "acme#k-1"
    assert looked_up({"custom:tenant": "globex"}) == "globex#k-1"
    assert looked_up({}) == looked_up({"custom:tenant": "a#b"}) == looked_up({"custom:tenant": "default"}) is None


def test_jobs_of_a_tenant_are_not_shown_by_an_api_that_has_another_or_none(stack, jobs, pool):
    api = StorageFirstApi(stack, "Api")

    with pytest.raises(ValueError, match="access of POST /reports must name the same tenant as access of Stack/Api"):
        api.post("/reports", jobs.store("make"), access=Access.cognito([pool], tenant=claim("sub")))


def test_jobs_of_a_route_that_not_everybody_may_call_are_not_shown_to_everybody(stack, jobs, pool):
    api = StorageFirstApi(stack, "Api")

    with pytest.raises(
        ValueError, match=r"access of POST /reports does not keep its jobs.*Give the access to Stack/Api"
    ):
        api.post("/reports", jobs.store("make"), access=Access.cognito([pool]))


def test_jobs_of_a_route_that_anyone_may_call_are_shown_to_those_who_may_call_the_api(stack, jobs, pool):
    api = StorageFirstApi(stack, "Api", access=Access.cognito([pool]))

    api.post("/reports", jobs.store("make"), access=Access.anyone())

    asked = [each["AuthorizationType"] for each in methods(stack)]
    assert sorted(asked) == [*["COGNITO_USER_POOLS"] * 4, "NONE"]  # to show, list, cancel and retry; and to store
