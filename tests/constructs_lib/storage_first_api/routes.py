"""A synthesized method, driven by hand: what it sends to the service, and what it answers to the service's answers."""

import json
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aws_cdk.assertions import Template

from storage_first.testing import render_template


@dataclass(frozen=True)
class Route:
    """One method of a synthesized API."""

    integration: dict

    @classmethod
    def of(cls, stack, http_method, index=0):
        """The route that stores (POST, PUT), or the one that shows what was stored (GET)."""
        beside = ("/jobs", "/retry")  # what jobs have besides
        routes = cls.all_of(stack).items()
        chosen = [route for name, route in routes if name.startswith(http_method) and not name.endswith(beside)]
        return chosen[index]

    @classmethod
    def all_of(cls, stack):
        """The methods of a stack's APIs, by verb and path."""
        template = Template.from_stack(stack)
        resources = template.find_resources("AWS::ApiGateway::Resource")

        def path(resource):
            if "Ref" not in resource:
                return ""
            properties = resources[resource["Ref"]]["Properties"]
            return f"{path(properties['ParentId'])}/{properties['PathPart']}"

        methods = [method["Properties"] for method in template.find_resources("AWS::ApiGateway::Method").values()]
        return {
            f"{method['HttpMethod']} {path(method['ResourceId'])}": cls(method["Integration"]) for method in methods
        }

    @property
    def request_template(self):
        return text(self.integration["RequestTemplates"]["application/json"])

    def response(self, status):
        """The integration response that API Gateway selects for the service's status."""
        catch_all = None
        for response in self.integration["IntegrationResponses"]:
            pattern = response.get("SelectionPattern")
            if pattern is None:
                catch_all = response
            elif re.fullmatch(pattern, str(status)):
                return response
        return catch_all

    def request(self, **event):
        """What the service is sent for a caller's request; of a form, its fields."""
        text = self.rendered(**event)
        if "urlencoded" in self.integration["RequestParameters"].get("integration.request.header.Content-Type", ""):
            return once(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict"))
        return json.loads(text, object_pairs_hook=once)

    def rendered(self, **event):
        """What the service is sent for a caller's request, as text."""
        return render_template(self.request_template, **event).text

    def stored(self, **event):
        """The item that DynamoDB is asked to store, without types; nothing where the request is refused."""
        request = self.request(**event)
        if request["ReturnValues"] != "ALL_NEW":
            return None
        names = request["ExpressionAttributeNames"]
        values = request["ExpressionAttributeValues"]
        attributes = {
            name: values[f":{placeholder[1:]}"]
            for placeholder, name in names.items()
            if f":{placeholder[1:]}" in values
        }
        return {name: plain(value) for name, value in {**request["Key"], **attributes}.items()}

    def answer(self, status, body, **event):
        """What the caller is told for an answer of the service: status, headers, body."""
        response = self.response(status)
        rendered = render_template(
            text(response["ResponseTemplates"]["application/json"]),
            body=body if isinstance(body, str) else json.dumps(body),
            **event,
        )
        static = {
            name.removeprefix("method.response.header."): value.strip("'")
            for name, value in response["ResponseParameters"].items()
        }
        told = rendered.status or int(response["StatusCode"])
        return told, {**static, **rendered.headers}, json.loads(rendered.text)


def once(pairs):
    """A mapping of names that are each there once: what a service makes of others is its own affair."""
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a name is there twice: {names}"
    return dict(pairs)


def text(value):
    """Render a template's text as deployed, with placeholders for what deployment knows."""
    match value:
        case str():
            return value
        case {"Fn::Join": [separator, parts]}:
            return separator.join(map(text, parts))
        case _:
            return "the-table"


def plain(attribute):
    """A value of DynamoDB without its type; numbers as they were written."""
    match attribute:
        case {"M": members}:
            return {name: plain(value) for name, value in members.items()}
        case {"L": items}:
            return [plain(value) for value in items]
        case _:
            (value,) = attribute.values()
            return value
