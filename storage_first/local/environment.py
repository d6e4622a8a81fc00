"""The environments that the local cloud's processes run in: nothing in them leads to AWS."""

import os
import re
from collections.abc import Mapping
from typing import Final

from storage_first.local.aws import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY

# Whatever steers an AWS SDK, the CDK CLI or an HTTP client elsewhere, and whatever configures the emulator.
_STEERING: Final = re.compile(
    r"(AWS|CDK|AMAZON|LAMBDA|SFN|MINISTACK|LOCALSTACK|DYNAMODB|BOTO)_.*|BOTO_CONFIG|_LAMBDA_.*|(https?|all|no)_proxy",
    re.IGNORECASE,
)
# What a process needs to run at all. Lambda handlers inherit the emulator's environment, so it is kept this small.
_ESSENTIAL: Final = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV", "SYSTEMROOT")


def isolated(endpoint: str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The user's environment with every way to AWS replaced by the way to `endpoint`."""
    environ = os.environ if environ is None else environ
    return {
        **{name: value for name, value in environ.items() if not _STEERING.fullmatch(name)},
        **_aws(endpoint),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def essential(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """As little of the user's environment as a process can run in, and no way to AWS."""
    environ = os.environ if environ is None else environ
    return {
        **{name: environ[name] for name in _ESSENTIAL if name in environ},
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def _aws(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
    }
