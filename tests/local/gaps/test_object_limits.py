import base64
import hashlib

import httpx
import pytest

from tests.local.gaps.wire import authorization, xml_refusal
from tests.local.sides import unique


@pytest.fixture
def put():
    def put(side, key="k", *, body=b"x", versioned=False, **headers):
        bucket = unique("bucket")
        side.s3.create_bucket(Bucket=bucket)
        if versioned:
            side.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{side.endpoint}/{bucket}/{key}"
        answer = httpx.put(url, content=body, headers={**authorization("s3"), **headers})
        return answer, side.s3.list_objects_v2(Bucket=bucket).get("Contents", []), url

    return put


LONG = {"key": "é" * 513}
LARGE = {"x_amz_meta_note": "x" * 2045}
CONDITION = {"if_none_match": '"abc"'}
AS_LARGE_AS_ALLOWED = {"x_amz_meta_note": "x" * 2044}


@pytest.mark.parametrize("request_", [LONG, LARGE, CONDITION], ids=["key", "metadata", "condition"])
def test_the_bare_emulator_stores_it(bare, put, request_):
    answer, stored, _ = put(bare, **request_)

    assert (answer.status_code, len(stored)) == (200, 1)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (LONG, ("KeyTooLongError", "Your key is too long")),
        (LARGE, ("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")),
        (CONDITION, ("NotImplemented", "A header you provided implies functionality that is not implemented")),
    ],
    ids=["key", "metadata", "condition"],
)
def test_it_is_refused_and_not_stored(closed, put, request_, error):
    answer, stored, _ = put(closed, **request_)

    assert xml_refusal(answer) == error
    assert stored == []


@pytest.mark.parametrize("request_", [{"key": "é" * 512}, AS_LARGE_AS_ALLOWED], ids=["key", "metadata"])
def test_what_the_limits_allow_is_stored(closed, put, request_):
    answer, stored, _ = put(closed, **request_)

    assert (answer.status_code, len(stored)) == (200, 1)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x_amz_storage_class": "request-refused-422"}, "InvalidStorageClass"),
        (
            {"Content_MD5": base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()},
            "BadDigest",
        ),
        ({"Content_MD5": "none"}, "InvalidDigest"),
    ],
    ids=["storage class", "other digest", "no digest"],
)
def test_headers_that_do_not_fit_need_no_gap_to_be_refused(bare, put, headers, code):
    answer, stored, _ = put(bare, **headers)

    assert xml_refusal(answer)[0] == code
    assert stored == []


@pytest.mark.parametrize("versioned", [False, True])
def test_an_object_that_is_there_needs_no_gap_to_stay(bare, put, versioned):
    _, _, url = put(bare, body=b"first", versioned=versioned)

    answer = httpx.put(url, content=b"second", headers={**authorization("s3"), "If-None-Match": "*"})

    assert answer.status_code == 412
    assert "<Code>PreconditionFailed</Code>" in answer.text
    assert httpx.get(url, headers=authorization("s3")).content == b"first"


def test_bytes_type_and_metadata_need_no_gap_to_come_back(bare, put):
    body = bytes(range(256))

    answer, _, url = put(bare, body=body, versioned=True, Content_Type="image/x-own; a=b", x_amz_meta_who="me")

    stored = httpx.get(url, headers=authorization("s3"))
    assert stored.content == body
    assert (stored.headers["content-type"], stored.headers["x-amz-meta-who"]) == ("image/x-own; a=b", "me")
    assert stored.headers["x-amz-version-id"] == answer.headers["x-amz-version-id"]
