"""A REST API of plain constructs, with what the front has to serve: functions, services, models, keys."""

import sys

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

JSON = "application/json"
PROXY = """
import json
def handler(event, context):
    if event["queryStringParameters"]:
        raise ValueError("boom")
    return {"statusCode": 201, "headers": {"X-Function": "1"}, "body": json.dumps(event["pathParameters"])}
"""


class Pets(cdk.Stack):
    def __init__(self, scope, id):
        super().__init__(scope, id, synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False))
        log = logs.LogGroup(self, "Log")
        self.api = apigateway.RestApi(
            self,
            "Api",
            cloud_watch_role=False,
            default_cors_preflight_options=apigateway.CorsOptions(allow_origins=["https://pets.test"]),
            deploy_options=apigateway.StageOptions(
                access_log_destination=apigateway.LogGroupLogDestination(log),
                access_log_format=apigateway.AccessLogFormat.custom(
                    '{"id": "$context.requestId", "path": "$context.path", "status": $context.status}'
                ),
                variables={"greeting": "hello"},
            ),
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        self.functions()
        self.table()
        self.queue()
        self.key()

    def functions(self):
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_12,
            handler="index.handler",
            code=lambda_.Code.from_inline(PROXY),
        )
        resource = self.api.root.add_resource("functions").add_resource("{name}")
        resource.add_method("GET", apigateway.LambdaIntegration(function))

    def table(self):
        table = dynamodb.Table(
            self, "Table", partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
        )
        table.grant_read_write_data(self.role)
        model = self.api.add_model(
            "Pet",
            schema=apigateway.JsonSchema(
                type=apigateway.JsonSchemaType.OBJECT,
                required=["name"],
                properties={"name": apigateway.JsonSchema(type=apigateway.JsonSchemaType.STRING)},
            ),
        )
        item = (
            f'{{"TableName": "{table.table_name}", "ConditionExpression": "attribute_not_exists(pk)", "Item": '
            """{"pk": {"S": "$util.escapeJavaScript($input.path('$.name')).replaceAll("\\\\'","'")"},"""
            """ "raw": {"S": "$util.escapeJavaScript($input.body).replaceAll("\\\\'","'")"}}}"""
        )
        exists = """#if($input.path('$.__type') == 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException')
#set($context.responseOverride.status = 409){"title": "exists"}#else{"title": "bad"}#end"""
        responses = [
            apigateway.IntegrationResponse(
                status_code="202", response_templates={JSON: '{"id": "$context.requestId"}'}
            ),
            apigateway.IntegrationResponse(
                status_code="400", selection_pattern="4\\d{2}", response_templates={JSON: exists}
            ),
        ]
        self.api.root.add_resource("pets").add_method(
            "POST",
            apigateway.AwsIntegration(
                service="dynamodb",
                action="PutItem",
                options=apigateway.IntegrationOptions(
                    credentials_role=self.role,
                    request_templates={JSON: item},
                    passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                    integration_responses=responses,
                ),
            ),
            request_models={JSON: model},
            request_validator_options=apigateway.RequestValidatorOptions(validate_request_body=True),
            method_responses=[apigateway.MethodResponse(status_code=status) for status in ("202", "400", "409")],
        )

    def queue(self):
        queue = sqs.Queue(self, "Queue")
        queue.grant_send_messages(self.role)
        self.api.root.add_resource("messages").add_method(
            "POST",
            apigateway.AwsIntegration(
                service="sqs",
                path=f"{self.account}/{queue.queue_name}",
                options=apigateway.IntegrationOptions(
                    credentials_role=self.role,
                    request_parameters={
                        "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"
                    },
                    request_templates={JSON: "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"},
                    integration_responses=[
                        apigateway.IntegrationResponse(
                            status_code="202",
                            response_templates={
                                JSON: "$input.json('$.SendMessageResponse.SendMessageResult.MessageId')"
                            },
                        )
                    ],
                ),
            ),
            method_responses=[apigateway.MethodResponse(status_code="202")],
        )
        cdk.CfnOutput(self, "QueueUrl", value=queue.queue_url)

    def key(self):
        mock = apigateway.MockIntegration(
            request_templates={JSON: '{"statusCode": 200}'},
            integration_responses=[
                apigateway.IntegrationResponse(
                    status_code="200",
                    response_templates={
                        JSON: '{"greeting": "$stageVariables.greeting", "headers": "$input.params().header.keySet()"}'
                    },
                )
            ],
        )
        self.api.root.add_resource("private").add_method(
            "GET", mock, api_key_required=True, method_responses=[apigateway.MethodResponse(status_code="200")]
        )
        plan = self.api.add_usage_plan("Plan", quota=apigateway.QuotaSettings(limit=3, period=apigateway.Period.DAY))
        plan.add_api_stage(stage=self.api.deployment_stage, api=self.api)
        plan.add_api_key(self.api.add_api_key("Key", value="a-secret-of-twenty-letters"))


app = cdk.App(outdir=sys.argv[1])
pets = Pets(app, "Pets")
apigatewayv2.CfnApi(pets, "Http", name="web", protocol_type="HTTP")
app.synth()
