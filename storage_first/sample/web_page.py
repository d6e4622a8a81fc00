"""The page of Gopher Holes: files in S3, which API Gateway reads without compute in between."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import AWS_XML, is_type, refused
from constructs_lib.storage_first_api.integrations import DOCUMENTATION, Answer, ServiceCall
from constructs_lib.storage_first_api.route import Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib import Cors, JobNotifications, StorageFirstApi

_FILES = Path(__file__).parent / "page"
_SCRIPT = "text/javascript; charset=utf-8"
_PARTS = {
    "page.css": "text/css; charset=utf-8",
    "page.js": _SCRIPT,
    "api.js": _SCRIPT,
    "card.js": _SCRIPT,
    "form.js": _SCRIPT,
    "jobs.js": _SCRIPT,
    "push.js": _SCRIPT,
}
# Names stay the same when files change, so a browser asks each time whether its copy still is the one.
_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_AS_IT_IS = "$input.body"
# The page's addresses are relative to a path that ends with a slash.
_UNDER_A_SLASH = f"""#set($path = "$context.path")
#if($path.endsWith("/")){_AS_IT_IS}#{{else}}
#set($context.responseOverride.status = {HTTPStatus.PERMANENT_REDIRECT.value})
#set($context.responseOverride.header.Location = "$path/")
#end"""
_LINKS = {"add-gopher": "/gophers", "add-hole": "/holes", "jobs": "/jobs", "job": "/jobs/{id}"}


class WebPage(Construct):
    """A page that adds gophers and holes and shows what becomes of them, served at the root of an API.

    Its files are assets, which the CDK uploads. `GET /links` tells the page where everything is: routes of the API, by
    templates of RFC 6570, and the WebSocket.
    """

    def __init__(
        self, scope: Construct, id: str, *, api: StorageFirstApi, cors: Cors, notifications: JobNotifications
    ) -> None:
        """Define the routes.

        Args:
            scope: The scope.
            id: The id.
            api: The API that serves it.
            cors: Who may call the API from a browser.
            notifications: What pushes changes of jobs to the page.
        """
        super().__init__(scope, id)
        self._api = api
        policy = _content_security_policy(notifications.stage.url)
        html = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        self._serve("/", "index.html", html, template=_UNDER_A_SLASH)
        for name, content_type in _PARTS.items():
            self._serve(f"/page/{name}", name, {"Content-Type": content_type})
        self._serve_links(notifications.stage.url, cors.response_headers)

    def _serve(self, path: str, name: str, headers: Mapping[str, str], *, template: str = _AS_IT_IS) -> None:
        asset = Asset(self, name, path=str(_FILES / name))
        headers = {**_HEADERS, **headers}
        call = ServiceCall(
            service="s3",
            action="GetObject",
            path=f"{asset.s3_bucket_name}/{asset.s3_object_key}",
            http_method="GET",
            template=None,
            parameters={
                "header.If-None-Match": "method.request.header.If-None-Match",
                # What is JSON, API Gateway takes as text, whatever media types are bytes to the API.
                "querystring.response-content-type": "'application/json'",
            },
            headers={"If-None-Match": False},
            documentation={"summary": f"Read {name}"},
            answers=[
                _file(HTTPStatus.OK, headers, template),
                _file(HTTPStatus.NOT_MODIFIED, headers, ""),
                refused(outcome=r"(?!304)[34]\d{2}", error_format=AWS_XML),
                refused(
                    [(is_type("SlowDown"), problems.THROTTLED)],
                    outcome="503",
                    error_format=AWS_XML,
                    otherwise=problems.UNAVAILABLE,
                ),
            ],
        )
        self._api.add_service_method(
            Route(http_method="GET", path=path, access=self._api.access),
            call,
            target=self.node.path,
            grant=lambda grantee: iam.Grant.add_to_principal(
                grantee=grantee,
                actions=["s3:GetObject"],
                resource_arns=[asset.bucket.arn_for_objects(asset.s3_object_key)],
            ),
        )

    def _serve_links(self, push: str, headers: Mapping[str, str]) -> None:
        links = [{"rel": rel, "href": f"$base{path}"} for rel, path in _LINKS.items()]
        links.append({"rel": "push", "href": push})
        answered = problems.quoted({**headers, **_HEADERS, "Content-Type": "application/json"})
        parameters = {f"method.response.header.{name}": value for name, value in answered.items()}
        method = self._api.rest_api.root.add_resource("links").add_method(
            "GET",
            apigateway.MockIntegration(
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={"application/json": '{"statusCode": 200}'},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        status_code="200",
                        content_handling=apigateway.ContentHandling.CONVERT_TO_TEXT,
                        response_parameters=parameters,
                        response_templates={
                            "application/json": '#set($base = "$context.path")'
                            '#set($base = $base.substring(0, $base.lastIndexOf("/links")))'
                            f"{json.dumps({'links': links})}"
                        },
                    )
                ],
            ),
            method_responses=[
                apigateway.MethodResponse(status_code="200", response_parameters=dict.fromkeys(parameters, False))
            ],
        )
        noted = {"summary": "Tell where everything is"}
        cast("apigateway.CfnMethod", method.node.default_child).add_metadata(DOCUMENTATION, noted)


def _file(status: HTTPStatus, headers: Mapping[str, str], template: str) -> Answer:
    return Answer(
        outcome=str(status.value), status=status, template=template, headers=headers, passed_on={"ETag": "ETag"}
    )


def _content_security_policy(push: str) -> str:
    """Let the page load nothing but its own files, and talk to nobody but its API and `push`."""
    return "; ".join(
        (
            "default-src 'none'",
            "base-uri 'none'",
            f"connect-src 'self' {push}",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "img-src data:",
            "require-trusted-types-for 'script'",
            "script-src 'self'",
            "style-src 'self'",
            "trusted-types 'none'",
        )
    )
