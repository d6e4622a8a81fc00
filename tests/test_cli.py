import importlib.metadata
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from storage_first import cli, commands
from storage_first.local.errors import LocalCloudError

ROOT = Path(__file__).parents[1]
APPS = ROOT / "tests" / "local" / "apps"
TIMEOUT = 60.0


class Project:
    """A user's project, in which the command is run."""

    def __init__(self, directory):
        self.directory = directory
        self.environ = {**os.environ, "TMPDIR": str(directory), "XDG_CACHE_HOME": str(directory / "cache")}

    def use(self, app):
        shutil.copy(APPS / app, self.directory / app)

    def use_toolchain(self):
        if (ROOT / "node_modules").exists():
            (self.directory / "node_modules").symlink_to(ROOT / "node_modules")

    def start(self, *arguments):
        command = [sys.executable, "-m", "storage_first.cli", *arguments]
        return subprocess.Popen(
            command, cwd=self.directory, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments):
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=TIMEOUT)
        return SimpleNamespace(out=out, err=err, code=process.returncode)

    def interrupt(self, process, number=signal.SIGINT):
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT)
        return SimpleNamespace(out=out, err=err, code=process.returncode)

    def left_running(self):
        """The processes that run in the project or in its temporary directories: all that the command started."""
        left = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                here = (process / "cwd").readlink().is_relative_to(self.directory)
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if here and state != "Z":
                left.append((process.name, (process / "cmdline").read_text()))
        return left


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def ready(project):
    """A project with the CDK CLI at hand."""
    project.use_toolchain()
    return project


def wait_until(process, seen):
    """Read what the command says until it says `seen`."""
    said = ""
    while seen not in said:
        line = process.stdout.readline()
        assert line, f"ended after: {said}\n{process.stderr.read()}"
        said += line
    return said


def wait_for(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def one_sentence(err):
    """What the command says on standard error."""
    (line,) = err.strip().splitlines()
    assert line.startswith("storage-first: ")
    assert line.endswith(".")
    return line.removeprefix("storage-first: ")


def test_it_tells_its_version(project):
    assert project.run("--version").out.strip() == importlib.metadata.version("storage-first")


def test_it_renders_a_mapping_template(project):
    (project.directory / "t.vtl").write_text("#set($b = $input.path('$'))Hello $b.name")
    (project.directory / "event.json").write_text('{"body": {"name": "Gus"}}')

    ended = project.run("render", "t.vtl", "--event", "event.json")

    assert (ended.out, ended.err, ended.code) == ("Hello Gus\n", "", 0)


def test_an_event_that_is_none_is_named(project):
    (project.directory / "t.vtl").write_text("Hello")
    (project.directory / "event.json").write_text('{"bodi": {}}')

    ended = project.run("render", "t.vtl", "--event", "event.json")

    assert ended.code == 1
    assert "event.json has the unknown key 'bodi'" in one_sentence(ended.err)


def test_a_template_that_cannot_be_rendered_is_told_where_and_why(project):
    (project.directory / "t.vtl").write_text("#if(")
    (project.directory / "event.json").write_text("{}")

    ended = project.run("render", "t.vtl", "--event", "event.json")

    assert ended.code == 1
    assert ended.err.startswith("storage-first: ")


def test_a_taken_port_is_named(project):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        ended = project.run("up", "--port", str(port))

    assert ended.code == 1
    assert one_sentence(ended.err) == f"Port {port} is taken by another program; choose another with --port."


def test_an_app_that_fails_is_quoted_and_its_output_is_kept(ready):
    (ready.directory / "app.py").write_text("print('so far so good')\nraise ValueError('a hole without a gopher')\n")

    ended = ready.run("up", "--port", "0")

    assert ended.code == 1
    sentence = one_sentence(ended.err)
    assert sentence.startswith("The app failed: ValueError: a hole without a gopher (all of its output is in ")
    log = Path(sentence.partition("all of its output is in ")[2].rstrip(")."))
    assert "so far so good" in log.read_text()
    assert "Traceback" in log.read_text()
    assert ready.left_running() == []


def test_the_app_of_cdk_json_is_run(ready):
    (ready.directory / "cdk.json").write_text('{"app": "python own.py"}')
    (ready.directory / "own.py").write_text("raise ValueError('own.py was run')\n")

    assert "own.py was run" in one_sentence(ready.run("up", "--port", "0").err)


@pytest.mark.e2e
def test_a_failed_deployment_gives_cloudformation_s_reason(ready):
    ready.use("bare.py")

    ended = ready.run("up", "--port", "0", "--app", "python bare.py refused")

    assert ended.code == 1
    sentence = one_sentence(ended.err)
    assert sentence.startswith("The deployment failed: Secret (AWS::SSM::Parameter) of stack Bare failed: ")
    assert "SecureString" in sentence
    assert ready.left_running() == []


def test_without_a_network_the_missing_cdk_cli_is_named(project):
    project.environ |= {
        "npm_config_registry": "http://127.0.0.1:9",
        "PATH": os.pathsep.join(
            entry for entry in os.environ["PATH"].split(os.pathsep) if not Path(entry, "cdk").exists()
        ),
    }

    ended = project.run("up", "--port", "0")

    assert ended.code == 1
    assert "There is no CDK CLI, and npm could not install it, perhaps for want of a network (see " in one_sentence(
        ended.err
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_synthesis_leaves_nothing_running(ready, number):
    (ready.directory / "app.py").write_text("import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(600)\n")
    with ready.start("up", "--port", "0") as process:
        wait_for((ready.directory / "begun").exists)

        ended = ready.interrupt(process, number)

    assert ended.code == 130
    assert one_sentence(ended.err) == "Interrupted; everything that was started has been stopped."
    assert ready.left_running() == []


@pytest.mark.e2e
def test_an_interrupted_deployment_leaves_nothing_running_and_can_be_tried_again(ready):
    ready.use("bare.py")
    arguments = ("up", "--port", "0", "--data", "data", "--app")
    with ready.start(*arguments, "python bare.py endless") as process:
        wait_for(lambda: _deploying(ready))

        ended = ready.interrupt(process)
    again = ready.run(*arguments, "python bare.py refused")

    assert ended.code == 130
    assert one_sentence(ended.err) == "Interrupted; everything that was started has been stopped."
    assert "SecureString" in one_sentence(again.err)
    assert ready.left_running() == []


@pytest.mark.e2e
def test_an_emulator_that_dies_in_the_middle_of_a_deployment_is_named(ready):
    ready.use("bare.py")
    with ready.start("up", "--port", "0", "--app", "python bare.py endless", "--data", "data") as process:
        wait_for(lambda: _deploying(ready))

        for pid, command in ready.left_running():
            if "emulator_process" in command:
                os.kill(int(pid), signal.SIGKILL)

        _, err = process.communicate(timeout=TIMEOUT)

    assert process.returncode == 1
    assert one_sentence(err).startswith("The emulator died (see ")
    assert ready.left_running() == []


@pytest.mark.e2e
def test_ctrl_c_while_it_serves_is_its_normal_end(ready):
    ready.use("hello.py")
    with ready.start("up", "--port", "0", "--app", "python hello.py") as process:
        said = wait_until(process, "Serving")

        ended = ready.interrupt(process)

    assert "Hello/Api (prod): http://127.0.0.1:" in said
    assert "not emulated: AWS::CloudWatch::CompositeAlarm (Both" in said
    assert (ended.code, ended.err) == (0, "")
    assert ready.left_running() == []
    assert not list(ready.directory.glob("storage-first-*"))


@pytest.mark.e2e
def test_nothing_outlives_a_command_that_is_killed(ready):
    ready.use("bare.py")
    with ready.start("up", "--port", "0", "--app", "python bare.py endless") as process:
        wait_for(lambda: _deploying(ready))

        process.kill()
        process.communicate()

    wait_for(lambda: not ready.left_running())


def test_a_data_directory_serves_one_cloud_at_a_time(ready):
    (ready.directory / "app.py").write_text("import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(600)\n")
    with ready.start("up", "--port", "0", "--data", "data") as first:
        wait_for((ready.directory / "begun").exists)

        second = ready.run("up", "--port", "0", "--data", "data")

        ready.interrupt(first)
    assert second.code == 1
    assert one_sentence(second.err).endswith("is in use by another local cloud.")


def test_an_old_python_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))

    with pytest.raises(SystemExit, match=r"storage-first needs Python 3\.11 or newer"):
        cli.main()


@pytest.mark.parametrize("package", ["typer", "boto3", "rich"])
def test_a_missing_extra_is_told_with_the_command_that_installs_it(project, package):
    script = f"import sys; sys.modules[{package!r}] = None; from storage_first.cli import main; main()"
    arguments = [sys.executable, "-c", script, "up", "--port", "0"]

    ended = subprocess.run(
        arguments,
        cwd=project.directory,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert ended.returncode == 1
    assert "pip install 'storage-first[local]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_cdk_json_that_is_no_json_is_named(tmp_path):
    (tmp_path / "cdk.json").write_text("{")

    with pytest.raises(LocalCloudError, match=r"cdk\.json is not JSON"):
        commands._app_of(tmp_path)


def _deploying(project):
    return any("deploy.log" in str(path) for path in project.directory.rglob("deploy.log")) and any(
        "CREATE_IN_PROGRESS" in path.read_text() for path in project.directory.rglob("deploy.log")
    )
