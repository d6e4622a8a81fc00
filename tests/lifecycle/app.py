"""The app whose jobs live here: what its template says of the table, the routes, the workflows and the functions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from constructs_lib import Access, JobTracker, StorageFirstApi
from constructs_lib.stores import claim
from tests.constructs_lib.storage_first_api.routes import Route

REGION = "us-east-1"
ACCOUNT = "123456789012"
TABLE = "the-table"  # as `Route` renders every reference
WORK = "arn:aws:states:::work"  # of the one state of each workflow that does something to the world

# The shortest that may be: a key is free again while the stream still has the records of the job before.
EXPIRE_AFTER = Duration.hours(1)
TIMEOUT = Duration.hours(4)
ROUTES = {
    "add-gopher": "/gophers",
    "dig-hole": "/holes",  # several attempts, one at a time
    "map-burrow": "/burrows",  # by a state machine that knows nothing of jobs
    "paint-hole": "/paintings",  # Express
}
ATTEMPTS = {"dig-hole": 3}
MAX_RUNNING = {"dig-hole": 1}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A state machine."""

    definition: Mapping[str, Any]
    is_express: bool


@dataclass(frozen=True, kw_only=True)
class SynthesizedApp:
    """What is deployed of the app.

    Attributes:
        table: The arguments of `CreateTable`.
        routes: The methods of the API, by verb and path.
        machines: The state machines, by ARN.
        environment: The variables of the functions.
    """

    table: Mapping[str, Any]
    routes: Mapping[str, Route]
    machines: Mapping[str, Machine]
    environment: Mapping[str, str]


@cache
def synthesized() -> SynthesizedApp:
    stack = Stack(App(), "Stack")
    tracker = JobTracker(stack, "Jobs", expire_after=EXPIRE_AFTER)
    tracker.workflow("add-gopher", definition=tracker.progress(50, "Looking for a hole").next(_work(stack)))
    tracker.workflow(
        "dig-hole",
        definition=_work(stack),
        timeout=TIMEOUT,
        attempts=ATTEMPTS["dig-hole"],
        max_running=MAX_RUNNING["dig-hole"],
    )
    existing = sfn.DefinitionBody.from_chainable(_work(stack))
    tracker.workflow("map-burrow", state_machine=sfn.StateMachine(stack, "Existing", definition_body=existing))
    express = sfn.StateMachineType.EXPRESS
    tracker.workflow("paint-hole", definition=_work(stack), state_machine_type=express)
    access = Access.cognito([cognito.UserPool(stack, "Pool")], tenant=claim("custom:tenant"))
    api = StorageFirstApi(stack, "Api", access=access)
    for job_type, path in ROUTES.items():
        api.post(path, tracker.store(job_type, entity=f"{path}/{{id}}"))
    template = Template.from_stack(stack)

    def found(kind: str) -> Mapping[str, Mapping[str, Any]]:
        return {name: it["Properties"] for name, it in template.find_resources(kind).items()}

    machines = found("AWS::StepFunctions::StateMachine")
    (table,) = found("AWS::DynamoDB::GlobalTable").values()
    variables = [function["Environment"]["Variables"] for function in found("AWS::Lambda::Function").values()]
    return SynthesizedApp(
        table={
            "TableName": TABLE,
            **{name: table[name] for name in ("AttributeDefinitions", "BillingMode", "KeySchema")},
            "GlobalSecondaryIndexes": table["GlobalSecondaryIndexes"],
        },
        routes=Route.all_of(stack),
        machines={
            machine_arn(name): Machine(
                definition=json.loads(_deployed(machine["DefinitionString"])),
                is_express=machine.get("StateMachineType") == "EXPRESS",
            )
            for name, machine in machines.items()
        },
        environment={name: _deployed(value) for own in variables if "JOBS_TABLE" in own for name, value in own.items()},
    )


def machine_arn(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def _work(stack: Stack) -> sfn.CustomState:
    state = {"Type": "Task", "Resource": WORK, "TimeoutSeconds": 60}
    return sfn.CustomState(stack, f"Work{len(stack.node.children)}", state_json=state)


def _deployed(value: Any) -> str:
    """Write what CloudFormation makes of a value. The physical name of a state machine is its logical id."""
    known = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
    match value:
        case str(text) | {"Fn::GetAtt": [text, _]}:
            return text
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(_deployed, parts))
        case {"Fn::Select": [place, {"Fn::Split": [separator, text]}]}:
            return _deployed(text).split(separator)[int(place)]
        case {"Ref": name}:
            return known.get(name) or (TABLE if "Table" in name else machine_arn(name))
        case _:
            raise ValueError(f"The template has {value!r}, which this does not know.")
