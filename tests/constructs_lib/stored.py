"""What the tests of StoredQueue, StoredStream and DeviceTopic ask of a stack."""

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

EXPRESS = sfn.StateMachineType.EXPRESS
STANDARD = sfn.StateMachineType.STANDARD


def a_function(stack: Stack, id: str = "Work", timeout: Duration | None = None) -> lambda_.Function:
    return lambda_.Function(
        stack,
        id,
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        timeout=timeout,
    )


def a_machine(stack: Stack, kind: sfn.StateMachineType = STANDARD) -> sfn.StateMachine:
    body = sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Done"))
    return sfn.StateMachine(stack, "Machine", definition_body=body, state_machine_type=kind)


def resources(stack: Stack, kind: str | None = None) -> dict[str, dict[str, Any]]:
    template = Template.from_stack(stack).to_json()["Resources"]
    return {id: it for id, it in template.items() if kind in {None, it["Type"]}}


def the_resource(stack: Stack, kind: str) -> dict[str, Any]:
    """The properties of the only resource of a kind."""
    (resource,) = resources(stack, kind).values()
    return resource["Properties"]


def properties(stack: Stack, construct: Any) -> dict[str, Any]:
    return resources(stack)[logical_id(stack, construct)]["Properties"]


def logical_id(stack: Stack, construct: Any) -> str:
    return stack.get_logical_id(construct.node.default_child)


def allowed(stack: Stack, role: Any) -> dict[str, list[Any]]:
    """The resources of each action that a role's policies allow."""
    role_ref = {"Ref": logical_id(stack, role)}
    found: dict[str, list[Any]] = {}
    for policy in resources(stack, "AWS::IAM::Policy").values():
        if role_ref in policy["Properties"]["Roles"]:
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                for action in _listed(statement["Action"]):
                    found.setdefault(action, []).extend(_listed(statement["Resource"]))
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
