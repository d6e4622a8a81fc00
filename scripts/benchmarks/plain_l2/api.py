"""The API: what stores requests, what shows jobs and gophers, and what refuses."""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

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
_STORED = """#set($item = $input.path('$.Attributes'))
#set($context.responseOverride.header.Location = "/jobs/$item.id.S")
{"id": "$item.id.S", "status": "$item.status.S"}"""
_FOUND = """#set($job = $input.path('$.Items[0]')){"id": "$job.id.S", "status": "$job.status.S"}"""


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
        show_gopher: lambda_.Function,
        access_log: logs.LogGroup,
    ) -> None:
        """Define the API and its routes.

        Args:
            scope: The scope.
            id: The id.
            jobs: The table of jobs.
            show_gopher: Serves `GET /gophers/{gopherId}`.
            access_log: Where each request is logged.
        """
        super().__init__(scope, id)
        self._jobs = jobs
        self.rest_api = self._define(access_log)
        self._refuse()
        self._validator = self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        root = self.rest_api.root
        job, holes, gophers = (root.resource_for_path(path) for path in ("/jobs/{jobId}", "/holes", "/gophers"))
        self._add_service_route(job, "GET", "Query", _LOOK_UP, _answers("200", _FOUND))
        location = _text()
        self._store(
            holes, {"location": location, "depth": apigateway.JsonSchema(type=apigateway.JsonSchemaType.NUMBER)}
        )
        self._store(gophers, {"location": location, "name": _text()})
        gophers.add_resource("{gopherId}").add_method("GET", apigateway.LambdaIntegration(show_gopher))

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

    def _store(self, resource: apigateway.Resource, properties: Mapping[str, apigateway.JsonSchema]) -> None:
        schema = apigateway.JsonSchema(
            schema=apigateway.JsonSchemaVersion.DRAFT4,
            type=apigateway.JsonSchemaType.OBJECT,
            properties=properties,
            required=["location"],
            additional_properties=False,
        )
        model = apigateway.Model(resource, "Body", rest_api=self.rest_api, schema=schema)
        self._add_service_route(resource, "POST", "UpdateItem", _STORE, _answers("202", _STORED), model=model)

    def _add_service_route(
        self,
        resource: apigateway.Resource,
        http_method: str,
        action: str,
        template: str,
        answers: Sequence[apigateway.IntegrationResponse],
        *,
        model: apigateway.Model | None = None,
    ) -> None:
        role = iam.Role(resource, f"{http_method}Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=[f"dynamodb:{action}"], resources=[self._jobs.table_arn]))
        integration = apigateway.AwsIntegration(
            service="dynamodb",
            action=action,
            integration_http_method="POST",
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={"application/json": template % self._jobs.table_name},
                integration_responses=answers,
            ),
        )
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
            request_parameters={"method.request.header.Idempotency-Key": False} if model else None,
        )


def _answers(status: str, template: str) -> list[apigateway.IntegrationResponse]:
    """Map DynamoDB's outcomes: the good one, its refusals, its failures, and everything else."""
    problem = '{"type": "about:blank", "title": "%s", "status": %s, "instance": "$context.extendedRequestId"}'
    cases = [
        ("200", status, template, "application/json"),
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
                for name, value in {**_CORS, "Content-Type": f"'{media_type}'"}.items()
            },
        )
        for pattern, code, text, media_type in cases
    ]


def _text() -> apigateway.JsonSchema:
    return apigateway.JsonSchema(type=apigateway.JsonSchemaType.STRING, min_length=1, max_length=100)
