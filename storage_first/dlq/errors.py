"""What the `dlq` commands raise, and how AWS's errors read as one sentence."""

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError  # noqa: A004 - botocore's own

_NO_PERMISSION: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "InvalidSecurity",
        "KMS.AccessDeniedException",
        "KMSAccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "403",
    }
)
_BAD_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED: Final = frozenset(
    {
        "KMS.ThrottlingException",
        "KMSThrottlingException",
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class DlqError(Exception):
    """The command cannot go on; the message is one sentence that says why."""


def code_of(error: ClientError) -> str:
    """The error's code without the name space that SQS's older protocol put before it."""
    return str(error.response.get("Error", {}).get("Code", "")).removeprefix("AWS.SimpleQueueService.")


def told(error: ClientError | BotoCoreError) -> str:
    """What went wrong at AWS, and what to do about it, as one sentence."""
    if isinstance(error, ClientError):
        return _told_by_service(error)
    if isinstance(error, NoCredentialsError):
        return "There are no AWS credentials: configure some, or name the local cloud with --endpoint"
    if isinstance(error, HTTPClientError | ConnectionError):
        return f"No answer from there: {_one_line(str(error))}"
    return _one_line(str(error))


def _told_by_service(error: ClientError) -> str:
    code, operation = code_of(error), error.operation_name
    reason = _one_line(str(error.response.get("Error", {}).get("Message") or code))
    if code in _BAD_CREDENTIALS:
        return f"AWS does not accept the credentials ({code}): {reason}"
    if code in _NO_PERMISSION:
        return f"These credentials may not call {operation}: {reason}"
    if code in _THROTTLED:
        return f"AWS keeps throttling {operation} ({code}): try again later, or slower with --rate"
    return f"{operation} failed ({code}): {reason}"


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
