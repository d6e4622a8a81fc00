import base64
import json
import time

import pytest

from storage_first.local.front.http import Response
from tests.local.front.rest import Fronts, Props, Script, Template, mock, says

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:auth"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
ARN = "arn:aws:execute-api:us-east-1:000000000000:a1b2c3/prod/GET/x"


def guarded(authorization: str = "CUSTOM", *, scopes: Props | None = None, **authorizer) -> Template:
    template = Template().part("Authorizer", "Authorizer", **{"AuthorizerUri": URI, **authorizer})
    return template.method(
        "GET /x",
        mock('{"principal": "$context.authorizer.principalId", "role": "$context.authorizer.role"}'),
        AuthorizationType=authorization,
        AuthorizerId={"Ref": "Authorizer"},
        **(scopes or {}),
    )


def policy(effect: str = "Allow", resource: str = ARN) -> Props:
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {"principalId": "ada", "policyDocument": {"Statement": [statement]}, "context": {"role": "admin"}}


def token(**claims) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    everything = {"iss": "https://cognito/pool-1", "exp": time.time() + 60, "token_use": "id", **claims}
    return f"{part({'alg': 'none'})}.{part(everything)}.signature"


def test_a_request_without_a_signature_misses_its_token(fronts: Fronts):
    front = fronts(Template().method("GET /x", AuthorizationType="AWS_IAM"))

    answers = [front("GET /x"), front("GET /x", headers={"Authorization": "Bearer x"})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert {answer.json()["message"] for answer in answers} == {"Missing Authentication Token"}


def test_a_signature_is_enough_whoever_signed(fronts: Fronts):
    template = mock('"$context.identity.accessKey"')
    front = fronts(Template().method("GET /x", template, AuthorizationType="AWS_IAM"))
    signature = "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/execute-api/aws4_request, Signature=0"

    answer = front("GET /x", headers={"Authorization": signature})

    assert answer.json() == "AKIA1"


def test_a_token_authorizer_lets_pass_and_tells_who_calls(fronts: Fronts):
    backends = Script(says(policy()))
    front = fronts.before(backends, guarded(Type="TOKEN"))

    answer = front("GET /x", headers={"Authorization": "secret"})

    assert answer.json() == {"principal": "ada", "role": "admin"}
    assert backends.sent == {"type": "TOKEN", "authorizationToken": "secret", "methodArn": ARN}


def test_a_request_without_identity_is_unauthorized_before_any_function_runs(fronts: Fronts):
    backends = Script()
    front = fronts.before(backends, guarded(Type="TOKEN"))

    answer = front("GET /x")

    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthorized"}
    assert not backends.calls


def test_a_token_of_the_wrong_form_is_unauthorized_before_any_function_runs(fronts: Fronts):
    backends = Script()
    front = fronts.before(backends, guarded(Type="TOKEN", IdentityValidationExpression="[a-z]+"))

    answer = front("GET /x", headers={"Authorization": "123"})

    assert answer.status_code == 401
    assert not backends.calls


def test_a_function_that_raises_unauthorized_makes_it_401(fronts: Fronts):
    error = says({"errorMessage": "Unauthorized"}, X_Amz_Function_Error="Unhandled")
    front = fronts(guarded(Type="TOKEN"), error)

    answer = front("GET /x", headers={"Authorization": "secret"})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("reply", "error_type"),
    [
        (says({"errorMessage": "boom"}, X_Amz_Function_Error="Unhandled"), "AuthorizerFailureException"),
        (says({"isAuthorized": True}), "AuthorizerConfigurationException"),
        (says({"principalId": "a", "policyDocument": {"Statement": [1]}}), "AuthorizerConfigurationException"),
        (Response(status=404), "AuthorizerFailureException"),
    ],
)
def test_a_broken_authorizer_is_500_and_says_nothing_of_why(fronts: Fronts, reply: Response, error_type: str):
    front = fronts(guarded(Type="TOKEN"), reply)

    answer = front("GET /x", headers={"Authorization": "secret"})

    assert answer.status_code == 500
    assert answer.json() == {"message": "Internal server error"}
    assert answer.headers["x-amzn-errortype"] == error_type
    assert front.log


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (policy("Deny"), "User is not authorized to access this resource with an explicit deny"),
        (policy(resource=ARN.replace("GET", "POST")), "User is not authorized to access this resource"),
    ],
)
def test_a_policy_that_does_not_allow_denies(fronts: Fronts, answer: Props, message: str):
    front = fronts(guarded(Type="TOKEN"), says(answer))

    denied = front("GET /x", headers={"Authorization": "secret"})

    assert denied.status_code == 403
    assert denied.json() == {"message": message}


def test_policies_have_wildcards(fronts: Fronts):
    front = fronts(guarded(Type="TOKEN"), says(policy(resource="arn:aws:execute-api:*:*:a1b2c3/prod/*")))

    answer = front("GET /x", headers={"Authorization": "secret"})

    assert answer.status_code == 200


def test_an_authorizer_is_asked_once_for_each_identity(fronts: Fronts):
    backends = Script(says(policy()), says(policy("Deny")))
    front = fronts.before(backends, guarded(Type="TOKEN"))

    answers = [front("GET /x", headers={"Authorization": who}).status_code for who in ("a", "a", "b", "b")]

    assert answers == [200, 200, 403, 403]
    assert len(backends.calls) == 2


def test_what_an_authorizer_said_for_one_stage_does_not_hold_for_another(fronts: Fronts):
    backends = Script(says(policy(resource="*")), says(policy("Deny", "*")))
    front = fronts.before(backends, guarded(Type="TOKEN").part("Test", "Stage", StageName="test"))

    urls = [f"http://127.0.0.1:8080/{stage}/x" for stage in ("prod", "test")]
    answers = [front(f"GET {url}", headers={"Authorization": "a"}).status_code for url in urls]

    assert answers == [200, 403]


def test_an_authorizer_without_a_time_to_live_is_asked_each_time(fronts: Fronts):
    backends = Script(says(policy()), says(policy()))
    front = fronts.before(backends, guarded(Type="TOKEN", AuthorizerResultTtlInSeconds=0))

    for _ in range(2):
        front("GET /x", headers={"Authorization": "a"})

    assert len(backends.calls) == 2


def test_a_request_authorizer_sees_the_whole_request(fronts: Fronts):
    backends = Script(says(policy()))
    source = "method.request.querystring.key, method.request.header.X-Team"
    front = fronts.before(backends, guarded(Type="REQUEST", IdentitySource=source))

    front("GET /x?key=1", headers={"X-Team": "red"})

    assert backends.sent["type"] == "REQUEST"
    assert backends.sent["methodArn"] == ARN
    assert backends.sent["queryStringParameters"] == {"key": "1"}
    assert backends.sent["headers"]["x-team"] == "red"
    assert backends.sent["requestContext"]["stage"] == "prod"


@pytest.mark.parametrize("context", [{"a": {}}, {"a": [1]}, "text"])
def test_an_authorizers_context_is_flat_or_the_authorizer_broken(fronts: Fronts, context: object):
    front = fronts(guarded(Type="TOKEN"), says({**policy(), "context": context}))

    answer = front("GET /x", headers={"Authorization": "secret"})

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (500, "AuthorizerConfigurationException")


def cognito(**method) -> Template:
    arn = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/pool-1"
    return guarded("COGNITO_USER_POOLS", Type="COGNITO_USER_POOLS", ProviderARNs=[arn], scopes=method)


def test_the_claims_of_a_token_are_in_the_context(fronts: Fronts):
    template = cognito()
    method = next(resource for name, resource in template.resources.items() if name.startswith("Method"))
    method["Properties"]["Integration"] = mock('"$context.authorizer.claims.sub"')
    front = fronts(template)

    answer = front("GET /x", headers={"Authorization": token(sub="ada")})

    assert answer.json() == "ada"


def test_claims_are_texts_as_aws_writes_them(fronts: Fronts):
    template = cognito()
    method = next(resource for name, resource in template.resources.items() if name.startswith("Method"))
    names = ("cognito:groups", "email_verified", "exp", "auth_time", "custom:plan")
    method["Properties"]["Integration"] = mock("|".join(f"$context.authorizer.claims['{name}']" for name in names))
    front = fronts(template)
    claims = {"cognito:groups": ["a", "b"], "email_verified": True, "auth_time": 1469814773, "custom:plan": "x"}

    answer = front("GET /x", headers={"Authorization": token(exp=4102444799, **claims)})

    assert answer.text == "a,b|true|Thu Dec 31 23:59:59 UTC 2099|1469814773|x"


@pytest.mark.parametrize("when", [1e300, 10**30])
def test_a_token_that_expires_at_no_time_there_is_breaks_nothing(fronts: Fronts, when: float):
    front = fronts(cognito())

    assert front("GET /x", headers={"Authorization": token(exp=when)}).status_code == 200


@pytest.mark.parametrize(
    "bad",
    [
        "no token",
        "a.b.c",
        token(exp=1),
        token(exp="soon"),
        token(exp=None),
        token(iss="https://cognito/pool-2"),
        token(token_use="access"),
    ],
    # A token holds the time: made into ids, two workers would see different tests.
    ids=["no token", "garbage", "expired", "expiry is no number", "no expiry", "another pool", "access token"],
)
def test_a_token_that_is_not_the_pools_is_unauthorized(fronts: Fronts, bad: str):
    front = fronts(cognito())

    answer = front("GET /x", headers={"Authorization": bad})

    assert answer.status_code == 401


def test_a_method_with_scopes_wants_an_access_token_that_has_one(fronts: Fronts):
    front = fronts(cognito(AuthorizationScopes=["pets/read", "pets/write"]))
    tokens = [token(token_use="access", scope="openid pets/read"), token(token_use="access", scope="openid"), token()]

    answers = [front("GET /x", headers={"Authorization": f"Bearer {each}"}).status_code for each in tokens]

    assert answers == [200, 401, 401]
