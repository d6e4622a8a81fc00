import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.conftest import problem

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cloud")]


def test_a_stored_request_is_answered_with_a_link_to_its_job(api):
    answer = api.add_gopher()

    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/prod/jobs/{body['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["access-control-allow-origin"] == "*"
    assert body == {
        "id": body["id"],
        "status": "Pending",
        "links": [{"rel": "job", "href": answer.headers["location"]}],
    }
    assert api.http.get(answer.url.join(answer.headers["location"])).json()["id"] == body["id"]


def test_what_is_stored_is_the_body_as_it_came(api):
    body = '{ "name" : "O\\u0027Gopher \\"x\\" $foo #end ümläut 🐹 ' + uuid.uuid4().hex + '",\n"location":"l\\u2028"}'

    answer = api.http.post("gophers", content=body.encode(), headers={"Content-Type": "application/json"})

    assert api.item(answer.json()["id"])["input"]["S"] == body


def test_the_work_has_the_job_s_id_and_reports_progress_three_times(api):
    id = api.add_gopher().json()["id"]

    job = api.ended(id)

    assert job["status"] == "Succeeded"
    assert job["result"] == {"gopherId": id, "holes": 0}
    assert job["progress"] == {"percent": 90, "message": "Holes linked"}
    assert job["version"] == 6  # stored, claimed, three times progress, finished
    assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"] == job["updatedAt"]
    assert api.http.get(f"gophers/{id}").json()["id"] == id


def test_a_job_in_flight_says_when_to_come_back_and_a_finished_one_does_not(api):
    answer = api.add_gopher()
    in_flight = api.http.get(f"jobs/{answer.json()['id']}")
    api.ended(answer.json()["id"])
    finished = api.http.get(f"jobs/{answer.json()['id']}")

    assert int(in_flight.headers["retry-after"]) >= 1
    assert "retry-after" not in finished.headers


def test_the_same_key_and_body_is_the_same_job(api):
    key, name = uuid.uuid4().hex, uuid.uuid4().hex
    first = api.add_gopher(key=key, name=name)
    api.ended(key)

    again = api.add_gopher(key=key, name=name)

    assert first.json()["id"] == again.json()["id"] == key
    assert again.status_code == 202
    assert again.json()["status"] == "Succeeded"
    assert api.executions(key) == [f"{key}-1"]


def test_a_replayed_job_that_has_ended_does_not_stay_open(api):
    key, name = uuid.uuid4().hex, uuid.uuid4().hex
    api.add_gopher(key=key, name=name)
    version = api.ended(key)["version"]

    api.add_gopher(key=key, name=name)

    item = api.wait_for(lambda: api.item(key), lambda item: "open" not in item and "checkAt" not in item)
    assert item["version"]["N"] == str(version)


def test_header_names_are_compared_without_case(api):
    key = uuid.uuid4().hex

    answer = api.http.post("holes", json={"location": "x"}, headers={"iDEMPOTENCY-kEY": key})

    assert answer.json()["id"] == key


@pytest.mark.parametrize("path", ["gophers", "holes"])
def test_the_same_key_for_another_body_or_route_is_refused(api, path):
    key = uuid.uuid4().hex
    api.add_gopher(key=key)
    stored = api.stored()

    answer = api.http.post(
        path, json={"location": "x", **({"name": "y"} if path == "gophers" else {})}, headers={"Idempotency-Key": key}
    )

    assert answer.status_code == 422
    assert "under a new key" in problem(answer)["detail"]
    assert api.stored() == stored


@pytest.mark.parametrize(
    "key", ["", "a" * 65, "with space", "slash/slash", "ümlaut".encode(), '"quote', "'", "a#b", "$x"]
)
def test_a_malformed_key_is_refused_and_nothing_stored(api, key):
    stored = api.stored()

    answer = api.http.post("gophers", json={"name": "x", "location": "y"}, headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert "Idempotency-Key" in problem(answer)["detail"]
    assert api.stored() == stored


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"name": "x"}',
        b'{"name": "x", "location": 5}',
        b'{"name": "x", "location": ""}',
        b'{"name": "x", "location": "y", "admin": {"BOOL": true}}',
        b'{"name": "x", "location": "y"}, "admin": {"BOOL": true}',
    ],
)
def test_a_body_that_is_not_what_the_model_says_is_refused_and_nothing_stored(api, body):
    stored = api.stored()

    answer = api.http.post("gophers", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert problem(answer)["title"] == "Bad Request"
    assert api.stored() == stored


def test_a_refused_body_is_told_which_field_is_missing(api):
    answer = api.http.post("gophers", json={"name": "x"})

    assert '"location"' in problem(answer)["detail"]


def test_an_injected_attribute_stays_data(api):
    name = uuid.uuid4().hex + '"},"admin":{"BOOL":true},"y":{"S":"'

    answer = api.add_gopher(name=name)

    item = api.item(answer.json()["id"])
    assert "admin" not in item
    assert json.loads(item["input"]["S"])["name"] == name


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_another_media_type_is_refused_and_nothing_stored(api, media_type):
    stored = api.stored()

    answer = api.http.post("gophers", content=b'{"name": "x", "location": "y"}', headers={"Content-Type": media_type})

    assert answer.status_code == 415
    problem(answer)
    assert api.stored() == stored


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8"])
def test_json_is_stored_whatever_its_parameters(api, media_type):
    body = json.dumps({"name": uuid.uuid4().hex, "location": "y"}).encode()

    answer = api.http.post("gophers", content=body, headers={"Content-Type": media_type})

    assert answer.status_code == 202


@pytest.mark.parametrize(("kilobytes", "status"), [(239, 202), (241, 413), (10_500, 413)])
def test_a_body_is_stored_up_to_the_limit_in_bytes(api, kilobytes, status):
    stored = api.stored()
    text = b'{"location": "y"' + b" " * (kilobytes * 1024 - 17) + b"}"

    answer = api.http.post("holes", content=text, headers={"Content-Type": "application/json"})

    assert answer.status_code == status
    if status == 413:
        assert problem(answer)["title"] == "Content Too Large"
        assert api.stored() == stored


def test_the_largest_body_is_worked_on(api):
    text = b'{"location": "y"' + b" " * (239 * 1024 - 17) + b"}"
    id = api.http.post("holes", content=text, headers={"Content-Type": "application/json"}).json()["id"]

    assert api.ended(id)["status"] == "Succeeded"


@pytest.mark.parametrize("id", ["no-such-job", "a" * 65, "%22quote", "default", "a%23b", "$util.base64Encode('x')"])
def test_an_unknown_job_is_a_404_that_tells_nothing(api, id):
    answer = api.http.get(f"jobs/{id}")

    assert answer.status_code == 404
    assert {**problem(answer), "instance": ""} == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such job.",
        "instance": "",
    }


def test_an_expired_job_is_the_same_404_and_its_key_is_refused(api):
    key, name = uuid.uuid4().hex, uuid.uuid4().hex
    api.add_gopher(key=key, name=name)
    api.ended(key)
    api.dynamodb.update_item(
        TableName=api.jobs_table,
        Key={"pk": {"S": f"default#{key}"}},
        UpdateExpression="SET expiresAt = :past",
        # So long past that DynamoDB keeps it: what is over five years old may be a mistake, and is not deleted.
        ExpressionAttributeValues={":past": {"N": "1"}},
    )

    answer = api.http.get(f"jobs/{key}")
    again = api.add_gopher(key=key, name=name)

    unknown = api.http.get("jobs/never-was")
    assert {**problem(answer), "instance": ""} == {**problem(unknown), "instance": ""}
    assert answer.status_code == 404
    assert again.status_code == 422


def test_another_tenant_s_job_is_the_same_404(api):
    id = uuid.uuid4().hex
    item = {name: {"S": id} for name in ("id", "type", "status")}
    api.dynamodb.put_item(TableName=api.jobs_table, Item={"pk": {"S": f"other#{id}"}, "tenant": {"S": "other"}, **item})

    answer = api.http.get(f"jobs/{id}")

    assert {**problem(answer), "instance": ""} == {**problem(api.http.get("jobs/never-was")), "instance": ""}


def test_a_route_that_is_not_there_is_a_problem_too(api):
    answer = api.http.get("nothing/here")

    assert answer.status_code == 404
    problem(answer)


def test_a_browser_may_ask_first(api):
    answer = api.http.options(
        "gophers", headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]


def test_a_job_whose_work_fails_says_why(api):
    name = uuid.uuid4().hex
    api.ended(api.add_gopher(name=name).json()["id"])

    failed = api.ended(api.add_gopher(name=name).json()["id"])

    assert failed["status"] == "Failed"
    assert failed["error"] == {"code": "NameTaken", "message": f"There is already a gopher called {name}"}
    assert failed["result"] is None


def test_all_holes_at_a_location_are_linked_however_many_pages_they_fill(api):
    location = uuid.uuid4().hex
    holes = [f"{location}-{number:04}" for number in range(2000)]
    for start in range(0, len(holes), 25):
        put = [
            {
                "PutRequest": {
                    "Item": {
                        "pk": {"S": f"HOLE#{hole}"},
                        "sk": {"S": "HOLE"},
                        "holeId": {"S": hole},
                        "holeLocation": {"S": location},
                    }
                }
            }
            for hole in holes[start : start + 25]
        ]
        api.dynamodb.batch_write_item(RequestItems={api.holes_table: put})

    id = api.add_gopher(location=location).json()["id"]

    job = api.ended(id, seconds=180)
    assert job["result"] == {"gopherId": id, "holes": 2000}
    assert api.http.get(f"gophers/{id}").json()["holes"] == holes


def test_fifty_submits_at_once_with_one_key_are_one_job(api):
    key, name = uuid.uuid4().hex, uuid.uuid4().hex

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: api.add_gopher(key=key, name=name), range(50)))

    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["id"] for answer in answers} == {key}
    assert api.ended(key)["status"] == "Succeeded"
    assert api.executions(key) == [f"{key}-1"]
