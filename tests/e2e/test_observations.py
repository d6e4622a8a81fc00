"""What the sample takes through other stores than DynamoDB reaches its consumers, exactly and in order."""

import hashlib
import json
import os
import uuid

import pytest

from tests.e2e.conftest import problem

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cloud")]


@pytest.fixture
def stores(cloud):
    """The physical names of the sample's queue, stream and buckets, by logical id without its hash."""
    resources = cloud.client("cloudformation").describe_stack_resources(StackName="GopherHoles")["StackResources"]
    return {found["LogicalResourceId"][:-8]: found["PhysicalResourceId"] for found in resources}


def new_gopher(api):
    job = api.ended(api.add_gopher().json()["id"])
    return job["result"]["gopherId"]


def test_sightings_of_one_gopher_keep_their_order(api):
    gopher = new_gopher(api)

    answers = [
        api.http.post("sightings", json={"gopherId": gopher, "location": f"place {number}"}) for number in range(12)
    ]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 12
    seen = api.wait_for(lambda: api.http.get(f"gophers/{gopher}").json()["lastSeen"], lambda last: last == "place 11")
    assert seen == "place 11"


def test_the_same_sighting_sent_twice_is_one_message(api):
    sighting = {"gopherId": "gus", "location": "the bunker"}
    headers = {"Idempotency-Key": uuid.uuid4().hex}

    first, again = (api.http.post("sightings", json=sighting, headers=headers) for _ in range(2))

    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()


def test_another_sighting_under_the_same_key_is_not_dropped(api):
    headers = {"Idempotency-Key": uuid.uuid4().hex}

    first, other = (
        api.http.post("sightings", json={"gopherId": "gus", "location": place}, headers=headers) for place in "ab"
    )

    assert first.json()["id"] != other.json()["id"]


def test_a_bad_record_is_put_aside_and_the_good_ones_behind_it_are_recorded(api, cloud, stores):
    hole = f"hole-{uuid.uuid4().hex}"
    kinesis, s3 = cloud.client("kinesis"), cloud.client("s3")
    bad = f"not JSON {uuid.uuid4().hex}".encode()
    kinesis.put_record(StreamName=stores["ObservationsReadingsStream"], PartitionKey=hole, Data=bad)

    answer = api.http.post("telemetry", json={"holeId": hole, "temperature": 7.25})

    assert answer.status_code == 202
    item = api.wait_for(
        lambda: api.dynamodb.get_item(
            TableName=api.holes_table, Key={"pk": {"S": f"HOLE#{hole}"}, "sk": {"S": "READING"}}
        ).get("Item"),
        bool,
        seconds=90,
    )
    assert item["temperature"] == {"N": "7.25"}
    (put_aside,) = api.wait_for(
        lambda: s3.list_objects_v2(Bucket=stores["ObservationsReadingsFailures"]).get("Contents", []), bool, seconds=90
    )
    batch = json.loads(
        s3.get_object(Bucket=stores["ObservationsReadingsFailures"], Key=put_aside["Key"])["Body"].read()
    )
    (record,) = json.loads(batch["payload"])["Records"]
    assert record["kinesis"]["partitionKey"] == hole


@pytest.mark.parametrize("media_type", ["image/jpeg", "application/octet-stream", "text/plain"])
def test_a_photo_is_stored_byte_for_byte(api, cloud, stores, media_type):
    photo, name = os.urandom(70_000) + bytes(range(256)), f"{uuid.uuid4().hex}.jpg"

    answer = api.http.post(f"photos/{name}", content=photo, headers={"Content-Type": media_type})

    assert answer.status_code == 202
    stored = cloud.client("s3").get_object(Bucket=stores["ObservationsPhotos"], Key=name)
    assert hashlib.sha256(stored["Body"].read()).digest() == hashlib.sha256(photo).digest()
    assert stored["ContentType"] == media_type
    assert stored["VersionId"] == answer.headers["x-version-id"]
    assert stored["Metadata"]["request-id"] == answer.json()["id"]
    shown = api.wait_for(lambda: api.http.get(f"photos/{name}"), lambda found: found.status_code == 200)
    assert shown.json()["size"] == len(photo)


def test_nothing_is_replaced_where_the_caller_says_so(api, cloud, stores):
    name, only_new = f"{uuid.uuid4().hex}.png", {"Content-Type": "image/png", "If-None-Match": "*"}

    first = api.http.post(f"photos/{name}", content=b"first", headers=only_new)
    second = api.http.post(f"photos/{name}", content=b"second", headers=only_new)

    assert (first.status_code, second.status_code) == (202, 412)
    assert problem(second)["status"] == 412
    assert cloud.client("s3").get_object(Bucket=stores["ObservationsPhotos"], Key=name)["Body"].read() == b"first"
