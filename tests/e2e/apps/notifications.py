"""Two doors to the same jobs, of several tenants: a REST API and a WebSocket API. Whoever has a token is its tenant."""

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib import Access, JobTracker, StorageFirstApi
from constructs_lib.job_notifications import JobNotifications
from constructs_lib.stores import context

AUTHORIZE = """
def handler(event, context):
    headers = {name.lower(): value for name, value in event["headers"].items()}
    token = (event.get("queryStringParameters") or {}).get("token") or headers["authorization"]
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    return {
        "principalId": "anybody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [allow]},
        "context": {"tenant": token},
    }
"""

app = App()
stack = Stack(app, "Notified")
authorize = lambda_.Function(
    stack,
    "Authorize",
    runtime=lambda_.Runtime.PYTHON_3_14,
    handler="index.handler",
    code=lambda_.Code.from_inline(AUTHORIZE),
)
tenant = context("authorizer.tenant")
jobs = JobTracker(stack, "Jobs", removal_policy=RemovalPolicy.DESTROY)
api = StorageFirstApi(
    stack,
    "Api",
    access=Access.lambda_authorizer(authorize, tenant=tenant),
    removal_policy=RemovalPolicy.DESTROY,
)
api.post("/reports", jobs.store("make-report"))
steps = [jobs.progress(percent, f"{percent} pages") for percent in (25, 50, 75)]
written = sfn.Pass.jsonata(stack, "Written", outputs={"pages": 100})
jobs.workflow("make-report", definition=steps[0].next(steps[1]).next(steps[2]).next(written))
by_token = authorizers.WebSocketLambdaAuthorizer(
    "Authorizer", authorize, identity_source=["route.request.querystring.token"]
)
push = JobNotifications(
    stack, "Push", jobs=jobs, authorizer=by_token, tenant=tenant, removal_policy=RemovalPolicy.DESTROY
)
CfnOutput(stack, "PushUrl", value=push.stage.url)
app.synth()
