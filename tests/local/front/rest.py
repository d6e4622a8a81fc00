"""Small REST API templates, and short ways to serve and call them."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from storage_first.local.front import Api, ApiKey, Backends, DeployedStack, build_app, define_apis
from storage_first.local.front.http import Headers, Response

Props = Mapping[str, Any]
Answer = Response | Callable[[], Response] | Exception

NOWHERE = "http://127.0.0.1:9"
MOCK = {
    "Type": "MOCK",
    "RequestTemplates": {"application/json": '{"statusCode": 200}'},
    "IntegrationResponses": [{"StatusCode": "200", "ResponseTemplates": {"application/json": '{"ok": true}'}}],
}


def mock(template: str, *, status: str = "200", **response: Any) -> Props:
    """A mock integration that answers with a rendered template."""
    answer = {"StatusCode": status, "ResponseTemplates": {"application/json": template}, **response}
    return {**MOCK, "IntegrationResponses": [answer]}


def service(
    uri: str, template: str | None = None, *, responses: Iterable[Props] = ({"StatusCode": "200"},), **more: Any
) -> Props:
    """An integration of type AWS."""
    return {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Uri": f"arn:aws:apigateway:us-east-1:{uri}",
        "RequestTemplates": {} if template is None else {"application/json": template},
        "IntegrationResponses": list(responses),
        **more,
    }


def answering(selection: str, status: str, **more: Any) -> Props:
    """An integration response."""
    return {"SelectionPattern": selection, "StatusCode": status, **more}


class Template:
    """A stack with one REST API."""

    def __init__(self, stage: Props | None = None, **api: Any) -> None:
        self.resources: dict[str, Props] = {
            "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "api", **api}},
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "prod", **(stage or {})},
            },
        }

    def add(self, logical_id: str, type_: str, **props: Any) -> "Template":
        self.resources[logical_id] = {"Type": f"AWS::ApiGateway::{type_}", "Properties": props}
        return self

    def part(self, logical_id: str, type_: str, **props: Any) -> "Template":
        return self.add(logical_id, type_, RestApiId={"Ref": "Api"}, **props)

    def method(self, route: str, integration: Props = MOCK, **props: Any) -> "Template":
        """Add a method by its route: `GET /pets/{id}`."""
        verb, path = route.split(" ")
        resource = self._resource([part for part in path.split("/") if part])
        return self.part(
            f"Method{len(self.resources)}",
            "Method",
            HttpMethod=verb,
            ResourceId=resource,
            Integration=integration,
            **props,
        )

    def _resource(self, parts: list[str]) -> Props:
        if not parts:
            return {"Fn::GetAtt": ["Api", "RootResourceId"]}
        logical_id = "Resource" + "".join(f"_{part}" for part in parts)
        if logical_id not in self.resources:
            parent = self._resource(parts[:-1])
            self.part(logical_id, "Resource", ParentId=parent, PathPart=parts[-1])
        return {"Ref": logical_id}

    def stack(self, **physical_ids: str) -> DeployedStack:
        ids = {logical_id: f"{logical_id.lower()}-id" for logical_id in self.resources}
        return DeployedStack(
            name="App",
            template={"Resources": self.resources},
            physical_ids={**ids, "Api": "a1b2c3", **physical_ids},
        )


class Script(Backends):
    """Backends that answer from a script, and remember what they were asked."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(NOWHERE)
        self.answers = list(answers)
        self.calls: list[httpx.Request] = []

    async def call(self, method: str, url: str, *, headers: Headers, body: bytes, seconds: float) -> Response:
        sent = [(name.encode(), value.encode()) for name, value in headers]
        self.calls.append(httpx.Request(method, url, headers=sent, content=body, extensions={"seconds": seconds}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    @property
    def sent(self) -> Any:
        """The JSON body of the only call."""
        (call,) = self.calls
        return json.loads(call.content)


def says(document: Any, *, status: int = 200, **headers: str) -> Response:
    """A backend's answer with a JSON body."""
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Response(status=status, headers=pairs, body=json.dumps(document).encode())


class Front:
    """A served API, called without asyncio."""

    def __init__(self, runner: asyncio.Runner, api: Api, backends: Backends) -> None:
        self.log: list[str] = []
        self.access_log: list[str] = []
        self.api = api
        self._runner = runner
        app = build_app(api, backends, log=self.log.append, access_log=self.access_log.append)
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))  # type: ignore[arg-type]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/prod")

    def __call__(self, route: str, **arguments: Any) -> httpx.Response:
        """Send a request by its route: `GET /pets/7`."""
        verb, path = route.split(" ")
        return self._runner.run(self.http.request(verb, path, **arguments))


class Fronts:
    """Opens fronts, and closes what they opened."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self._open: list[Backends | httpx.AsyncClient] = []

    def __call__(self, template: Template | DeployedStack, *answers: Answer, keys: Iterable[ApiKey] = ()) -> Front:
        """Serve a template's API before scripted backends."""
        return self.before(Script(*answers), template, keys=keys)

    def before(self, backends: Backends, template: Template | DeployedStack, *, keys: Iterable[ApiKey] = ()) -> Front:
        """Serve a template's API before some backends."""
        stack = template.stack() if isinstance(template, Template) else template
        (api,) = define_apis([stack], keys)
        front = Front(self.runner, api, backends)
        self._open += [backends, front.http]
        return front

    async def close(self) -> None:
        for opened in self._open:
            if isinstance(opened, httpx.AsyncClient):
                await opened.aclose()
            else:
                await opened.close()
