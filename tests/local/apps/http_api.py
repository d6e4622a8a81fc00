"""An app whose only API is an HTTP API, which the emulator serves."""

from aws_cdk import App, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration

app = App()
stack = Stack(app, "Http")
function = lambda_.Function(
    stack,
    "Function",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline("def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n"),
)
api = apigateway.HttpApi(stack, "Api")
api.add_routes(path="/hello", methods=[apigateway.HttpMethod.GET], integration=HttpLambdaIntegration("Hello", function))
app.synth()
