"""Synthesizes the app, bootstraps the emulator and deploys to it, all with the CDK's own tools."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from storage_first.local.assembly import Assembly, prepare
from storage_first.local.aws import ACCOUNT, REGION, client
from storage_first.local.environment import isolated
from storage_first.local.errors import LocalCloudError
from storage_first.local.process import Process, tied

_POLL: Final = 0.05
_DEFAULT_QUALIFIER: Final = "hnb659fds"
_QUIET: Final = ("--no-notices", "--ci", "--progress", "events")
_UNKNOWN_TYPES: Final = "Unrecognized resource types: ["


class Task:
    """A tool of the CDK at work.

    Attributes:
        log: Where its output goes.
    """

    def __init__(self, what: str, command: Sequence[str], *, environ: Mapping[str, str], cwd: Path, log: Path) -> None:
        """Start it.

        Args:
            what: What it does, for messages.
            command: The program and its arguments.
            environ: All of its environment.
            cwd: Where it runs.
            log: Where its output goes.
        """
        log.unlink(missing_ok=True)
        self.log = log
        self._what = what
        self._process = Process(tied(command), environ=environ, cwd=cwd, log=log)

    def finish(self, *, timeout: float, healthy: Callable[[], None]) -> int:
        """Wait for its end, and return its exit code.

        Args:
            timeout: How many seconds it may take.
            healthy: Called again and again; whatever it raises ends the wait.

        Raises:
            LocalCloudError: If it takes longer.
        """
        deadline = time.monotonic() + timeout
        try:
            while (code := self._process.poll()) is None:
                healthy()
                if time.monotonic() > deadline:
                    raise LocalCloudError(f"{self._what} did not end within {timeout:.0f} s (see {self.log}).")
                time.sleep(_POLL)
            return code
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop it, if it still runs."""
        self._process.stop()


class Cdk:
    """The CDK's tools, pointed at one emulator."""

    def __init__(self, *, node: Path, cdk: Path, project: Path, work: Path, endpoint: str) -> None:
        """Point the tools at an emulator.

        Args:
            node: The Node that the CLI and the app run on.
            cdk: The CDK CLI.
            project: Where the app is, and its cdk.json.
            work: Where assemblies, outputs and logs go.
            endpoint: The emulator's address.
        """
        self._cdk = cdk
        self._project = project
        self._work = work
        self._logs = work / "logs"
        self._endpoint = endpoint
        self._environ = {
            **isolated(endpoint),
            "PATH": _path(node),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "JSII_RUNTIME_PACKAGE_CACHE": "enabled",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }

    def synth(self, app: str) -> Task:
        """Start synthesizing the app, as the CLI would, to `work`/cdk.out."""
        environ = {
            **self._environ,
            "CDK_OUTDIR": str(self._work / "cdk.out"),
            "CDK_CONTEXT_JSON": json.dumps(_context(self._project)),
            "CDK_VALIDATION": "false",  # takes as long as synth itself, and changes nothing of it
        }
        command = ["/bin/sh", "-c", f"exec {app}" if _is_plain(app) else app]
        return Task("Synthesizing the app", command, environ=environ, cwd=self._project, log=self._logs / "synth.log")

    def prepare(self) -> Assembly:
        """Copy what was synthesized, without what the emulator cannot deploy."""
        return prepare(self._work / "cdk.out", self._work / "assembly", self._unsupported)

    def bootstrapped(self, qualifier: str = _DEFAULT_QUALIFIER) -> bool:
        """Whether the emulator has been bootstrapped in this or an earlier run."""
        try:
            client("ssm", self._endpoint).get_parameter(Name=f"/cdk-bootstrap/{qualifier}/version")
        except ClientError:
            return False
        return True

    def bootstrap(self, qualifier: str = _DEFAULT_QUALIFIER) -> Task:
        """Start bootstrapping the emulator."""
        command = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", *_QUIET]
        if qualifier != _DEFAULT_QUALIFIER:
            command += ["--qualifier", qualifier, "--toolkit-stack-name", f"CDKToolkit-{qualifier}"]
        return self._cli("Bootstrapping the emulator", command, log="bootstrap.log")

    def deploy(self, assembly: Assembly) -> Task:
        """Start deploying all stacks of the assembly."""
        command = [
            *("deploy", "--all", "--require-approval", "never", "--app", str(assembly.directory)),
            *("--outputs-file", str(self._outputs), *_QUIET),
        ]
        self._outputs.unlink(missing_ok=True)
        return self._cli("Deploying", command, log="deploy.log")

    def outputs(self) -> dict[str, dict[str, str]]:
        """The outputs of the stacks that were deployed."""
        outputs: dict[str, dict[str, str]] = {}
        if self._outputs.exists():
            outputs = json.loads(self._outputs.read_text())
        return outputs

    def _unsupported(self, types: Sequence[str]) -> Sequence[str]:
        """Those of the given resource types that the emulator says it does not know."""
        unknown: list[str] = []
        for start in range(0, len(types), 200):
            template = {"Resources": {f"R{n}": {"Type": kind} for n, kind in enumerate(types[start : start + 200])}}
            try:
                client("cloudformation", self._endpoint).validate_template(TemplateBody=json.dumps(template))
            except ClientError as error:
                _, found, names = error.response["Error"]["Message"].partition(_UNKNOWN_TYPES)
                unknown += names.partition("]")[0].split(", ") if found else []
        return unknown

    def _cli(self, what: str, arguments: Sequence[str], *, log: str) -> Task:
        # Outside of the project: its cdk.json may name a profile, an approval or a build that are not for this.
        return Task(what, [str(self._cdk), *arguments], environ=self._environ, cwd=self._work, log=self._logs / log)

    @property
    def _outputs(self) -> Path:
        return self._work / "outputs.json"


def first_failure(endpoint: str, assembly: Assembly, since: datetime) -> str | None:
    """Why the first resource failed to deploy, in CloudFormation's words, or `None` if none did."""
    cloudformation: Any = client("cloudformation", endpoint)
    failures = []
    for stack in assembly.stacks:
        try:
            pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack.name)
            events = [event for page in pages for event in page["StackEvents"]]
        except ClientError:
            continue  # it was never created
        # CloudFormation tells the newest event first; several share one second.
        failures += [
            (event["Timestamp"], -position, stack.name, event)
            for position, event in enumerate(events)
            if event["ResourceStatus"].endswith("_FAILED")
            and event["Timestamp"] >= since.replace(microsecond=0)
            and "cancelled" not in event.get("ResourceStatusReason", "")
        ]
    if not failures:
        return None
    *_, name, event = min(failures, key=lambda failure: failure[:2])
    reason = event.get("ResourceStatusReason", "no reason given").rstrip(". ")
    return f"{event['LogicalResourceId']} ({event['ResourceType']}) of stack {name} failed: {reason}"


def now() -> datetime:
    """The present, as CloudFormation tells time."""
    return datetime.now(UTC)


def last_words(log: Path) -> str:
    """The last line of a log that says anything: of a Python traceback, the exception."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def complaint(log: Path) -> str:
    """What the CDK CLI complains of in its log."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("❌", "Error", "[Error"))]
    return (marked or lines or ["it said nothing"])[-1].lstrip("❌ ").rstrip(". ")


def _context(project: Path) -> dict[str, Any]:
    """What the CLI would give to the app: its own settings, and the project's context."""
    context: dict[str, Any] = {
        "aws:cdk:enable-path-metadata": True,
        "aws:cdk:enable-asset-metadata": True,
        "aws:cdk:bundling-stacks": ["**"],
    }
    settings = project / "cdk.json"
    if settings.exists():
        context |= json.loads(settings.read_text()).get("context", {})
    looked_up = project / "cdk.context.json"
    if looked_up.exists():
        context |= json.loads(looked_up.read_text())
    return context


def _path(node: Path) -> str:
    """A PATH on which the app finds Node, and the Python that it is meant to run on."""
    here = Path(sys.executable).parent
    activated = os.environ.get("VIRTUAL_ENV")
    # An activated environment other than ours is the user's choice for the app.
    first = [] if activated and Path(activated) != Path(sys.prefix) else [str(here)]
    return os.pathsep.join([*first, str(node.parent), os.environ.get("PATH", os.defpath)])


def _is_plain(command: str) -> bool:
    """Whether `command` is one program and its arguments, so that no shell need stay around it."""
    return not set("|&;<>()$`\\\n*?[]#~=%!{}") & set(command) and bool(shlex.split(command))
