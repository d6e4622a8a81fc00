"""The local cloud: an emulator with an app deployed to it, and the app's APIs before it."""

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from storage_first.local.assembly import Assembly
from storage_first.local.aws import REGION, client
from storage_first.local.cdk import Cdk, Task, complaint, first_failure, last_words, now
from storage_first.local.differences import differences
from storage_first.local.emulator import Emulator
from storage_first.local.errors import LocalCloudError
from storage_first.local.front_process import Api, Front
from storage_first.local.process import group_members
from storage_first.local.report import Report, Silence
from storage_first.local.tools import find_cdk, find_node
from storage_first.local.workplace import Workplace, workplace

_APIS: Final = frozenset({"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"})
_SYNTH_TIMEOUT: Final = 300.0
_DEPLOY_TIMEOUT: Final = 900.0
_WATCH_INTERVAL: Final = 0.1

__all__ = ["Api", "LocalCloud", "LocalCloudError"]


class LocalCloud:
    """An app that runs on this machine.

    Attributes:
        apis: The APIs that the app deployed, REST APIs first.
        outputs: The outputs of its stacks, by stack. Addresses of REST and WebSocket APIs are those of
            this machine.
        endpoint: The emulator's address, for AWS clients and the AWS CLI.
        not_emulated: What of the app is missing here, or different from AWS.
        logs: The directory that all processes log to.
    """

    @classmethod
    def start(
        cls,
        *,
        app: str = "python app.py",
        cwd: Path = Path(),
        port: int = 0,
        data: Path | None = None,
        report: Report | None = None,
    ) -> Self:
        """Deploy an app and serve it.

        Args:
            app: The command that synthesizes the app.
            cwd: Where the command runs.
            port: Where the first REST API is served; 0 stands for any free port. Further ones get the next ports.
            data: A directory to keep all state in, for the next start; nothing is kept if not given.
            report: Where progress goes; nowhere if not given.

        Raises:
            LocalCloudError: If any of it fails; then nothing is left running.
        """
        report = report or Silence()
        with contextlib.ExitStack() as stack:
            _free_port(port)  # told at once, rather than after the deployment
            place = stack.enter_context(workplace(data))
            project = cwd.resolve()
            node = find_node()
            cdk = find_cdk(project, node, place.logs / "npm.log", report)
            with report.step("Starting the emulator"):
                emulator = Emulator(directory=place.path, persist=data is not None)
            stack.callback(emulator.stop)
            tools = Cdk(node=node, cdk=cdk, project=project, work=place.path, endpoint=emulator.endpoint)
            assembly = _Deployment(tools, emulator, report, stack).run(app)
            front = _front(emulator, assembly, port, place, report)
            if front is not None:
                stack.callback(front.stop)
            cloud = cls(
                emulator=emulator,
                front=front,
                outputs=tools.outputs(),
                not_emulated=[
                    *(f"{kind} ({logical_id})" for kind, logical_id in assembly.removed),
                    *differences(assembly.resources()),
                ],
                place=place,
                report=report,
            )
            cloud._watch(stack.pop_all())
            return cloud

    def __init__(
        self,
        *,
        emulator: Emulator,
        front: Front | None,
        outputs: Mapping[str, Mapping[str, str]],
        not_emulated: Sequence[str],
        place: Workplace,
        report: Report,
    ) -> None:
        """Describe what `start` has started; use `start`."""
        self._emulator = emulator
        self._front = front
        self._place = place
        self._report = report
        self._resources = contextlib.ExitStack()
        self._failure: LocalCloudError | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self.endpoint = emulator.endpoint
        self.not_emulated = not_emulated
        self.apis: Sequence[Api] = front.apis if front is not None else ()
        self.outputs = self._with_local_addresses(outputs)
        self.logs = place.logs
        self._watcher = threading.Thread(target=self._watch_over, name="local-cloud", daemon=True)

    @property
    def emulator_pid(self) -> int:
        """The id of the emulator's process."""
        return self._emulator.pid

    @property
    def front_pid(self) -> int | None:
        """The id of the process that is the API Gateway front now, or `None` if there are no APIs."""
        return self._front.pid if self._front is not None else None

    def lambda_worker_pids(self) -> Sequence[int]:
        """The ids of the processes that run Lambda functions now."""
        return [pid for pid in group_members(self._emulator.pid) if pid != self._emulator.pid]

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """A boto3 client for the emulator."""
        return client(service, self.endpoint)

    def serve(self) -> None:
        """Block for as long as the cloud runs.

        Raises:
            LocalCloudError: If the emulator dies, or the front keeps dying; then everything has been stopped.
        """
        # In short waits, so that a signal is heeded on every platform.
        while not self._ended.wait(0.5):
            pass
        if self._failure is not None:
            self.stop()
            raise self._failure

    def stop(self) -> None:
        """Stop everything that was started; state is saved if there is a data directory."""
        self._stopping.set()
        self._watcher.join()
        with self._report.step("Stopping"):
            self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _watch(self, resources: contextlib.ExitStack) -> None:
        """Take over what is to be stopped, and keep it running until then."""
        self._resources = resources
        self._watcher.start()

    def _watch_over(self) -> None:
        while not self._stopping.wait(_WATCH_INTERVAL):
            try:
                _require_running(self._emulator)
                if self._front is not None:
                    self._front.revive()
            except LocalCloudError as failure:
                self._failure = failure
                self._place.keep_logs = True
                if self._front is not None:
                    self._front.stop()
                self._emulator.stop()
                break
        self._ended.set()

    def _with_local_addresses(self, outputs: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
        """`outputs`, with addresses that lead here: on AWS, the emulator's API ids belong to somebody else."""
        cloudformation = self.client("cloudformation")
        local = {}
        for api in self.apis:
            if api.protocol == "HTTP":
                continue
            resource = cloudformation.describe_stack_resource(StackName=api.stack, LogicalResourceId=api.logical_id)
            api_id = resource["StackResourceDetail"]["PhysicalResourceId"]
            scheme = "wss" if api.protocol == "WEBSOCKET" else "https"
            local[f"{scheme}://{api_id}.execute-api.{REGION}.amazonaws.com/{api.stage}"] = api.url.rstrip("/")

        def here(value: str) -> str:
            for remote, address in local.items():
                value = value.replace(remote, address)
            return value

        return {stack: {key: here(value) for key, value in values.items()} for stack, values in outputs.items()}


class _Deployment:
    """Brings an app from its source to the emulator."""

    def __init__(self, tools: Cdk, emulator: Emulator, report: Report, resources: contextlib.ExitStack) -> None:
        self._tools = tools
        self._emulator = emulator
        self._report = report
        self._resources = resources

    def run(self, app: str) -> Assembly:
        # The app is synthesized while the emulator is bootstrapped: both take seconds, and neither needs the other.
        synth = self._started(self._tools.synth(app))
        bootstrap = None if self._tools.bootstrapped() else self._started(self._tools.bootstrap())
        if self._finish("Synthesizing the app", synth, _SYNTH_TIMEOUT):
            raise LocalCloudError(f"The app failed: {last_words(synth.log)} (all of its output is in {synth.log}).")
        assembly = self._tools.prepare()
        self._finish_bootstrap(bootstrap)
        for qualifier in sorted({stack.qualifier for stack in assembly.stacks if stack.qualifier}):
            if not self._tools.bootstrapped(qualifier):
                self._finish_bootstrap(self._started(self._tools.bootstrap(qualifier)))
        self._deploy(assembly)
        return assembly

    def _deploy(self, assembly: Assembly) -> None:
        begun = now()
        deploy = self._started(self._tools.deploy(assembly))
        if self._finish("Deploying the app", deploy, _DEPLOY_TIMEOUT):
            reason = first_failure(self._emulator.endpoint, assembly, begun) or complaint(deploy.log)
            raise LocalCloudError(f"The deployment failed: {reason} (see {deploy.log}).")

    def _finish_bootstrap(self, task: Task | None) -> None:
        if task is not None and self._finish("Bootstrapping the emulator", task, _DEPLOY_TIMEOUT):
            raise LocalCloudError(f"cdk bootstrap failed: {complaint(task.log)} (see {task.log}).")

    def _started(self, task: Task) -> Task:
        self._resources.callback(task.stop)
        return task

    def _finish(self, what: str, task: Task, timeout: float) -> int:
        with self._report.step(what):
            code = task.finish(timeout=timeout, healthy=self._healthy)
        self._healthy()  # what fails because the emulator died, says something else
        return code

    def _healthy(self) -> None:
        _require_running(self._emulator)


def _front(emulator: Emulator, assembly: Assembly, port: int, place: Workplace, report: Report) -> Front | None:
    if not any(resource.get("Type") in _APIS for resource in assembly.resources()):
        return None
    with report.step("Starting the API Gateway front"):
        # Looked for as late as can be: in the time that a deployment takes, any connection may take a port.
        free = _free_port(port)
        return Front(endpoint=emulator.endpoint, assembly=assembly, port=free, log=place.logs / "front.log")


def _require_running(emulator: Emulator) -> None:
    if not emulator.running():
        raise LocalCloudError(f"The emulator died (see {emulator.log}).")


def _free_port(port: int) -> int:
    """`port`, or any free one if it is 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise LocalCloudError(f"Port {port} is taken by another program; choose another with --port.") from None
        return int(probe.getsockname()[1])
