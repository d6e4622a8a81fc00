"""The one place that makes AWS clients, so that none can reach AWS by accident."""

import ipaddress
import os
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config

ACCOUNT = "000000000000"
REGION = "us-east-1"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105 - the emulator asks for a signature and checks none


def client(service: str, endpoint: str, *, read_timeout: float = 60, attempts: int = 3) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a client that speaks to the local cloud and to nothing else.

    Args:
        service: The service as boto3 names it, for example `dynamodb`.
        endpoint: The emulator's address; it has to be a loopback address.
        read_timeout: How many seconds to wait for an answer.
        attempts: How often to try one call at most.

    Raises:
        ValueError: If `endpoint` is not on this machine.
    """
    host = urlsplit(endpoint).hostname
    if host is None or not _is_loopback(host):
        raise ValueError(f"endpoint must be a loopback address, got {endpoint!r}: the local cloud never calls AWS")
    # A session of its own: the default one would look at the user's profile. `proxies` is set because botocore
    # would else send loopback calls to HTTP_PROXY.
    session = boto3.session.Session(
        aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION, botocore_session=_isolated()
    )
    config = Config(
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        proxies={},
        inject_host_prefix=False,
        s3={"addressing_style": "path"},
    )
    factory: Any = session.client
    return factory(service, endpoint_url=endpoint, config=config)


def _isolated() -> botocore.session.Session:
    """A session that reads neither the user's profile nor the user's configuration files."""
    return botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
