import filecmp
import json
from importlib.resources import files

import jsonschema
import pytest
from cfnlint.api import ManualArgs, lint_file

from tests.gates.conftest import APPS, synthesize

pytestmark = pytest.mark.xdist_group("gates")

# What cfn-lint says of templates as the CDK writes them, and why it is so.
NOT_ASKED = [
    "W3005",  # a DependsOn that a Ref implies: harmless, and the CDK's own
]


def test_cfn_lint_finds_nothing(app):
    for template in app.templates:
        findings = lint_file(template, config=ManualArgs(ignore_checks=NOT_ASKED, regions=["us-east-1"]))

        assert [str(finding) for finding in findings] == []


def test_the_cdk_template_validator_finds_nothing(app, tmp_path):
    output = synthesize(APPS[app.name], tmp_path, CDK_VALIDATION="true")

    assert "error" not in output.lower()


def test_two_synths_are_byte_identical(app, tmp_path):
    synthesize(APPS[app.name], tmp_path)

    assert differences(filecmp.dircmp(app.directory, tmp_path, shallow=False)) == []


def differences(comparison):
    found = comparison.left_only + comparison.right_only + comparison.diff_files + comparison.funny_files
    return found + [name for inner in comparison.subdirs.values() for name in differences(inner)]


def test_every_state_machine_is_of_the_language(app):
    schema = json.loads((files("cfnlint") / "data/schemas/other/step_functions/statemachine.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    machines = [
        resource["Properties"]["DefinitionString"]
        for resource in app.resources.values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]

    for machine in machines:
        definition = json.loads(text_of(machine))

        assert [error.message for error in validator.iter_errors(definition)] == []
    assert machines or app.name == "storage_first_api"


def text_of(value):
    """Render a definition as deployed, with placeholders for what deployment knows."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(text_of, parts))
        case _:
            return "arn:aws:states:us-east-1:000000000000:placeholder"
