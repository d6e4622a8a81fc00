"""A queue, a table, a REST API that needs no other service, and an alarm that the emulator does not know."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sqs as sqs

app = cdk.App()
stack = cdk.Stack(app, "Hello")
key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
table = dynamodb.Table(stack, "Table", partition_key=key)
queue = sqs.Queue(stack, "Queue")
late = queue.metric_approximate_age_of_oldest_message().create_alarm(stack, "Late", threshold=60, evaluation_periods=1)
rule = cloudwatch.AlarmRule.from_alarm(late, cloudwatch.AlarmState.ALARM)
cloudwatch.CompositeAlarm(stack, "Both", alarm_rule=rule)
api = apigateway.RestApi(stack, "Api", cloud_watch_role=False)
api.root.add_method(
    "GET",
    apigateway.MockIntegration(
        request_templates={"application/json": '{"statusCode": 200}'},
        integration_responses=[
            apigateway.IntegrationResponse(status_code="200", response_templates={"application/json": '"hello"'})
        ],
    ),
    method_responses=[apigateway.MethodResponse(status_code="200")],
)
cdk.CfnOutput(stack, "QueueUrl", value=queue.queue_url)
cdk.CfnOutput(stack, "TableName", value=table.table_name)
app.synth()
