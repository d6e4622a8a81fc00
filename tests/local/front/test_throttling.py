from storage_first.local.front.model import Throttle
from storage_first.local.front.throttling import TokenBucket
from tests.local.front.rest import Fronts, Props, Template


def throttled(*settings: Props) -> Template:
    template = Template(stage={"MethodSettings": list(settings)})
    return template.method("GET /pets/{id}").method("GET /other")


def test_a_bucket_lets_its_burst_pass_and_then_its_rate():
    now = 0.0
    bucket = TokenBucket(Throttle(rate=2, burst=3), lambda: now)

    at_once = [bucket.take() for _ in range(4)]
    now = 0.5
    half_a_second_later = [bucket.take() for _ in range(2)]
    now = 100.0
    much_later = [bucket.take() for _ in range(4)]

    assert at_once == [True, True, True, False]
    assert half_a_second_later == [True, False]
    assert much_later == [True, True, True, False]


def test_a_stages_throttle_is_each_methods_own(fronts: Fronts):
    every = {"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 0.001, "ThrottlingBurstLimit": 1}
    front = fronts(throttled(every))

    answers = [front(f"GET /{path}").status_code for path in ("other", "other", "pets/1", "pets/2")]

    assert answers == [200, 429, 200, 429]


def test_a_methods_own_setting_comes_first(fronts: Fronts):
    every = {"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 0}
    own = {"ResourcePath": "/~1pets~1{id}", "HttpMethod": "GET", "ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 1}
    front = fronts(throttled(every, own))

    answers = [front(f"GET /{path}").status_code for path in ("other", "pets/1", "pets/2")]

    assert answers == [429, 200, 200]


def test_a_stage_without_settings_throttles_nothing(fronts: Fronts):
    front = fronts(throttled())

    answers = {front("GET /other").status_code for _ in range(20)}

    assert answers == {200}
