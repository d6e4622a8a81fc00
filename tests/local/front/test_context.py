import re
import time

from storage_first.local.front.context import common_log_time
from tests.local.front.rest import Fronts, Template, mock


def asked(template: str, **stage) -> Template:
    return Template(stage=stage).method("GET /pets/{id}", mock(template))


def test_the_context_is_complete(fronts: Fronts):
    names = [
        *("accountId", "apiId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod", "path", "protocol"),
        *("requestId", "requestTime", "requestTimeEpoch", "resourceId", "resourcePath", "stage"),
        *("identity.sourceIp", "identity.userAgent"),
    ]
    pairs = ", ".join(f'"{name}": "$context.{name}"' for name in names)
    front = fronts(asked(f"{{{pairs}}}"))

    context = front("GET /pets/7?q=1", headers={"User-Agent": "curl", "Host": "api.test:8080"}).json()

    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("requestTime"))
    assert abs(int(context.pop("requestTimeEpoch")) / 1000 - time.time()) < 60
    assert re.fullmatch(r"[0-9a-f-]{36}", context.pop("requestId"))
    assert context.pop("extendedRequestId")
    assert context == {
        "accountId": "000000000000",
        "apiId": "a1b2c3",
        "domainName": "api.test:8080",
        "domainPrefix": "api",
        "httpMethod": "GET",
        "path": "/prod/pets/7",
        "protocol": "HTTP/1.1",
        "resourceId": "resource_pets_{id}-id",
        "resourcePath": "/pets/{id}",
        "stage": "prod",
        "identity.sourceIp": "192.0.2.7",
        "identity.userAgent": "curl",
    }


def test_times_are_those_of_the_common_log_format():
    assert common_log_time(1_795_291_949.9) == "21/Nov/2026:20:12:29 +0000"


def test_a_client_may_choose_the_request_id_but_not_the_extended_one(fronts: Fronts):
    front = fronts(asked('"$context.requestId"'))

    answer = front("GET /pets/7", headers={"x-amzn-RequestId": "mine", "x-amz-apigw-id": "mine"})

    assert answer.json() == "mine"
    assert answer.headers["x-amzn-requestid"] == "mine"
    assert answer.headers["x-amz-apigw-id"] != "mine"


def test_templates_see_the_headers_that_api_gateway_adds(fronts: Fronts):
    template = (
        '{"for": "$input.params().header.get(\'X-Forwarded-For\')", '
        '"proto": "$input.params().header.get(\'X-Forwarded-Proto\')", '
        '"port": "$input.params().header.get(\'X-Forwarded-Port\')", '
        '"trace": "$input.params().header.get(\'X-Amzn-Trace-Id\')"}'
    )
    front = fronts(asked(template))

    seen = front("GET /pets/7", headers={"X-Forwarded-For": "198.51.100.1"}).json()

    assert seen["for"] == "198.51.100.1, 192.0.2.7"
    assert (seen["proto"], seen["port"]) == ("http", "8080")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", seen["trace"])


def test_the_access_log_has_the_stages_format(fronts: Fronts):
    log = '{"ip":"$context.identity.sourceIp","s":"$context.status","r":"$context.resourcePath","n":"$context.nothing"}'
    front = fronts(asked('"1"', AccessLogSetting={"Format": log, "DestinationArn": "arn:x"}))

    front("GET /pets/7")
    front("GET /unknown")

    assert front.access_log == [
        '{"ip":"192.0.2.7","s":"200","r":"/pets/{id}","n":"-"}',
        '{"ip":"192.0.2.7","s":"403","r":"-","n":"-"}',
    ]


def test_the_access_log_tells_sizes_times_and_errors(fronts: Fronts):
    log = "$context.responseLength $context.responseLatency $context.integrationStatus $context.error.responseType"
    front = fronts(asked('"1"', AccessLogSetting={"Format": log, "DestinationArn": "arn:x"}))

    front("GET /pets/7")
    front("GET /unknown")

    assert re.fullmatch(r"3 \d+ 200 -", front.access_log[0])
    assert re.fullmatch(r"42 \d+ - MISSING_AUTHENTICATION_TOKEN", front.access_log[1])
