"""How long programs take: synths, imports, and `make demo`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.benchmarks.figures import Figure, MeasurementError
from scripts.benchmarks.rounds import Plan, Track, interleave
from storage_first.local.environment import isolated
from storage_first.local.process import Process, tied
from storage_first.local.report import Report

_ROOT = Path(__file__).parents[2]
_HANDLERS = ("stream_reader", "execution_ended", "reconciler")
_TIMEOUT = 300.0
_MAKE_TIMEOUT = 1800.0  # what is installed comes over the network
# Nothing that is measured calls AWS; if something did, there would be nobody at this address.
_NOWHERE = "http://127.0.0.1:9"


def measure_synth(plan: Plan, track: Track) -> Iterator[Figure]:
    """Synthesize the sample, and the same resources written with plain L2 constructs.

    Raises:
        MeasurementError: If one of them fails.
    """
    with tempfile.TemporaryDirectory(prefix="storage-first-bench-") as directory:
        work = Path(directory)
        synth_sample(work / "sample")  # also warms what both need: the CDK's modules, and the JSII's cache
        handlers = asset_of(work / "sample")
        times = interleave(
            track(plan.synths, "Synths"),
            {
                "sample": lambda: synth_sample(work / "sample"),
                "plain": lambda: synth_plain(work / "plain", handlers),
            },
        )
    yield Figure(
        what="synth of the sample",
        times=times["sample"],
        against="the same resources as plain L2s",
        baseline=times["plain"],
        most=1.2,
    )


def synth_sample(output: Path) -> None:
    """Synthesize the sample into the directory `output`."""
    _synth([sys.executable, "app.py"], output)


def synth_plain(output: Path, handlers: Path) -> None:
    """Synthesize the same resources, written with plain L2 constructs.

    Args:
        output: The directory to synthesize to.
        handlers: The zip of the functions that track jobs.
    """
    _synth([sys.executable, "-m", "scripts.benchmarks.plain_l2", str(handlers)], output)


def synth_stores(output: Path) -> None:
    """Synthesize the app with one route for each store."""
    _synth([sys.executable, "-m", "scripts.benchmarks.stores"], output)


def synth_batch(output: Path) -> None:
    """Synthesize the example of batches."""
    _synth([sys.executable, "-m", "examples.batch"], output)


def run_beside(module: str, arguments: Sequence[str], endpoint: str, environment: Mapping[str, str]) -> None:
    """Run a module in an environment of its own, as a function is run whose AWS is at `endpoint`.

    Raises:
        MeasurementError: If it fails, or takes too long.
    """
    environ = {**isolated(endpoint), **environment, "AWS_ENDPOINT_URL": endpoint}
    _run([sys.executable, "-m", module, *arguments], environ)


def asset_of(output: Path) -> Path:
    """Find the zip of the functions that track jobs in a directory that the sample was synthesized to."""
    (handlers,) = output.glob("asset.*.zip")
    return handlers


def measure_imports(plan: Plan, track: Track) -> Iterator[Figure]:
    """Import each handler, and boto3 alone, in new interpreters, less the time that an interpreter takes to start.

    Raises:
        MeasurementError: If an import fails.
    """
    imports = {name: f"import lambdas.jobs.{name}" for name in _HANDLERS}
    actions = {name: _python(code) for name, code in {"bare": "", "boto3": "import boto3", **imports}.items()}
    interleave(range(1), actions)  # compiles what has not been
    times = interleave(track(plan.imports, "Imports"), actions)
    start = times["bare"].median
    for name in _HANDLERS:
        yield Figure(
            what=f"import of lambdas.jobs.{name}",
            times=times[name].minus(start),
            against="import of boto3",
            baseline=times["boto3"].minus(start),
        )


def measure_warm_demo(plan: Plan, track: Track, report: Report) -> Iterator[Figure]:
    """Run `make demo` in this checkout.

    Raises:
        MeasurementError: If it fails.
    """
    environ = _for_make()
    with report.step("make setup"):
        _make("setup", environ)
    times = interleave(track(plan.demos, "make demo, warm"), {"demo": lambda: _make("demo", environ)})
    yield Figure(what="make demo, warm", times=times["demo"], most=60)


def measure_cold_demo(report: Report) -> Iterator[Figure]:
    """Run `make demo` in a fresh clone, with empty caches: it installs everything that it needs.

    Raises:
        MeasurementError: If it fails.
    """
    git = _find("git")
    with tempfile.TemporaryDirectory(prefix="storage-first-bench-") as directory:
        clone, caches = Path(directory) / "clone", Path(directory) / "caches"
        _run([git, "clone", "--quiet", str(_ROOT), str(clone)], _for_make())
        environ = {
            **_for_make(),
            "PIP_CACHE_DIR": str(caches / "pip"),
            "XDG_CACHE_HOME": str(caches),
            "npm_config_cache": str(caches / "npm"),
        }
        with report.step("make demo in a fresh clone, which installs everything"):
            times = interleave(range(1), {"demo": lambda: _make("demo", environ, cwd=clone)})
    yield Figure(what="make demo, cold", times=times["demo"])


def _synth(command: Sequence[str], output: Path) -> None:
    context = json.loads((_ROOT / "cdk.json").read_text())["context"]
    environ = {
        **_for_python(),
        "CDK_OUTDIR": str(output),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "CDK_VALIDATION": "false",
        "JSII_RUNTIME_PACKAGE_CACHE": "enabled",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    _run(command, environ)


def _python(code: str) -> Callable[[], None]:
    environ = _for_python()
    return lambda: _run([sys.executable, "-c", code], environ)


def _for_python() -> dict[str, str]:
    environ = isolated(_NOWHERE)
    # Node is beside the interpreter, and whoever runs this need not have activated anything.
    return {**environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]])}


def _for_make() -> dict[str, str]:
    """The environment of a make that was not started by another, nor in an activated environment."""
    ours = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def _run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run a program to its end.

    Raises:
        MeasurementError: If it fails, or takes too long.
    """
    try:
        run = subprocess.run(
            command,
            cwd=_ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise _too_long(command, _TIMEOUT) from None
    _require_success(command, run.returncode, run.stdout)


def _make(target: str, environ: Mapping[str, str], *, cwd: Path = _ROOT) -> None:
    """Make a target; all that it starts ends with it, or with this program.

    Raises:
        MeasurementError: If there is no make, or it fails or takes too long.
    """
    command = [_find("make"), target, f"PYTHON={sys.executable}"]
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "output"
        with Process(tied(command), log=log, environ=environ, cwd=cwd) as process:
            try:
                code = process.wait(_MAKE_TIMEOUT)
            except subprocess.TimeoutExpired:
                raise _too_long(command, _MAKE_TIMEOUT) from None
        _require_success(command, code, log.read_text(errors="replace"))


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise MeasurementError(f"make demo cannot be measured: there is no {program} here.")
    return found


def _too_long(command: Sequence[str], timeout: float) -> MeasurementError:
    return MeasurementError(f"{' '.join(command)} takes longer than {timeout:.0f} s.")


def _require_success(command: Sequence[str], code: int, output: str) -> None:
    if code:
        # Make's own last word is only that something failed.
        lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("make")]
        last = lines[-1] if lines else "it said nothing"
        raise MeasurementError(f"{' '.join(command)} failed with exit code {code}: {last}")
