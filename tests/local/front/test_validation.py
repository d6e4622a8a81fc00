import json

import pytest

from storage_first.local.front.validation import MAX_PAYLOAD
from tests.local.front.rest import Fronts, Template

SCHEMA = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
VALIDATION = {
    "ResponseType": "BAD_REQUEST_BODY",
    "ResponseTemplates": {
        "application/json": '{"why": "$context.error.validationErrorString", "what": $context.error.messageString}'
    },
}


def validated(models: dict[str, str], *, body: bool = True, parameters: bool = True, **props) -> Template:
    template = Template().part("Model", "Model", Name="Pet", Schema=SCHEMA)
    template.part("Validator", "RequestValidator", ValidateRequestBody=body, ValidateRequestParameters=parameters)
    template.part("Response", "GatewayResponse", **VALIDATION)
    return template.method("POST /x", RequestValidatorId={"Ref": "Validator"}, RequestModels=models, **props)


def test_a_body_that_breaks_its_model_is_refused_with_the_reason(fronts: Fronts):
    front = fronts(validated({"application/json": "Pet"}))

    answer = front("POST /x", json={"age": 3})

    assert answer.status_code == 400
    assert answer.json() == {
        "why": '[object has missing required properties (["name"])]',
        "what": "Invalid request body",
    }
    assert answer.headers["x-amzn-errortype"] == "BadRequestException"


@pytest.mark.parametrize("body", ["{", "", '{"name": NaN}', "[" * 100_000])
def test_a_body_that_is_not_json_is_refused(fronts: Fronts, body: str):
    front = fronts(validated({"application/json": "Pet"}))

    answer = front("POST /x", content=body)

    assert answer.status_code == 400
    expected = (
        '[object has missing required properties (["name"])]' if not body else "[Unknown error parsing request body]"
    )
    assert answer.json()["why"] == expected


def test_an_absent_content_type_counts_as_json(fronts: Fronts):
    front = fronts(validated({"application/json": "Pet"}))

    answer = front("POST /x", content="{}")

    assert answer.status_code == 400


def test_parameters_of_the_content_type_make_no_difference(fronts: Fronts):
    front = fronts(validated({"application/json": "Pet"}))

    answer = front("POST /x", content="{}", headers={"Content-Type": "Application/JSON; charset=utf-8"})

    assert answer.status_code == 400


@pytest.mark.parametrize(("models", "status"), [({"application/json": "Pet"}, 200), ({"$default": "Pet"}, 400)])
def test_a_content_type_without_a_model_is_validated_by_the_default_model_alone(fronts: Fronts, models, status):
    template = validated(models)
    method = next(resource for name, resource in template.resources.items() if name.startswith("Method"))
    method["Properties"]["Integration"] = {
        **method["Properties"]["Integration"],
        "RequestTemplates": {"text/plain": '{"statusCode": 200}'},
    }
    front = fronts(template)

    answer = front("POST /x", content="{}", headers={"Content-Type": "text/plain"})

    assert answer.status_code == status


def test_a_validator_that_validates_no_bodies_lets_them_pass(fronts: Fronts):
    front = fronts(validated({"application/json": "Pet"}, body=False))

    answer = front("POST /x", json={})

    assert answer.status_code == 200


def test_a_model_may_refer_to_another(fronts: Fronts):
    template = validated({"application/json": "Herd"})
    reference = {"Fn::Join": ["", ["https://apigateway.amazonaws.com/restapis/", {"Ref": "Api"}, "/models/Pet"]]}
    template.part("Herd", "Model", Name="Herd", Schema={"type": "array", "items": {"$ref": reference}})
    front = fronts(template)

    answers = [front("POST /x", json=herd).status_code for herd in ([{"name": "a"}], [{"name": 1}])]

    assert answers == [200, 400]


def test_required_parameters_are_named_when_they_are_missing_or_blank(fronts: Fronts):
    required = {
        "method.request.header.Idempotency-Key": True,
        "method.request.querystring.page": True,
        "method.request.querystring.optional": False,
    }
    front = fronts(validated({}, RequestParameters=required))

    answers = [
        front("POST /x"),
        front("POST /x?page=", headers={"Idempotency-Key": "1"}),
        front("POST /x?page=0", headers={"idempotency-key": "1"}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 200]
    assert answers[0].json() == {"message": "Missing required request parameters: [Idempotency-Key, page]"}
    assert answers[1].json() == {"message": "Missing required request parameters: [page]"}


def test_parameters_are_checked_before_the_body(fronts: Fronts):
    template = validated({"application/json": "Pet"}, RequestParameters={"method.request.header.X": True})
    front = fronts(template)

    answer = front("POST /x", json={})

    assert answer.json() == {"message": "Missing required request parameters: [X]"}


def test_ten_megabytes_pass_and_one_byte_more_does_not(fronts: Fronts):
    front = fronts(Template().method("POST /x"))
    headers = {"Content-Type": "application/json"}

    answers = [front("POST /x", content=b"0" * (MAX_PAYLOAD + more), headers=headers) for more in (0, 1)]

    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[1].json() == {"message": "HTTP content length exceeded 10485760 bytes."}


def test_a_reason_with_quotes_and_backslashes_stays_json(fronts: Fronts):
    template = validated({"application/json": "Strict"})
    template.part("Strict", "Model", Name="Strict", Schema={"properties": {"a": {"type": "string", "maxLength": 1}}})
    front = fronts(template)
    nasty = 'x"},\\"\n\u2028é'

    answer = front("POST /x", content=json.dumps({"a": nasty}))

    assert nasty in answer.json()["why"]
