import pytest

from storage_first.local.front import ApiKey
from tests.local.front.rest import Fronts, Props, Script, Template, mock, says
from tests.local.front.test_authorization import URI, policy

KEYS = [ApiKey("key-1", "secret-1"), ApiKey("key-2", "secret-2"), ApiKey("key-3", "secret-3", enabled=False)]
WITH_KEY = {"X-API-Key": "secret-1"}


def metered(*, throttle: Props | None = None, methods: Props | None = None, quota: Props | None = None) -> Template:
    template = Template()
    stage = {"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}, **({"Throttle": methods} if methods else {})}
    plan = {"Throttle": throttle, "Quota": quota}
    template.add("Plan", "UsagePlan", ApiStages=[stage], **{name: value for name, value in plan.items() if value})
    for key in ("key-1", "key-3"):
        template.add(key, "UsagePlanKey", KeyId=key, KeyType="API_KEY", UsagePlanId={"Ref": "Plan"})
    template.method("GET /x", mock('"$context.identity.apiKeyId $context.identity.apiKey"'), ApiKeyRequired=True)
    template.method("GET /y", ApiKeyRequired=True)
    return template.method("GET /open")


def stack(template: Template):
    return template.stack(Stage="prod")


@pytest.mark.parametrize("key", [None, "wrong", "secret-2", "secret-3"])
def test_a_key_that_is_absent_unknown_planless_or_disabled_is_forbidden(fronts: Fronts, key):
    front = fronts(stack(metered()), keys=KEYS)

    answer = front("GET /x", headers={"x-api-key": key} if key else {})

    assert answer.status_code == 403
    assert answer.json() == {"message": "Forbidden"}


def test_a_good_key_passes_and_is_in_the_context(fronts: Fronts):
    front = fronts(stack(metered()), keys=KEYS)

    answer = front("GET /x", headers=WITH_KEY)

    assert answer.json() == "key-1 secret-1"


def test_a_method_that_needs_no_key_is_not_metered(fronts: Fronts):
    front = fronts(stack(metered(throttle={"RateLimit": 0.001, "BurstLimit": 1})), keys=KEYS)

    answers = [front("GET /open").status_code for _ in range(3)]

    assert answers == [200, 200, 200]


def test_a_plans_throttle_holds_for_all_methods_together(fronts: Fronts):
    front = fronts(stack(metered(throttle={"RateLimit": 0.001, "BurstLimit": 2})), keys=KEYS)

    answers = [front(f"GET /{path}", headers=WITH_KEY) for path in "xyx"]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json() == {"message": "Too Many Requests"}


def test_a_plans_throttle_of_a_method_holds_for_it_alone(fronts: Fronts):
    front = fronts(stack(metered(methods={"/x/GET": {"RateLimit": 0.001, "BurstLimit": 1}})), keys=KEYS)

    answers = [front(f"GET /{path}", headers=WITH_KEY).status_code for path in "xxy"]

    assert answers == [200, 429, 200]


def test_a_quota_that_is_used_up_is_429(fronts: Fronts):
    front = fronts(stack(metered(quota={"Limit": 3, "Offset": 1, "Period": "DAY"})), keys=KEYS)

    answers = [front("GET /x", headers=WITH_KEY) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json() == {"message": "Limit Exceeded"}


def test_a_key_may_come_from_the_authorizer(fronts: Fronts):
    template = metered()
    template.resources["Api"]["Properties"]["ApiKeySourceType"] = "AUTHORIZER"
    template.part("Authorizer", "Authorizer", Type="TOKEN", AuthorizerUri=URI)
    template.method("GET /z", ApiKeyRequired=True, AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Authorizer"})
    allowed = policy(resource="*")
    front = fronts.before(
        Script(says({**allowed, "usageIdentifierKey": "secret-1"}), says(allowed)), stack(template), keys=KEYS
    )

    answers = [front("GET /z", headers={"Authorization": who, **WITH_KEY}).status_code for who in "ab"]

    assert answers == [200, 403]
