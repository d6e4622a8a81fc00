import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What the constructs' tests need besides the library, from the versions that are pinned.
TEST_TOOLS = ["hypothesis", "jsonschema", "pytest", "pytest-timeout"]
# Each construct, and the asset of their handlers.
SHOWN = [
    f"tests/constructs_lib/{part}"
    for part in (
        "job_tracker/test_tracker.py",
        "job_tracker/test_workflow_runs.py",
        "storage_first_api/test_api.py",
        "stored_queue",
        "stored_stream",
        "test_device_topic.py",
        "test_handlers_asset.py",
    )
]

pytestmark = [pytest.mark.wheel, pytest.mark.xdist_group("wheel"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = directory.glob("*.whl")
    return wheel


def test_the_wheel_holds_the_library_and_nothing_that_would_collide(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"constructs_lib", "storage_first"}
    assert "constructs_lib/lambdas/jobs/stream_reader.py" in names
    assert "constructs_lib/job_tracker/events/job_status_changed.json" in names
    assert "constructs_lib/py.typed" in names
    assert "storage_first/sample/handlers/show.py" in names
    assert "storage_first/local/cdk_cli/package-lock.json" in names
    assert [name for name in names if "__pycache__" in name] == []


def test_the_constructs_need_only_the_cdk_and_what_their_handlers_ship(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    required = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist")

    always = {re.split(r"[<>=]", requirement)[0] for requirement in required if "extra ==" not in requirement}

    assert always == {"aws-cdk-lib", "aws-lambda-powertools", "constructs"}


def test_the_constructs_pass_their_tests_when_installed(wheel, tmp_path):
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    pinned = ["--constraint", ROOT / "constraints.txt"]
    subprocess.run([*install, *pinned, f"{wheel}[local,openapi]", *TEST_TOOLS], check=True, timeout=400)
    copied = tmp_path / "checkout" / "tests"  # away from the sources, which would be found first
    for part in ("constructs_lib", "oracle"):
        shutil.copytree(ROOT / "tests" / part, copied / part)
    for file in ("__init__.py", "conftest.py"):
        shutil.copy(ROOT / "tests" / file, copied)
    shutil.copy(ROOT / "pyproject.toml", copied.parent)

    run = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SHOWN],
        cwd=copied.parent,
        env={**os.environ, "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert run.returncode == 0, run.stdout
    print(run.stdout.splitlines()[-1])  # noqa: T201 - how many passed
