import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from storage_first.local.differences import _DIFFERENCES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")

SNIPPETS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text()), 1)
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_what_is_shown_runs(snippet, tmp_path):
    script = tmp_path / "snippet.py"
    script.write_text(snippet)

    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CDK_OUTDIR": str(tmp_path / "cdk.out")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.returncode == 0, run.stderr


def test_the_first_construct_of_the_readme_is_twenty_lines_at_most():
    (first, *_) = BLOCK.findall((ROOT / "README.md").read_text())

    assert len(first.splitlines()) <= 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]

    assert missing == []


def test_what_is_not_emulated_is_listed():
    page = (ROOT / "docs" / "local-cloud.md").read_text()

    missing = [text for _, text in _DIFFERENCES if re.sub(r"python3\.\d+", "python3.x", text) not in page]

    assert missing == []
