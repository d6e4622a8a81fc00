"""The API: what stores requests, what shows them, and what refuses."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from scripts.benchmarks.plain_l2.observations import Observations

_PROBLEM = "application/problem+json"
_CORS = {"Access-Control-Allow-Origin": "'*'", "Access-Control-Expose-Headers": "'Location,Retry-After'"}
_REFUSALS = {
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "UNAUTHORIZED": 401,
    "ACCESS_DENIED": 403,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "EXPIRED_TOKEN": 403,
    "WAF_FILTERED": 403,
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "RESOURCE_NOT_FOUND": 404,
    "REQUEST_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "THROTTLED": 429,
    "QUOTA_EXCEEDED": 429,
    "INTEGRATION_FAILURE": 503,
    "INTEGRATION_TIMEOUT": 503,
    "DEFAULT_5XX": 500,
}
_STORE = """{"TableName": "%s", "Key": {"pk": {"S": "default#$context.requestId"}},
"UpdateExpression": "SET #status = if_not_exists(#status, :status), #input = if_not_exists(#input, :input)",
"ConditionExpression": "attribute_not_exists(#pk) OR #input = :input", "ReturnValues": "ALL_NEW",
"ExpressionAttributeNames": {"#pk": "pk", "#status": "status", "#input": "input"},
"ExpressionAttributeValues": {":status": {"S": "Pending"}, ":input": {"S": "$util.escapeJavaScript($input.body)"}}}"""
_LOOK_UP = """{"TableName": "%s", "ConsistentRead": true, "KeyConditionExpression": "pk = :pk",
"ExpressionAttributeValues": {":pk": {"S": "default#$util.escapeJavaScript($input.params().path.get('jobId'))"}}}"""
_LIST = """{"TableName": "%s", "IndexName": "newest", "KeyConditionExpression": "tenant = :tenant", "Limit": 50,
"ScanIndexForward": false, "ExpressionAttributeValues": {":tenant": {"S": "default"}}}"""
_CHANGE = """{"TableName": "%s",
"Key": {"pk": {"S": "default#$util.escapeJavaScript($input.params().path.get('jobId'))"}},
"UpdateExpression": "SET #status = :status", "ConditionExpression": "attribute_exists(pk)", "ReturnValues": "ALL_NEW",
"ExpressionAttributeNames": {"#status": "status"}, "ExpressionAttributeValues": {":status": {"S": "%s"}}}"""
_LISTED = """{"jobs": [#foreach($job in $input.path('$.Items')){"id": "$job.id.S"}#if($foreach.hasNext),#end#end]}"""
_STORED = """#set($item = $input.path('$.Attributes'))
#set($context.responseOverride.header.Location = "/jobs/$item.id.S")
{"id": "$item.id.S", "status": "$item.status.S"}"""
_FOUND = """#set($job = $input.path('$.Items[0]')){"id": "$job.id.S", "status": "$job.status.S"}"""
_SEND = """Action=SendMessage&MessageGroupId=$util.urlEncode($input.path('$.gopherId'))
&MessageDeduplicationId=$context.requestId&MessageBody=$util.urlEncode($input.body)"""
_SENT = """{"id": "$input.path('$.SendMessageResponse.SendMessageResult.MessageId')", "status": "Stored"}"""
_PUT_RECORD = """{"StreamName": "%s", "Data": "$util.base64Encode($input.body)",
"PartitionKey": "$util.escapeJavaScript($input.path('$.holeId'))"}"""
_PUT = """{"id": "$input.path('$.SequenceNumber')", "status": "Stored"}"""
_PAGE = Path(__file__).parents[3] / "storage_first" / "sample" / "page"
_FILES = {
    "/": "index.html",
    **{f"/page/{name}": name for name in sorted(file.name for file in _PAGE.iterdir()) if name != "index.html"},
}
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_LINKS = """{"links": [{"rel": "jobs", "href": "/$context.stage/jobs"}, {"rel": "push", "href": "%s"}]}"""
_STORED_PHOTO = """{"id": "$context.extendedRequestId", "status": "Stored"}"""


class Api(Construct):
    """The REST API.

    Attributes:
        rest_api: It.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        jobs: dynamodb.TableV2,
        observations: Observations,
        show: lambda_.Function,
        push: str,
        access_log: logs.LogGroup,
    ) -> None:
        """Define the API and its routes.

        Args:
            scope: The scope.
            id: The id.
            jobs: The table of jobs.
            observations: Where sightings, readings and photographs are stored.
            show: Serves `GET` of gophers, holes and photographs.
            push: The address of the WebSocket.
            access_log: Where each request is logged.
        """
        super().__init__(scope, id)
        self.rest_api = self._define(access_log)
        self._refuse()
        self._validator = self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        self._add_jobs(jobs)
        self._add_observations(observations)
        for path in ("/gophers/{gopherId}", "/holes/{holeId}", "/photos/{name}"):
            self._at(path).add_method("GET", apigateway.LambdaIntegration(show))
        self._add_page(push)

    def _add_jobs(self, jobs: dynamodb.TableV2) -> None:
        job, holes, gophers = (self._at(path) for path in ("/jobs/{jobId}", "/holes", "/gophers"))
        reader = _role(job, "dynamodb:Query", jobs.table_arn)
        self._add_service_route(
            job,
            "GET",
            _answers("200", _FOUND),
            reader,
            service="dynamodb",
            action="Query",
            template=_LOOK_UP % jobs.table_name,
        )
        self._add_service_route(
            self._at("/jobs"),
            "GET",
            _answers("200", _LISTED),
            reader,
            service="dynamodb",
            action="Query",
            template=_LIST % jobs.table_name,
        )
        role = _role(holes, "dynamodb:UpdateItem", jobs.table_arn)
        for path, method in (("/jobs/{jobId}", "DELETE"), ("/jobs/{jobId}/retry", "POST")):
            self._add_service_route(
                self._at(path),
                method,
                _answers("200", _STORED),
                role,
                service="dynamodb",
                action="UpdateItem",
                template=_CHANGE % (jobs.table_name, "Cancelled" if method == "DELETE" else "Pending"),
            )
        number = apigateway.JsonSchema(type=apigateway.JsonSchemaType.NUMBER)
        for resource, properties in (
            (holes, {"location": _text(), "depth": number}),
            (gophers, {"location": _text(), "name": _text()}),
        ):
            self._add_service_route(
                resource,
                "POST",
                _answers("202", _STORED),
                role,
                service="dynamodb",
                action="UpdateItem",
                template=_STORE % jobs.table_name,
                model=self._model(resource, properties),
            )

    def _add_observations(self, observations: Observations) -> None:
        sightings, telemetry, photo = (self._at(path) for path in ("/sightings", "/telemetry", "/photos/{name}"))
        queue, stream, photos = observations.sightings, observations.readings, observations.photos
        self._add_service_route(
            sightings,
            "POST",
            _answers("202", _SENT),
            _role(sightings, "sqs:SendMessage", queue.queue_arn),
            service="sqs",
            path=f"{Stack.of(self).account}/{queue.queue_name}",
            template=_SEND,
            parameters={"header.Content-Type": "'application/x-www-form-urlencoded'"},
            model=self._model(sightings, {"gopherId": _text(), "location": _text()}),
        )
        self._add_service_route(
            telemetry,
            "POST",
            _answers("202", _PUT),
            _role(telemetry, "kinesis:PutRecord", stream.stream_arn),
            service="kinesis",
            action="PutRecord",
            template=_PUT_RECORD % stream.stream_name,
            model=self._model(telemetry, {"holeId": _text()}),
        )
        self._add_service_route(
            photo,
            "POST",
            _answers("202", _STORED_PHOTO),
            _role(photo, "s3:PutObject", photos.arn_for_objects("*")),
            service="s3",
            path=f"{photos.bucket_name}/{{name}}",
            integration_method="PUT",
            parameters={"path.name": "method.request.path.name"},
        )

    def _add_page(self, push: str) -> None:
        role = iam.Role(self, "PageRole", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        for path, name in _FILES.items():
            file = Asset(self, name, path=str(_PAGE / name))
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["s3:GetObject"], resources=[file.bucket.arn_for_objects(file.s3_object_key)]
                )
            )
            self._add_service_route(
                self._at(path),
                "GET",
                _answers("200", "$input.body", _MEDIA_TYPES[Path(name).suffix]),
                role,
                service="s3",
                path=f"{file.s3_bucket_name}/{file.s3_object_key}",
                integration_method="GET",
            )
        answer = apigateway.IntegrationResponse(
            status_code="200", response_templates={"application/json": _LINKS % push}
        )
        self._at("/links").add_method(
            "GET",
            apigateway.MockIntegration(
                request_templates={"application/json": '{"statusCode": 200}'}, integration_responses=[answer]
            ),
            method_responses=[apigateway.MethodResponse(status_code="200")],
        )

    def _at(self, path: str) -> apigateway.Resource:
        return self.rest_api.root.resource_for_path(path)

    def _define(self, access_log: logs.LogGroup) -> apigateway.RestApi:
        return apigateway.RestApi(
            self,
            "RestApi",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,
            deploy_options=apigateway.StageOptions(
                tracing_enabled=True,
                metrics_enabled=True,
                throttling_rate_limit=500,
                throttling_burst_limit=1000,
                access_log_destination=apigateway.LogGroupLogDestination(access_log),
                access_log_format=apigateway.AccessLogFormat.custom(
                    json.dumps({"requestId": "$context.requestId", "status": "$context.status"})
                ),
            ),
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=["*"],
                allow_headers=["Content-Type", "Idempotency-Key"],
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            ),
        )

    def _refuse(self) -> None:
        for type_, status in _REFUSALS.items():
            self.rest_api.add_gateway_response(
                type_,
                type=apigateway.ResponseType.of(type_),
                status_code=str(status),
                response_headers={**_CORS, "Content-Type": f"'{_PROBLEM}'"},
                templates={"application/json": json.dumps({"type": "about:blank", "status": status})},
            )

    def _model(
        self, resource: apigateway.Resource, properties: Mapping[str, apigateway.JsonSchema]
    ) -> apigateway.Model:
        schema = apigateway.JsonSchema(
            schema=apigateway.JsonSchemaVersion.DRAFT4,
            type=apigateway.JsonSchemaType.OBJECT,
            properties=properties,
            required=sorted(properties),
            additional_properties=False,
        )
        return apigateway.Model(resource, "Body", rest_api=self.rest_api, schema=schema)

    def _add_service_route(
        self,
        resource: apigateway.Resource,
        http_method: str,
        answers: Sequence[apigateway.IntegrationResponse],
        role: iam.Role,
        *,
        service: str,
        action: str | None = None,
        path: str | None = None,
        integration_method: str = "POST",
        template: str | None = None,
        parameters: Mapping[str, str] | None = None,
        model: apigateway.Model | None = None,
    ) -> None:
        never, always = apigateway.PassthroughBehavior.NEVER, apigateway.PassthroughBehavior.WHEN_NO_TEMPLATES
        integration = apigateway.AwsIntegration(
            service=service,
            action=action,
            path=path,
            integration_http_method=integration_method,
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=never if template else always,
                request_templates={"application/json": template} if template else None,
                request_parameters={f"integration.request.{name}": value for name, value in (parameters or {}).items()},
                integration_responses=answers,
            ),
        )
        names = [part[1:-1] for part in resource.path.split("/") if part.startswith("{")]
        resource.add_method(
            http_method,
            integration,
            method_responses=[
                apigateway.MethodResponse(
                    status_code=answer.status_code,
                    response_parameters=dict.fromkeys(answer.response_parameters or {}, False),
                    response_models={"application/json": apigateway.Model.EMPTY_MODEL},
                )
                for answer in {answer.status_code: answer for answer in answers}.values()
            ],
            request_validator=self._validator,
            request_models={"application/json": model, "$default": model} if model else None,
            request_parameters={
                **{f"method.request.path.{name}": True for name in names},
                **({"method.request.header.Idempotency-Key": False} if model else {}),
            },
        )


def _role(resource: apigateway.Resource, action: str, arn: str) -> iam.Role:
    """Let API Gateway do one thing to one resource."""
    role = iam.Role(resource, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[arn]))
    return role


def _answers(status: str, template: str, media_type: str = "application/json") -> list[apigateway.IntegrationResponse]:
    """Map a service's outcomes: the good one, its refusals, its failures, and everything else."""
    problem = '{"type": "about:blank", "title": "%s", "status": %s, "instance": "$context.extendedRequestId"}'
    cases = [
        ("200", status, template, media_type),
        ("400", "500", problem % ("Internal Server Error", 500), _PROBLEM),
        (r"5\d{2}", "503", problem % ("Service Unavailable", 503), _PROBLEM),
        (None, "500", problem % ("Internal Server Error", 500), _PROBLEM),
    ]
    return [
        apigateway.IntegrationResponse(
            selection_pattern=pattern,
            status_code=code,
            response_templates={"application/json": text},
            response_parameters={
                f"method.response.header.{name}": value
                for name, value in {**_CORS, "Content-Type": f"'{type_}'"}.items()
            },
        )
        for pattern, code, text, type_ in cases
    ]


def _text() -> apigateway.JsonSchema:
    return apigateway.JsonSchema(type=apigateway.JsonSchemaType.STRING, min_length=1, max_length=100)
