import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPORT = "validation-report.json"
APPS = {
    "sample": ROOT / "app.py",
    **{example.stem: example for example in sorted((ROOT / "examples").glob("*.py"))},
}


@dataclass(frozen=True)
class Synthesized:
    """One app, synthesized as its user would."""

    name: str
    directory: Path

    @property
    def templates(self):
        return sorted(self.directory.glob("*.template.json"))

    @property
    def resources(self):
        return {
            f"{template.name}:{id}": resource
            for template in self.templates
            for id, resource in json.loads(template.read_text())["Resources"].items()
        }


def synthesize(app, directory):
    run = subprocess.run(
        [sys.executable, str(app)],
        env=environment_of(directory),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def check(app, directory):
    """Synthesize an app under the template validator and cdk-nag's packs; return what they report."""
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("with_nag.py")), str(app)],
        env=environment_of(directory) | {"CDK_VALIDATION": "true"},
        cwd=directory,
        capture_output=True,
        check=False,  # findings fail the synth: the report says which
        timeout=120,
    )
    return json.loads((directory / REPORT).read_text())["pluginReports"]


def environment_of(directory):
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    paths = {"PYTHONPATH": str(ROOT), "CDK_OUTDIR": str(directory)}
    return {**os.environ, **paths, "CDK_CONTEXT_JSON": json.dumps(context)}


@pytest.fixture(scope="session", params=APPS)
def app(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    synthesize(APPS[request.param], directory)
    return Synthesized(request.param, directory)


@pytest.fixture(scope="session")
def checked(app, tmp_path_factory):
    """Where the app was synthesized a second time, and what was reported then."""
    directory = tmp_path_factory.mktemp(f"{app.name}-checked")
    return directory, check(APPS[app.name], directory)
