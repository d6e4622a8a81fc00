"""Push: a WebSocket API that tells browsers of their jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from constructs_lib._acknowledge import acknowledge
from constructs_lib._dead_letters import dead_letters
from constructs_lib._handlers import handler_function
from constructs_lib.alarms import AlarmTopic, create_alarm
from constructs_lib.job_notifications.events import PROGRESSED, STATUS_CHANGED, pattern
from constructs_lib.storage_first_api.usage import Throttle
from constructs_lib.storage_first_api.values import Source

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from constructs_lib.job_tracker import JobTracker
    from constructs_lib.storage_first_api.values import RequestValue

_STAGE: Final = "prod"
# AWS's quota for new connections of an account.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
_THROTTLE: Final = Throttle(rate=500, burst=500)
_OF_AUTHORIZERS: Final = "authorizer."
# What this variable holds, AWS's SDKs take for the API's address.
_ADDRESS: Final = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
# Of a message, `status` is that of the answer; $context.error.* tell of what API Gateway refused itself.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
_ACCESS_LOG: Final = {
    "requestId": "$context.requestId",
    "extendedRequestId": "$context.extendedRequestId",
    "requestTime": "$context.requestTime",
    "sourceIp": "$context.identity.sourceIp",
    "principalId": "$context.authorizer.principalId",
    "connectionId": "$context.connectionId",
    "eventType": "$context.eventType",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "integrationStatus": "$context.integrationStatus",
    "integrationLatency": "$context.integrationLatency",
    "errorType": "$context.error.responseType",
    "error": "$context.error.message",
}


class JobNotifications(Construct):
    """A WebSocket API that tells clients of their jobs as they change.

    A client sends `{"action": "subscribe", "job": "ID"}` for one job, or leaves `job` out for all jobs of its tenant;
    `unsubscribe` ends that. It is answered with the job as it is now, and then receives each event of the tracker's
    bus about what it has subscribed to, as `{"detail-type", "detail"}`; the `version` in a detail tells what is old.

    A client misses nothing while it is connected: one that cannot be told is disconnected. API Gateway disconnects
    everyone after two hours, and whoever is idle for ten minutes.

    Attributes:
        api: The WebSocket API.
        stage: Its stage; `stage.url` is what clients connect to.
        table: Connections and subscriptions, for as long as they last.
        connections: Serves what clients send.
        fan_out: Tells subscribers of an event.
        rule: Hands it the events.
        dead_letter_queue: Events that not all subscribers could be told of.
        dead_letter_alarm: Raised while there are any.
        errors_alarm: Raised when clients cannot connect or subscribe.
        access_log: Every connection and message.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        jobs: JobTracker,
        authorizer: apigatewayv2.IWebSocketRouteAuthorizer | None = None,
        tenant: RequestValue | None = None,
        throttle: Throttle = _THROTTLE,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        alarm_topic: sns.ITopic | AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the API and what serves it.

        Args:
            scope: Where to define it.
            id: The construct's id.
            jobs: Whose jobs.
            authorizer: Who may connect, such as a `WebSocketLambdaAuthorizer`; everybody by default.
            tenant: Whose jobs a client may hear of, as for the `Access` of a REST API: such as
                `context("authorizer.tenant")` for an authorizer that answers `{"context": {"tenant": …}}`. All clients
                are the one tenant of routes without tenants by default. A client without a tenant is refused with 403.
            throttle: How many connections and messages are taken. All APIs of an account in a Region share AWS's
                quotas.
            log_retention: How long the logs of functions and the access log are kept.
            alarm_topic: Who is told of alarms, such as an `AlarmTopic`.
            removal_policy: What happens to undelivered events and logs when they leave the stack.

        Raises:
            ValueError: If no authorizer gives the `tenant`.
        """
        tenant_name = _name_of(tenant, authorizer)
        super().__init__(scope, id)
        self._log_retention = log_retention
        self._removal_policy = removal_policy
        self.dead_letter_queue, self.dead_letter_alarm = dead_letters(
            self,
            "DeadLetters",
            description="Subscribers could neither be told of a change nor disconnected: see the logs of the fan-out.",
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
        )
        self.table = self._define_table()
        self.connections = self._define_connections(jobs, tenant_name)
        self.errors_alarm = create_alarm(
            self,
            "ErrorsAlarm",
            metric=self.connections.metric_errors(period=Duration.minutes(5), statistic=cloudwatch.Stats.SUM),
            threshold=1,
            description="Clients could not connect or subscribe: see the logs of the function for connections.",
            topic=alarm_topic,
        )
        self.api = self._define_api(authorizer)
        self.access_log = logs.LogGroup(self, "AccessLog", retention=log_retention, removal_policy=removal_policy)
        self.stage = self._define_stage(throttle)
        self.fan_out = self._define_fan_out()
        self.rule = events.Rule(
            self,
            "Rule",
            description="Tell subscribers of jobs.",
            event_bus=jobs.bus,
            event_pattern=pattern(STATUS_CHANGED, PROGRESSED),
            targets=[
                targets.LambdaFunction(
                    self.fan_out, dead_letter_queue=self.dead_letter_queue, max_event_age=Duration.hours(1)
                )
            ],
        )

    def _define_table(self) -> dynamodb.TableV2:
        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute="expiresAt",
            # Nothing in it outlives a connection, and every client connects again.
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _define_connections(self, jobs: JobTracker, tenant_name: str) -> lambda_.Function:
        function = handler_function(
            self,
            "Connections",
            handler="lambdas.notifications.connections.handler",
            description="Connects clients, and subscribes them to jobs.",
            environment={
                "CONNECTIONS_TABLE": self.table.table_name,
                "JOBS_TABLE": jobs.table.table_name,
                "TENANT": tenant_name,
            },
            timeout=Duration.seconds(29),  # API Gateway waits no longer
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        acknowledge(
            function,
            "Serverless::Serverless-LambdaDLQ",
            reason="Nothing but API Gateway invokes it, which waits for the answer.",
        )
        self._grant(function, "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
        jobs.grant_read(function)
        return function

    def _define_api(self, authorizer: apigatewayv2.IWebSocketRouteAuthorizer | None) -> apigatewayv2.WebSocketApi:
        served = integrations.WebSocketLambdaIntegration("Connections", self.connections)
        return apigatewayv2.WebSocketApi(
            self,
            "Api",
            connect_route_options=apigatewayv2.WebSocketRouteOptions(integration=served, authorizer=authorizer),
            disconnect_route_options=apigatewayv2.WebSocketRouteOptions(integration=served),
            # The one route for messages: the function looks at their action, and knows best what to say of a bad one.
            default_route_options=apigatewayv2.WebSocketRouteOptions(integration=served, return_response=True),
        )

    def _define_stage(self, throttle: Throttle) -> apigatewayv2.WebSocketStage:
        stage = apigatewayv2.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=_STAGE,
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=throttle.rate, burst_limit=throttle.burst),
        )
        cast(
            "apigatewayv2.CfnStage", stage.node.default_child
        ).access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=self.access_log.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )
        stage.node.add_dependency(self._allow_logs())
        return stage

    def _allow_logs(self) -> apigateway.CfnAccount:
        """Make the setting of the account without which a stage with an access log cannot be created.

        The setting is one for the whole account, so neither it nor its role goes with this stack.
        """
        role = iam.Role(
            self,
            "CloudWatchRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        role.apply_removal_policy(RemovalPolicy.RETAIN)
        acknowledge(
            role,
            "AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
            "service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
            reason="The account setting of API Gateway takes this policy of AWS's; it allows writing logs.",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.apply_removal_policy(RemovalPolicy.RETAIN)
        return account

    def _define_fan_out(self) -> lambda_.Function:
        function = handler_function(
            self,
            "FanOut",
            handler="lambdas.notifications.fan_out.handler",
            description="Tells subscribers of jobs.",
            environment={"CONNECTIONS_TABLE": self.table.table_name, _ADDRESS: self.stage.callback_url},
            timeout=Duration.minutes(2),
            dead_letter_queue=self.dead_letter_queue,
            memory_size=1024,  # many calls at once, each with its own TLS
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        self._grant(function, "dynamodb:GetItem", "dynamodb:Query", "dynamodb:DeleteItem")
        for verb in ("POST", "DELETE"):
            self._grant_connections(function, verb)
        return function

    def _grant_connections(self, function: lambda_.Function, verb: str) -> None:
        """Allow a method on the connections of this stage. The stage's own grant allows looking at them too."""
        stack = Stack.of(self)
        path = f"{_STAGE}/{verb}/@connections/*"
        iam.Grant.add_to_principal(
            grantee=function,
            actions=["execute-api:ManageConnections"],
            resource_arns=[stack.format_arn(service="execute-api", resource=self.api.api_id, resource_name=path)],
        )
        where = {"Partition": stack.partition, "Region": stack.region, "AccountId": stack.account}
        partition, region, account = (
            f"<AWS::{name}>" if Token.is_unresolved(value) else value for name, value in where.items()
        )
        api = stack.get_logical_id(cast("CfnElement", self.api.node.default_child))
        acknowledge(
            cast("IConstruct", function.role),
            f"AwsSolutions::AwsSolutions-IAM5[Resource::arn:{partition}:execute-api:{region}:{account}:<{api}>/{path}]",
            reason="Connections get their ids when they are made.",
        )

    def _grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.table.table_arn])


def _name_of(tenant: RequestValue | None, authorizer: apigatewayv2.IWebSocketRouteAuthorizer | None) -> str:
    """Tell under which name an authorizer gives the tenant; empty if there are no tenants.

    Raises:
        ValueError: If no authorizer does.
    """
    if tenant is None:
        return ""
    if tenant.source is not Source.CONTEXT or not tenant.name.startswith(_OF_AUTHORIZERS):
        raise ValueError(
            f'tenant must be what the authorizer gives, such as context("authorizer.tenant"); got a {tenant.label}'
        )
    if authorizer is None:
        raise ValueError(
            f"tenant: context({tenant.name!r}) is always empty without an authorizer; give authorizer, or no tenant"
        )
    return tenant.name.removeprefix(_OF_AUTHORIZERS)
