"""How an API is seen in operation: its access log, metrics, alarms and dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

from constructs_lib.alarms import AlarmTopic, create_alarm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway
    from aws_cdk import aws_sns as sns
    from constructs import Construct

# `location` is the link of the job that a request became: of an answer, the log has what a template overrides.
# `extendedRequestId` is what the stores keep as `requestId`, and problems tell as `instance`.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "extendedRequestId": "$context.extendedRequestId",
    "apiId": "$context.apiId",
    "requestTime": "$context.requestTime",
    "sourceIp": "$context.identity.sourceIp",
    "apiKeyId": "$context.identity.apiKeyId",
    "principalId": "$context.authorizer.principalId",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "status": "$context.status",
    "location": "$context.responseOverride.header.Location",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationStatus": "$context.integration.status",
    "integrationLatency": "$context.integration.latency",
    "integrationRequestId": "$context.integration.requestId",
    "errorType": "$context.error.responseType",
    "xrayTraceId": "$context.xrayTraceId",
}
_NAMESPACE = "StorageFirst"
_THROTTLED = "Throttled"
# API Gateway gives up on an integration after 29 seconds.
_SLOW = Duration.seconds(20)
_WIDTH = 12
_PERIOD = Duration.minutes(5)


class MetricOptions(TypedDict, total=False):
    """How a metric is read; as in the CDK's own `metric_*` methods."""

    period: Duration
    statistic: str
    label: str
    color: str


class Throttled:
    """Counts the requests that were answered with 429, which API Gateway does not tell from other client errors."""

    def __init__(self, scope: Construct, *, api: apigateway.RestApi, access_log: logs.ILogGroup) -> None:
        """Count them in the access log; CloudWatch charges for one metric of one's own."""
        self._api = api
        logs.MetricFilter(
            scope,
            _THROTTLED,
            log_group=access_log,
            filter_pattern=logs.FilterPattern.string_value("$.status", "=", "429"),
            metric_namespace=_NAMESPACE,
            metric_name=_THROTTLED,
            metric_value="1",
            dimensions={"ApiId": "$.apiId"},
        )

    def metric(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Count them; the sum over 5 minutes by default."""
        given: MetricOptions = {"period": _PERIOD, "statistic": cloudwatch.Stats.SUM, **options}
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=_THROTTLED,
            dimensions_map={"ApiId": self._api.rest_api_id},
            **given,
        )


def define_alarms(
    scope: Construct, stage: apigateway.Stage, *, throttled: cloudwatch.IMetric | None, topic: sns.ITopic | AlarmTopic
) -> None:
    """Tell `topic` of an API that fails, is slow, or refuses what callers send.

    Args:
        scope: Where to define the alarms.
        stage: The stage of the API.
        throttled: How many requests were refused with 429, if that is counted.
        topic: Who is told.
    """
    create_alarm(
        scope,
        "ServerErrorsAlarm",
        metric=stage.metric_server_error(statistic=cloudwatch.Stats.AVERAGE, period=_PERIOD),
        threshold=0.01,
        description="One request in a hundred fails (5xx). See integrationStatus and errorType in the access log: a "
        "service that is down is 503, a mistake such as a missing permission 500.",
        topic=topic,
    )
    create_alarm(
        scope,
        "LatencyAlarm",
        metric=stage.metric_latency(statistic="p99", period=_PERIOD),
        threshold=_SLOW.to_milliseconds(),
        description="One request in a hundred takes 20 seconds and more; API Gateway gives up after 29. See "
        "integrationLatency in the access log.",
        topic=topic,
    )
    if throttled is not None:
        create_alarm(
            scope,
            "ThrottledAlarm",
            metric=throttled,
            threshold=1,
            evaluation_periods=3,
            description="Requests have been refused with 429 for 15 minutes. Raise the throttle of the API, the quota "
            "of the account, or the capacity of the store; apiKeyId and sourceIp in the access log tell who sends.",
            topic=topic,
        )


class Overview:
    """What an operator looks at first: traffic, errors and latency of an API and its routes, and of what is behind it.

    Attributes:
        dashboard: The dashboard.
    """

    def __init__(self, scope: Construct, *, stage: apigateway.Stage, throttled: cloudwatch.IMetric | None) -> None:
        """Define the dashboard."""
        self._shown: set[str] = set()
        self.dashboard = cloudwatch.Dashboard(scope, "Dashboard", default_interval=Duration.hours(3))
        refused = [throttled] if throttled is not None else []
        self.dashboard.add_widgets(
            _graph("Requests", [stage.metric_count(label="requests", statistic=cloudwatch.Stats.SUM)]),
            _graph(
                "Errors",
                [
                    stage.metric_client_error(label="4xx", statistic=cloudwatch.Stats.SUM),
                    stage.metric_server_error(label="5xx", statistic=cloudwatch.Stats.SUM),
                    *refused,
                ],
            ),
        )
        self.dashboard.add_widgets(
            _graph(
                "Latency in milliseconds",
                [
                    stage.metric_latency(label="p50", statistic="p50"),
                    stage.metric_latency(label="p99", statistic="p99"),
                    stage.metric_integration_latency(label="p99 of the services behind", statistic="p99"),
                ],
            ),
            _graph("Server errors by route", [_by_route(stage, "5XXError")]),
        )
        self.dashboard.add_widgets(
            _graph("Requests by route", [_by_route(stage, "Count")]),
            _graph("Client errors by route", [_by_route(stage, "4XXError")]),
        )

    def show(self, target: str, metrics: Sequence[cloudwatch.IMetric]) -> None:
        """Show how the place where requests are stored does, once."""
        if metrics and target not in self._shown:
            self._shown.add(target)
            self.dashboard.add_widgets(_graph(target, metrics))


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(metrics), left_y_axis=cloudwatch.YAxisProps(min=0), width=_WIDTH, period=_PERIOD
    )


def _by_route(stage: apigateway.Stage, metric: str) -> cloudwatch.MathExpression:
    """Search for the metric of all routes: those of routes that are yet to be defined, too."""
    api = stage.rest_api.rest_api_name
    place = "{AWS/ApiGateway,ApiName,Method,Resource,Stage}"
    query = f'{place} ApiName="{api}" Stage="{stage.stage_name}" MetricName="{metric}"'
    return cloudwatch.MathExpression(expression=f"SEARCH('{query}', 'Sum')", using_metrics={}, label="", period=_PERIOD)
