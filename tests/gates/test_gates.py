import hashlib
import json
from importlib.resources import files

import jsonschema
import pytest
from cfnlint.api import ManualArgs, lint_file

from tests.gates.conftest import REPORT

pytestmark = pytest.mark.xdist_group("gates")

# What cfn-lint says of templates as the CDK writes them, and why it is so.
NOT_ASKED = [
    "W3005",  # a DependsOn that a Ref implies: harmless, and the CDK's own
]


def test_cfn_lint_finds_nothing(app):
    for template in app.templates:
        findings = lint_file(template, config=ManualArgs(ignore_checks=NOT_ASKED, regions=["us-east-1"]))

        assert [str(finding) for finding in findings] == []


def test_two_synths_are_byte_identical(app, checked):
    again, _ = checked

    assert digests(again) == digests(app.directory)


def digests(directory):
    return {
        path.relative_to(directory): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and path.name != REPORT
    }


def test_every_state_machine_is_of_the_language(app):
    schema = json.loads((files("cfnlint") / "data/schemas/other/step_functions/statemachine.json").read_text())
    # The schema leaves it out, the language does not: https://states-language.net/spec.html#succeed-state
    schema["definitions"]["succeed"]["properties"]["QueryLanguage"] = schema["definitions"]["queryLanguage"]
    validator = jsonschema.Draft7Validator(schema)
    machines = [
        resource["Properties"]["DefinitionString"]
        for resource in app.resources.values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]

    for machine in machines:
        definition = json.loads(text_of(machine))

        assert [error.message for error in validator.iter_errors(definition)] == []
    assert machines or app.name in {"storage_first_api", "stored_stream", "body_models"}


def text_of(value):
    """Render a definition as deployed, with placeholders for what deployment knows."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(text_of, parts))
        case _:
            return "arn:aws:states:us-east-1:000000000000:placeholder"
