import json
from pathlib import Path

import pytest

from storage_first.local.front import define_apis, read_stacks
from tests.local.front.rest import Template, mock
from tests.local.sides import Side, unique


def manifest(directory: Path, artifacts: dict[str, object]) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "manifest.json").write_text(json.dumps({"version": "50.0.0", "artifacts": artifacts}))


def stack_artifact(name: str) -> dict[str, object]:
    properties = {"templateFile": f"{name}.template.json", "stackName": name}
    return {"type": "aws:cloudformation:stack", "properties": properties}


@pytest.fixture
def deploy(closed: Side, tmp_path: Path):
    """Deploys a template as a stack of the assembly in `tmp_path`."""

    def deploy(template: dict[str, object], name: str) -> None:
        text = json.dumps(template)
        (tmp_path / f"{name}.template.json").write_text(text)
        closed.cloudformation.create_stack(StackName=name, TemplateBody=text)
        closed.cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    return deploy


def rest_api(text: str) -> dict[str, object]:
    template = Template().method("GET /inner", mock(f'"{text}"'))
    deployment = {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}}
    template.resources["Deployment"] = deployment
    template.resources["Stage"]["Properties"]["DeploymentId"] = {"Ref": "Deployment"}
    return {"Resources": template.resources}


def test_apis_of_nested_stacks_are_found(closed: Side, tmp_path: Path, deploy):
    bucket, name = unique("templates"), unique("Outer")
    nested = json.dumps(rest_api("nested"))
    (tmp_path / "inner.nested.template.json").write_text(nested)
    closed.s3.create_bucket(Bucket=bucket)
    closed.s3.put_object(Bucket=bucket, Key="inner.json", Body=nested)
    resource = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": f"{closed.endpoint}/{bucket}/inner.json"},
        "Metadata": {"aws:asset:path": "inner.nested.template.json"},
    }
    deploy({"Resources": {"Inner": resource}}, name)
    manifest(tmp_path, {name: stack_artifact(name)})

    (api,) = define_apis(read_stacks(closed.endpoint, tmp_path))

    assert [resource.path for resource in api.resources] == ["/inner"]
    assert not api.problems


def test_apis_of_cdk_stages_are_found(closed: Side, tmp_path: Path, deploy):
    name = unique("Staged")
    deploy(rest_api("staged"), name)
    inside = tmp_path / "assembly-test"
    manifest(inside, {name: stack_artifact(name)})
    (tmp_path / f"{name}.template.json").rename(inside / f"{name}.template.json")
    manifest(tmp_path, {"Test": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-test"}}})

    (api,) = define_apis(read_stacks(closed.endpoint, tmp_path))

    assert (api.stack, [*api.stages]) == (name, ["prod"])


def test_stacks_that_were_not_deployed_are_left_out(closed: Side, tmp_path: Path):
    (tmp_path / "Absent.template.json").write_text(json.dumps(rest_api("absent")))
    manifest(tmp_path, {"Absent": stack_artifact("Absent"), "Tree": {"type": "cdk:tree"}})

    assert read_stacks(closed.endpoint, tmp_path) == []
