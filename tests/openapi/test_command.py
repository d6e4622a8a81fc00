import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from storage_first.openapi import choose, describe, read_apis, synthesized

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def openapi(tmp_path):
    """Run the command in an empty project."""

    def run(*arguments):
        command = [sys.executable, "-m", "storage_first.cli", "openapi", *arguments]
        environ = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "TMPDIR": str(tmp_path)}
        return subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_an_app_is_synthesized_and_described(openapi, tmp_path):
    (tmp_path / "app.py").write_text((EXAMPLES / "storage_first_api.py").read_text())

    ended = openapi()

    assert (ended.returncode, ended.stderr) == (0, "")
    document = json.loads(ended.stdout)
    validate(document)
    assert document["info"]["title"] == "Orders/Api"
    assert list(document["paths"]) == ["/orders"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py"]  # nothing stays behind


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_example_s_document_is_valid(example):
    with synthesized(f"{sys.executable} {example}", EXAMPLES) as assembly:
        apis = read_apis(assembly)

    for api in apis:
        validate(describe(choose([api])))


def test_an_assembly_is_described_as_yaml_at_a_given_address(openapi, assembly, rest):
    rest.method("GET", "/orders")
    assembly.add("Orders", rest.resources)
    server = "http://127.0.0.1:4700/prod"

    ended = openapi("--assembly", str(assembly.directory), "--format", "yaml", "--server", server)

    document = yaml.safe_load(ended.stdout)
    assert (list(document["paths"]), document["servers"]) == (["/orders"], [{"url": server}])


def test_an_app_that_fails_is_quoted_in_one_sentence(openapi, tmp_path):
    (tmp_path / "app.py").write_text("raise ValueError('a hole without a gopher')\n")

    ended = openapi()

    assert (ended.returncode, ended.stdout) == (1, "")
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("storage-first: The app failed: ValueError: a hole without a gopher (all of its output")


def test_an_app_without_a_storage_first_api_is_one_sentence(openapi, assembly):
    assembly.add("Empty", {})

    ended = openapi("--assembly", str(assembly.directory))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "storage-first: The app has no StorageFirstApi, so there is nothing to describe.\n"
