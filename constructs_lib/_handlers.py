"""The library's Lambda functions and layers: one asset for all functions, and the defaults that they share.

The asset is a zip of the `lambdas` package and of Powertools as it is installed beside the CDK app: synth needs no
Docker, no network and no public layer. Handlers keep their import path, `lambdas.…`, in tests, locally and in AWS.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib._acknowledge import acknowledge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aws_cdk import Duration

_BUNDLED = ("aws-lambda-powertools", "jmespath", "typing-extensions")  # Powertools, and what it requires
# No handler of the library answers HTTP, and this is the larger half of Powertools.
_UNUSED = PurePosixPath("aws_lambda_powertools/event_handler")
_NOT_SHIPPED = {"__pycache__", "layers", "sample", "tests"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold


def handler_function(
    scope: Construct,
    id: str,
    *,
    handler: str,
    description: str,
    environment: Mapping[str, str],
    timeout: Duration,
    dead_letter_queue: sqs.IQueue | None = None,
    memory_size: int = 512,
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> lambda_.Function:
    """Define one of the library's functions, with its own log group and a role that may do nothing else yet.

    Args:
        scope: Where to define it.
        id: The id of the construct that holds the function, its logs and its role.
        handler: Its import path, such as `lambdas.jobs.stream_reader.handler`.
        description: What it is there for, as an operator reads it.
        environment: Its environment variables, on top of those for Powertools.
        timeout: How long one call may take.
        dead_letter_queue: Where an event goes that an asynchronous invocation and Lambda's two retries failed on; none
            for a function that only a mapping invokes.
        memory_size: In MiB. Less memory is also less CPU, and a slower cold start.
        log_retention: How long its logs are kept.
        removal_policy: What happens to its logs when they leave the stack.
    """
    parts = Construct(scope, id)
    log_group = logs.LogGroup(parts, "Logs", retention=log_retention, removal_policy=removal_policy)
    # AWS's managed policy for logging allows every log group of the account.
    role = iam.Role(parts, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    acknowledge(role, "AwsSolutions::AwsSolutions-IAM5[Resource::*]", reason="X-Ray's actions know no resources.")
    return lambda_.Function(
        parts,
        "Function",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(_asset().path), asset_hash=_asset().digest),
        handler=handler,
        description=description,
        environment={"POWERTOOLS_SERVICE_NAME": handler.split(".")[-2], "LOG_LEVEL": "INFO", **environment},
        timeout=timeout,
        dead_letter_queue=dead_letter_queue,
        memory_size=memory_size,
        tracing=lambda_.Tracing.ACTIVE,
        log_group=log_group,
        role=role,
    )


def handler_layer(scope: Construct, id: str, *, module: str, description: str) -> lambda_.LayerVersion:
    """Define a layer that brings one module of `lambdas.layers` into functions of users, for any runtime of Python.

    Args:
        scope: Where to define it.
        id: Its id.
        module: The module's name, by which functions import it.
        description: What it is there for.
    """
    return lambda_.LayerVersion(
        scope,
        id,
        code=lambda_.Code.from_asset(str(_layer(module).path), asset_hash=_layer(module).digest),
        description=description,
    )


@dataclass(frozen=True, kw_only=True)
class _Asset:
    path: Path
    digest: str


@cache
def _asset() -> _Asset:
    """Zip the handlers once per process. The CDK copies the file to its own output as soon as a function is defined."""
    return _zip(dict([*_handlers(), *_bundled()]), _directory() / "handlers.zip")


@cache
def _layer(module: str) -> _Asset:
    """Zip one module where every runtime of Python looks for it."""
    source = _find_handlers(Path(__file__).parent) / "layers" / f"{module}.py"
    return _zip({f"python/{module}.py": source.read_bytes()}, _directory() / f"{module}.zip")


@cache
def _directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="storage-first-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _zip(files: Mapping[str, bytes], path: Path) -> _Asset:
    # Of the contents: the compressed bytes depend on the zlib at hand, and would redeploy every function with it.
    digest = hashlib.sha256()
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name, _EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return _Asset(path=path, digest=digest.hexdigest())


def _handlers() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the `lambdas` package by their name in the asset."""
    root = _find_handlers(Path(__file__).parent)
    for path in root.rglob("*"):
        relative = path.relative_to(root)
        if path.is_file() and not _NOT_SHIPPED.intersection(relative.parts):
            yield f"lambdas/{relative.as_posix()}", path.read_bytes()


def _find_handlers(package: Path) -> Path:
    """Find the handlers: inside the installed package, or beside it in a checkout."""
    for root in (package / "lambdas", package.parent / "lambdas"):
        if (root / "jobs" / "stream_reader.py").is_file():
            return root
    raise RuntimeError(
        f"The Lambda handlers are missing: {package} has no `lambdas` in it or beside it. Install storage-first again."
    )


def _bundled() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the installed distributions that handlers need, by their name in the asset."""
    for name in _BUNDLED:
        for file in distribution(name).files or ():
            outside = ".." in file.parts or file.parts[0].endswith(".dist-info")
            compiled = file.suffix == ".pyc"
            if not (outside or compiled or file.is_relative_to(_UNUSED)):
                yield file.as_posix(), Path(str(file.locate())).read_bytes()
