"""Runs everything that CI runs: `python scripts/run_tests.py [--static] [pytest arguments]`."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
STATIC_CHECKS = {
    "ruff": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports", "--no-cache"],
}
# Two processes suit two cores; tests that share a local cloud stay in one of them.
PYTEST = ["pytest", "--numprocesses", "2", "--dist", "loadgroup"]


def main(arguments: list[str]) -> int:
    """Run the checks; the static ones two at a time, then the tests."""
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(check, STATIC_CHECKS))
    failed = [name for name, passed in zip(STATIC_CHECKS, outcomes, strict=True) if not passed]
    if "--static" not in arguments:
        tests = subprocess.run([*PYTEST, *arguments], cwd=ROOT, check=False)
        failed += ["pytest"] if tests.returncode else []
    print(f"{time.monotonic() - started:.0f} s; " + (f"failed: {', '.join(failed)}" if failed else "all passed"))
    return 1 if failed else 0


def check(name: str) -> bool:
    """Run one static check, and print what it says only if it fails."""
    run = subprocess.run(STATIC_CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{name}: {'failed' if run.returncode else 'passed'}")
    if run.returncode:
        print(run.stdout + run.stderr)
    return run.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
