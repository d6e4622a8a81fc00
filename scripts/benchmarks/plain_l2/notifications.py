"""Push: a WebSocket API that tells browsers of jobs."""

from typing import cast

from aws_cdk import Duration, RemovalPolicy
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
from aws_cdk import aws_sqs as sqs
from constructs import Construct

_MINUTE = Duration.minutes(1)


class Notifications(Construct):
    """The API, what serves it, and what is told of events.

    Attributes:
        stage: Its stage.
    """

    def __init__(
        self, scope: Construct, id: str, *, jobs: dynamodb.TableV2, bus: events.EventBus, handlers: lambda_.Code
    ) -> None:
        """Define everything.

        Args:
            scope: The scope.
            id: The id.
            jobs: The table of jobs.
            bus: Where changes of jobs are published.
            handlers: The functions.
        """
        super().__init__(scope, id)
        self._handlers = handlers
        dead_letters = self._define_dead_letters()
        table = self._define_table()
        connections = self._function("Connections", {"JOBS_TABLE": jobs.table_name, "TENANT": ""}, table)
        jobs.grant_read_data(connections)
        self._alarm("ErrorsAlarm", connections.metric_errors(period=Duration.minutes(5)))
        api = self._define_api(connections)
        self.stage = apigatewayv2.WebSocketStage(self, "Stage", web_socket_api=api, stage_name="prod", auto_deploy=True)
        self._define_access_log()
        address = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": self.stage.callback_url}
        fan_out = self._function("FanOut", address, table, dead_letters)
        self.stage.grant_management_api_access(fan_out)
        events.Rule(
            self,
            "Rule",
            event_bus=bus,
            event_pattern=events.EventPattern(
                source=["storage-first"], detail_type=["Job Status Changed", "Job Progressed"]
            ),
            targets=[targets.LambdaFunction(fan_out, dead_letter_queue=dead_letters)],
        )

    def _define_dead_letters(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "DeadLetters",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        waiting = queue.metric_approximate_number_of_messages_visible(
            period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM
        )
        self._alarm("DeadLettersAlarm", waiting)
        return queue

    def _define_table(self) -> dynamodb.TableV2:
        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute="expiresAt",
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _define_api(self, connections: lambda_.Function) -> apigatewayv2.WebSocketApi:
        served = integrations.WebSocketLambdaIntegration("Connections", connections)
        return apigatewayv2.WebSocketApi(
            self,
            "Api",
            connect_route_options=apigatewayv2.WebSocketRouteOptions(integration=served),
            disconnect_route_options=apigatewayv2.WebSocketRouteOptions(integration=served),
            default_route_options=apigatewayv2.WebSocketRouteOptions(integration=served, return_response=True),
        )

    def _define_access_log(self) -> None:
        log_group = _log_group(self, "AccessLog")
        role = iam.Role(self, "CloudWatchRole", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        stage = cast("apigatewayv2.CfnStage", self.stage.node.default_child)
        stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format='{"requestId": "$context.requestId"}'
        )
        self.stage.node.add_dependency(account)

    def _function(
        self, id: str, environment: dict[str, str], table: dynamodb.TableV2, dead_letters: sqs.Queue | None = None
    ) -> lambda_.Function:
        module = "connections" if id == "Connections" else "fan_out"
        log_group = _log_group(self, f"{id}Logs")
        role = iam.Role(self, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        function = lambda_.Function(
            self,
            id,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=self._handlers,
            handler=f"lambdas.notifications.{module}.handler",
            environment={"CONNECTIONS_TABLE": table.table_name, **environment},
            timeout=Duration.seconds(29),
            dead_letter_queue=dead_letters,
            memory_size=1024,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=role,
        )
        table.grant_read_write_data(function)
        return function

    def _alarm(self, id: str, metric: cloudwatch.Metric) -> None:
        metric.create_alarm(
            self,
            id,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def _log_group(scope: Construct, id: str) -> logs.LogGroup:
    return logs.LogGroup(scope, id, retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY)
