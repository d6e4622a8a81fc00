"""schemathesis holds the deployed sample to its own document."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from storage_first.openapi import choose, describe, read_apis
from tests.e2e.conftest import problem

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cloud")]

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    # Not unsupported_method, which wants a 405: API Gateway has one answer for an unknown path and an unknown method,
    # and so the contract has a 404 for both. The last test of this file looks at that.
)


@pytest.fixture
def document(cloud):
    return describe(choose(read_apis(cloud.logs.parent / "cdk.out")), server=cloud.apis[0].url)


def run_schemathesis(document, directory, phases="examples,coverage,fuzzing,stateful"):
    """Run phases of schemathesis: coverage is of each constraint, stateful follows the links from a 202 to its job."""
    (directory / "openapi.json").write_text(json.dumps(document))
    # Without OPTIONS, which is the browsers': a preflight has no body, and API Gateway answers 500 to one without JSON.
    others = '[phases.coverage]\nunexpected-methods = ["DELETE", "PATCH", "PUT", "TRACE"]\n'
    (directory / "schemathesis.toml").write_text(f'hooks = "{HOOKS}"\n{others}')
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "openapi.json"),
        *("--url", document["servers"][0]["url"], "--checks", ",".join(CHECKS), "--continue-on-failure"),
        *("--phases", phases, "--seed", "20261121", "--max-examples", "15", "--request-timeout", "30", "--no-color"),
    ]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=240)


def test_the_deployed_sample_does_what_its_document_says(document, tmp_path):
    run = run_schemathesis(document, tmp_path)

    assert run.returncode == 0, run.stdout + run.stderr
    # It would say so if the API had refused most of what the document allows.
    assert "Schema validation mismatch" not in run.stdout, run.stdout


def test_a_document_that_promises_too_much_is_found_out(document, tmp_path):
    document["components"]["schemas"]["Accepted"]["properties"]["status"] = {"const": "Done"}

    run = run_schemathesis(document, tmp_path, "examples")

    assert run.returncode == 1
    assert "Response violates schema" in run.stdout


def test_a_method_that_the_document_does_not_have_is_a_404(document):
    refused = [
        httpx.request(method, document["servers"][0]["url"] + path.replace("{", "").replace("}", ""))
        for path, operations in document["paths"].items()
        for method in {"get", "put", "post", "patch", "delete"} - set(operations)
    ]

    assert {problem(answer)["status"] for answer in refused} == {404}
