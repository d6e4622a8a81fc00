import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk.assertions import Template

from constructs_lib.job_tracker import JobTracker


class Synthesized:
    """A tracker with two workflows, as CloudFormation gets it."""

    def __init__(self, stack: Stack, tracker: JobTracker) -> None:
        self.stack = stack
        self.tracker = tracker
        self.template = Template.from_stack(stack)
        self.resources: dict[str, Any] = self.template.to_json()["Resources"]

    def logical_id(self, construct: Any) -> str:
        return self.stack.get_logical_id(construct.node.default_child)

    def resource(self, construct: Any) -> dict[str, Any]:
        return self.resources[self.logical_id(construct)]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [resource for resource in self.resources.values() if resource["Type"] == kind]

    def allowed(self, role: Any) -> dict[str, list[Any]]:
        """The resources of each action that a role's policies allow."""
        role_id = self.logical_id(role)
        allowed: dict[str, list[Any]] = {}
        for policy in (*self.of_type("AWS::IAM::Policy"), *self.of_type("AWS::IAM::ManagedPolicy")):
            if {"Ref": role_id} in policy["Properties"]["Roles"]:
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                    for action in _listed(statement["Action"]):
                        allowed.setdefault(action, []).extend(_listed(statement["Resource"]))
        return allowed

    def definition(self, machine: sfn.StateMachine) -> dict[str, Any]:
        """The machine's definition, with `{logical id}` for what CloudFormation fills in."""
        joined = self.resource(machine)["Properties"]["DefinitionString"]
        return json.loads(flat(joined))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """Write a `Fn::Join` as text, with `{logical id}` for each reference."""
    if isinstance(value, str):
        return value
    (function, argument), *_ = value.items()
    if function == "Fn::Join":
        return argument[0].join(flat(part) for part in argument[1])
    return "{" + (argument if isinstance(argument, str) else ".".join(map(str, argument))) + "}"


@pytest.fixture(scope="package")
def synthesized() -> Synthesized:
    stack = Stack(App(), "Stack")
    tracker = JobTracker(stack, "Jobs")
    greeter = lambda_.Function(
        stack,
        "Greeter",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    greet = tasks.LambdaInvoke(
        stack, "Greet", lambda_function=greeter, task_timeout=sfn.Timeout.duration(Duration.seconds(5))
    )
    tracker.workflow("AddGopher", definition=tracker.progress(10, "Greeting").next(greet))
    tracker.workflow("DigHole", definition=sfn.Pass(stack, "Dig"), timeout=Duration.days(90))
    return Synthesized(stack, tracker)
