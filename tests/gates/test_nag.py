import pytest

from tests.gates.conftest import check

pytestmark = pytest.mark.xdist_group("gates")

# Acknowledgements that belong to an app, not to a construct: the examples stay as short as they are.
OF_EXAMPLES = {
    "AwsSolutions-APIG4": "who may call is the app's decision; the examples are for reading",
    "AwsSolutions-COG4": "likewise",
    "AwsSolutions-APIG3": "a web ACL costs 5 USD a month; whether to have one is the app's decision",
}


def test_the_template_validator_and_cdk_nag_s_packs_find_nothing(app, checked):
    accepted = {} if app.name == "sample" else OF_EXAMPLES
    _, reports = checked

    violations = [
        (violation["ruleName"], construct["constructPath"])
        for report in reports
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
        if violation["ruleName"] not in accepted
    ]

    assert violations == []


def test_the_packs_do_look(tmp_path):
    app = tmp_path / "app.py"
    app.write_text(
        "from aws_cdk import App, Stack\n"
        "from aws_cdk.aws_sqs import Queue\n"
        "app = App()\n"
        "Queue(Stack(app, 'Bare'), 'Queue')\n"
        "app.synth()\n"
    )

    rules = {violation["ruleName"] for report in check(app, tmp_path) for violation in report["violations"]}

    assert {"AwsSolutions-SQS4", "Serverless-SQSRedrivePolicy"} <= rules
