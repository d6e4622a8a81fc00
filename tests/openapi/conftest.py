import json

import pytest

from storage_first.openapi import choose, describe, read_apis

PROBLEM = "application/problem+json"


class Assembly:
    """A cloud assembly, written by hand: each stack is a template."""

    def __init__(self, directory):
        self.directory = directory
        self.manifest = {"artifacts": {}}

    def add(self, name, resources, *, outputs=None):
        file = f"{name}.template.json"
        self.write(file, {"Resources": resources, "Outputs": outputs or {}})
        stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": file}}
        self.manifest["artifacts"][name] = stack
        self.write("manifest.json", self.manifest)

    def write(self, file, content):
        (self.directory / file).write_text(json.dumps(content))

    def apis(self):
        return read_apis(self.directory)

    def describe(self, **arguments):
        return describe(choose(self.apis()), **arguments)


@pytest.fixture
def assembly(tmp_path):
    return Assembly(tmp_path)


class Rest:
    """The resources of one REST API that speaks the contract."""

    def __init__(self, name="Orders API", **properties):
        self.resources = {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": name, **properties}}}
        self.add("Stage", "prod", "Stage", StageName="prod")
        self.refusal("THROTTLED", 429, "Too many requests.", {"Retry-After": "'1'"})
        self.refusal("DEFAULT_5XX", 500, "The API cannot serve this request.")

    def add(self, kind, name, logical_id=None, *, metadata=None, **properties):
        self.resources[logical_id or f"{kind}{name}"] = {
            "Type": f"AWS::ApiGateway::{kind}",
            "Properties": {"RestApiId": {"Ref": "Api"}, **properties},
            **({"Metadata": metadata} if metadata else {}),
        }

    def refusal(self, type, status, detail, headers=None):
        body = {"type": "about:blank", "title": "x", "status": status, "detail": detail, "instance": "$context.id"}
        headers = {"Content-Type": f"'{PROBLEM}'", **(headers or {})}
        self.add(
            "GatewayResponse",
            type,
            ResponseType=type,
            StatusCode=str(status),
            ResponseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            ResponseTemplates={"application/json": json.dumps(body)},
        )

    def method(self, http_method, path, *, metadata=None, **properties):
        parent = {"Fn::GetAtt": ["Api", "RootResourceId"]}
        walked = ""
        for part in path.strip("/").split("/"):
            walked += f"/{part}"
            self.add("Resource", walked, ParentId=parent, PathPart=part)
            parent = {"Ref": f"Resource{walked}"}
        integration = {"Type": "AWS", "IntegrationResponses": [answers(200, "{}")]}
        self.add(
            "Method",
            f"{http_method}{path}",
            metadata={"StorageFirst::Route": metadata} if metadata else None,
            HttpMethod=http_method,
            ResourceId=parent,
            **{"Integration": integration, **properties},
        )


def answers(status, template, **headers):
    """An integration response; headers are named with underscores."""
    return {
        "StatusCode": str(status),
        "ResponseTemplates": {"application/json": template},
        "ResponseParameters": {
            f"method.response.header.{name.replace('_', '-')}": value for name, value in headers.items()
        },
    }


@pytest.fixture
def rest():
    return Rest()


@pytest.fixture
def described(assembly, rest):
    """Describe the API of `rest`."""

    def describe_it(**arguments):
        assembly.add("Orders", rest.resources)
        return assembly.describe(**arguments)

    return describe_it
