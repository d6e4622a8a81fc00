"""Where the commands work: the local cloud, or AWS.

This is the one module of the application that makes clients for AWS, and it does so only when no endpoint is given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from storage_first.dlq.errors import DlqError
from storage_first.local import aws

_ATTEMPTS: Final = 6  # standard mode waits between them, longer each time and with jitter
_LOCAL_ATTEMPTS: Final = 2  # what is not there now, will not come
_READ_TIMEOUT: Final = 30.0  # a long poll takes a few seconds at most
_LONGEST_FUNCTION: Final = 900.0

_Maker = Callable[[str, float, int], Any]


@dataclass(frozen=True)
class Place:
    """An account in a Region, or the local cloud.

    Attributes:
        name: What to call it before acting on it.
    """

    name: str
    _make: _Maker
    _made: dict[str, Any] = field(default_factory=dict, compare=False)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """The client for `service`, made once."""
        if service not in self._made:
            self._made[service] = self._make(service, _READ_TIMEOUT, _ATTEMPTS)
        return self._made[service]

    def invoker(self) -> Any:  # noqa: ANN401 - as above
        """A Lambda client that waits for the slowest function, and invokes it once."""
        return self._make("lambda", _LONGEST_FUNCTION, 1)


def place(*, endpoint: str | None, profile: str | None, region: str | None) -> Place:
    """Choose where to work.

    Args:
        endpoint: The local cloud's address, as `storage-first up` prints it; AWS if not given.
        profile: The AWS profile; the usual one if not given.
        region: The AWS Region; the profile's if not given.

    Raises:
        DlqError: If the choice contradicts itself or leaves the Region open.
        BotoCoreError: If the profile or its credentials cannot be used.
        ClientError: If AWS does not accept the credentials.
    """
    if endpoint is None:
        return _on_aws(profile, region)
    if profile or region:
        given = "--profile" if profile else "--region"
        raise DlqError(
            f"{given} asks for AWS, and --endpoint (or AWS_ENDPOINT_URL) for the local cloud at {endpoint}: give one"
        )
    return _local(endpoint)


def _local(endpoint: str) -> Place:
    def make(service: str, timeout: float, attempts: int) -> Any:  # noqa: ANN401 - as above
        return aws.client(service, endpoint, read_timeout=timeout, attempts=min(attempts, _LOCAL_ATTEMPTS))

    local = Place(f"the local cloud at {endpoint}", make)
    try:
        local.client("sqs")
    except ValueError:
        raise DlqError(
            f"--endpoint (or AWS_ENDPOINT_URL) is for the local cloud, as in http://127.0.0.1:4566, got {endpoint!r}; "
            "leave it out to work on AWS"
        ) from None
    return local


def _on_aws(profile: str | None, region: str | None) -> Place:
    session = boto3.session.Session(profile_name=profile, region_name=region)
    if session.region_name is None:
        raise DlqError("No AWS Region is configured: give one with --region, or the local cloud with --endpoint")

    def make(service: str, timeout: float, attempts: int) -> Any:  # noqa: ANN401 - as above
        config = Config(
            connect_timeout=5, read_timeout=timeout, retries={"mode": "standard", "total_max_attempts": attempts}
        )
        factory: Any = session.client
        return factory(service, config=config)

    made = {service: make(service, _READ_TIMEOUT, _ATTEMPTS) for service in ("sts", "sqs")}
    account = made["sts"].get_caller_identity()["Account"]
    # The host tells of a VPC endpoint, and of AWS_ENDPOINT_URL_SQS.
    host = urlsplit(made["sqs"].meta.endpoint_url).netloc
    return Place(f"AWS account {account} in {session.region_name} ({host})", make, made)
