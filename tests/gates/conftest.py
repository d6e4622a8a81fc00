import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def synthesize(app, directory, **environment):
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    run = subprocess.run(
        [sys.executable, str(app)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CDK_OUTDIR": str(directory),
            "CDK_CONTEXT_JSON": json.dumps(context),
            **environment,
        },
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.fixture(scope="session", params=APPS)
def app(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    synthesize(APPS[request.param], directory)
    return Synthesized(request.param, directory)
