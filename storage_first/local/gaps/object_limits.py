"""S3 refuses a key of more than 1,024 bytes, more than 2 KB of metadata, and any `If-None-Match` but `*`.

The emulator stores them all.
"""

from typing import Any, Final

from ministack.services import s3

_LONGEST_KEY: Final = 1024
_MOST_METADATA: Final = 2048
_PREFIX: Final = "x-amz-meta-"


def close() -> None:
    """Let PutObject count."""
    put = s3._put_object

    def put_within_limits(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Any:
        if len(key.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
            return s3._error("KeyTooLongError", "Your key is too long", 400)
        if headers.get("if-none-match", "*") != "*":
            text = "A header you provided implies functionality that is not implemented"
            return s3._error("NotImplemented", text, 501)
        metadata = [name.removeprefix(_PREFIX) + value for name, value in headers.items() if name.startswith(_PREFIX)]
        if sum(len(text.encode("utf-8", "surrogatepass")) for text in metadata) > _MOST_METADATA:
            text = "Your metadata headers exceed the maximum allowed metadata size"
            return s3._error("MetadataTooLarge", text, 400)
        return put(bucket, key, body, headers)

    s3._put_object = put_within_limits
