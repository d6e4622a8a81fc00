import json

import pytest

from storage_first.local.assembly import prepare, without
from storage_first.local.errors import LocalCloudError

ALARM = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {}}
QUEUE = {"Type": "AWS::SQS::Queue"}


def write(directory, template, *, environment="aws://unknown-account/unknown-region", **manifest):
    directory.mkdir()
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": environment,
        "properties": {
            "templateFile": "Hello.template.json",
            "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version",
        },
    }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": {"Hello": artifact}, **manifest}))
    (directory / "Hello.template.json").write_text(json.dumps(template))
    return directory


def knows_all_but(*kinds):
    return lambda types: [kind for kind in types if kind in kinds]


def test_what_the_emulator_does_not_know_is_taken_out_of_the_copy_only(tmp_path):
    template = {"Resources": {"Both": ALARM, "Queue": QUEUE}}
    source = write(tmp_path / "cdk.out", template)

    assembly = prepare(source, tmp_path / "copy", knows_all_but("AWS::CloudWatch::CompositeAlarm"))

    copied = json.loads((tmp_path / "copy" / "Hello.template.json").read_text())
    assert copied == {"Resources": {"Queue": QUEUE}}
    assert list(assembly.templates.values()) == [copied]
    assert assembly.removed == [("AWS::CloudWatch::CompositeAlarm", "Both")]
    assert json.loads((source / "Hello.template.json").read_text()) == template


def test_an_app_that_the_emulator_knows_is_deployed_byte_for_byte(tmp_path):
    source = write(tmp_path / "cdk.out", {"Resources": {"Queue": QUEUE}})

    prepare(source, tmp_path / "copy", knows_all_but())

    assert (tmp_path / "copy" / "Hello.template.json").read_bytes() == (source / "Hello.template.json").read_bytes()


def test_custom_resources_that_would_hang_the_deployment_are_taken_out(tmp_path):
    source = write(tmp_path / "cdk.out", {"Resources": {"Empty": {"Type": "Custom::S3AutoDeleteObjects"}}})

    assembly = prepare(source, tmp_path / "copy", knows_all_but())

    assert assembly.removed == [("Custom::S3AutoDeleteObjects", "Empty")]


def test_alarms_of_metric_math_are_taken_out_and_others_stay(tmp_path):
    simple = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "m"}}
    computed = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Id": "e", "Expression": "a/b"}]}}
    source = write(tmp_path / "cdk.out", {"Resources": {"Simple": simple, "Computed": computed}})

    assembly = prepare(source, tmp_path / "copy", knows_all_but())

    assert list(assembly.resources()) == [simple]
    assert assembly.removed == [("AWS::CloudWatch::Alarm with metric math", "Computed")]


def test_the_emulator_is_asked_for_types_only(tmp_path):
    computed = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}}
    source = write(tmp_path / "cdk.out", {"Resources": {"Computed": computed, "Queue": QUEUE}})
    asked = []

    prepare(source, tmp_path / "copy", lambda types: asked.extend(types) or [])

    assert asked == ["AWS::SQS::Queue"]


def test_a_stack_needs_the_bootstrap_that_its_manifest_names(tmp_path):
    source = write(tmp_path / "cdk.out", {})

    (stack,) = prepare(source, tmp_path / "copy", knows_all_but()).stacks

    assert (stack.name, stack.qualifier) == ("Hello", "hnb659fds")


def test_stacks_of_stages_are_found(tmp_path):
    source = write(tmp_path / "cdk.out", {"Resources": {}})
    write(source / "assembly-Beta", {"Resources": {"Both": ALARM}})
    manifest = {"artifacts": {"Beta": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Beta"}}}}
    (source / "manifest.json").write_text(json.dumps(manifest))

    assembly = prepare(source, tmp_path / "copy", knows_all_but("AWS::CloudWatch::CompositeAlarm"))

    assert [stack.template for stack in assembly.stacks] == [
        tmp_path / "copy" / "assembly-Beta" / "Hello.template.json"
    ]
    assert assembly.removed == [("AWS::CloudWatch::CompositeAlarm", "Both")]


def test_a_stack_that_is_bound_to_another_account_is_refused(tmp_path):
    source = write(tmp_path / "cdk.out", {}, environment="aws://123456789012/eu-west-1")

    with pytest.raises(LocalCloudError, match="Stack Hello is bound to aws://123456789012/eu-west-1"):
        prepare(source, tmp_path / "copy", knows_all_but())


def test_a_lookup_in_an_account_is_refused(tmp_path):
    source = write(tmp_path / "cdk.out", {}, missing=[{"provider": "vpc-provider", "key": "k", "props": {}}])

    with pytest.raises(LocalCloudError, match=r"looks something up in an AWS account \(vpc-provider\)"):
        prepare(source, tmp_path / "copy", knows_all_but())


@pytest.mark.parametrize(
    ("depends_on", "left"), [("Gone", {}), (["Gone"], {}), (["Gone", "Other"], {"DependsOn": ["Other"]})]
)
def test_nobody_waits_for_what_was_taken_out(depends_on, left):
    template = {"Resources": {"Gone": ALARM, "Queue": {**QUEUE, "DependsOn": depends_on}}}

    assert without(template, frozenset({"Gone"}))["Resources"]["Queue"] == {**QUEUE, **left}


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ({"Ref": "Gone"}, "not-emulated-Gone"),
        ({"Fn::GetAtt": ["Gone", "Arn"]}, "arn:aws:not-emulated:us-east-1:000000000000:Gone"),
        ({"Fn::GetAtt": "Gone.Name"}, "not-emulated-Gone"),
        ({"Fn::Sub": "${Gone.Arn}/${Queue}"}, {"Fn::Sub": "arn:aws:not-emulated:us-east-1:000000000000:Gone/${Queue}"}),
        ({"Fn::Sub": ["${X}", {"X": {"Ref": "Gone"}}]}, {"Fn::Sub": ["${X}", {"X": "not-emulated-Gone"}]}),
        ({"Fn::Sub": ["${Gone}", {"Gone": "mine"}]}, {"Fn::Sub": ["${Gone}", {"Gone": "mine"}]}),
        ({"Fn::Join": ["", ["a", {"Ref": "Gone"}]]}, {"Fn::Join": ["", ["a", "not-emulated-Gone"]]}),
    ],
)  # fmt: skip
def test_whoever_refers_to_it_gets_a_name_that_says_what_is_missing(reference, name):
    template = {"Resources": {"Gone": ALARM, "Queue": {**QUEUE, "Properties": {"QueueName": reference}}}}

    assert without(template, frozenset({"Gone"}))["Resources"]["Queue"]["Properties"] == {"QueueName": name}


def test_outputs_that_tell_of_it_go_and_exports_stay():
    template = {
        "Resources": {"Gone": ALARM},
        "Outputs": {
            "Told": {"Value": {"Ref": "Gone"}},
            "Kept": {"Value": {"Ref": "AWS::Region"}},
            "Exported": {"Value": {"Ref": "Gone"}, "Export": {"Name": "e"}},
        },
    }

    assert without(template, frozenset({"Gone"}))["Outputs"] == {
        "Kept": {"Value": {"Ref": "AWS::Region"}},
        "Exported": {"Value": "not-emulated-Gone", "Export": {"Name": "e"}},
    }
