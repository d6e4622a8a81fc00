import json

import pytest
from aws_cdk import App, Duration, NestedStack, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_wafv2 as wafv2
from aws_cdk.assertions import Template

from constructs_lib import JobTracker
from constructs_lib.storage_first_api import Cors, StorageFirstApi, managed_web_acl
from constructs_lib.stores import (
    DynamoDbStore,
    EventBridgeStore,
    KinesisStore,
    S3Store,
    SnsStore,
    SqsStore,
    StepFunctionsStore,
    body,
    path,
)


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def store(stack):
    return SqsStore(sqs.Queue(stack, "Queue"))


def resources(stack, type_):
    found = Template.from_stack(stack).find_resources(f"AWS::{type_}").values()
    return [each.get("Properties", {}) for each in found]


def access_log(stack):
    (stage,) = resources(stack, "ApiGateway::Stage")
    return json.loads(stage["AccessLogSetting"]["Format"])


def test_the_access_log_tells_the_request_who_sent_it_and_the_job_it_became(stack, store):
    StorageFirstApi(stack, "Api").post("/orders", store)

    log = access_log(stack)

    assert log["extendedRequestId"] == "$context.extendedRequestId", "what stores keep, and problems tell"
    assert log["location"] == "$context.responseOverride.header.Location", "the link of the job"
    assert log["apiKeyId"] == "$context.identity.apiKeyId"
    assert {"requestId", "integrationRequestId", "status", "errorType"} <= log.keys()


@pytest.mark.parametrize(
    ("name", "of_aws"),
    [
        ("metric_count", "Count"),
        ("metric_client_error", "4XXError"),
        ("metric_server_error", "5XXError"),
        ("metric_latency", "Latency"),
        ("metric_integration_latency", "IntegrationLatency"),
    ],
)
def test_metrics_are_those_of_the_stage(stack, store, name, of_aws):
    api = StorageFirstApi(stack, "Api", stage_name="v1")
    api.post("/orders", store)

    metric = getattr(api, name)(statistic="p90", period=Duration.minutes(1))

    assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/ApiGateway", of_aws, "p90")
    assert metric.period.to_seconds() == 60
    (rest_api,) = resources(stack, "ApiGateway::RestApi")
    assert metric.dimensions["ApiName"] == rest_api["Name"]
    assert "Stage" in metric.dimensions


def test_throttled_requests_are_counted_in_the_access_log_once_somebody_asks(stack, store):
    api = StorageFirstApi(stack, "Api")
    api.post("/orders", store)

    metric = api.metric_throttled()
    again = api.metric_throttled(statistic="Maximum")

    (counted,) = resources(stack, "Logs::MetricFilter")
    assert counted["FilterPattern"] == '{ $.status = "429" }'
    (transformation,) = counted["MetricTransformations"]
    assert transformation["MetricName"] == metric.metric_name == again.metric_name
    assert transformation["MetricNamespace"] == metric.namespace
    assert transformation["Dimensions"] == [{"Key": "ApiId", "Value": "$.apiId"}]
    assert access_log(stack)["apiId"] == "$context.apiId"
    assert list(metric.dimensions) == ["ApiId"]


def test_what_nobody_asks_for_costs_nothing(stack, store):
    StorageFirstApi(stack, "Api").post("/orders", store)

    for type_ in ("Logs::MetricFilter", "CloudWatch::Alarm", "CloudWatch::Dashboard", "WAFv2::WebACLAssociation"):
        assert resources(stack, type_) == []


def test_throttled_requests_of_an_existing_api_are_in_a_log_of_its_own(stack):
    existing = apigateway.RestApi(stack, "Existing")

    with pytest.raises(ValueError, match="metric_throttled counts in the access log, which is not Stack/Api's"):
        StorageFirstApi(stack, "Api", rest_api=existing).metric_throttled()


def test_alarms_tell_the_one_topic(stack, store):
    topic = sns.Topic(stack, "Topic")

    StorageFirstApi(stack, "Api", alarm_topic=topic).post("/orders", store)

    alarms = {alarm["MetricName"]: alarm for alarm in resources(stack, "CloudWatch::Alarm")}
    assert alarms.keys() == {"5XXError", "Latency", "Throttled"}
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [stack.resolve(topic.topic_arn)]
        assert alarm["TreatMissingData"] == "notBreaching"
    assert (alarms["5XXError"]["Statistic"], alarms["5XXError"]["Threshold"]) == ("Average", 0.01)
    assert alarms["Latency"]["ExtendedStatistic"] == "p99"
    assert alarms["Latency"]["Threshold"] < 29_000, "when API Gateway gives up, it is too late"


def test_alarms_watch_an_existing_api_too_but_for_what_its_log_would_tell(stack, store):
    existing = apigateway.RestApi(stack, "Existing")

    StorageFirstApi(stack, "Api", rest_api=existing, alarm_topic=sns.Topic(stack, "Topic")).post("/orders", store)

    assert {alarm["MetricName"] for alarm in resources(stack, "CloudWatch::Alarm")} == {"5XXError", "Latency"}


def dashboard(stack):
    (properties,) = resources(stack, "CloudWatch::Dashboard")
    body = properties["DashboardBody"]
    text = "".join(part if isinstance(part, str) else "TOKEN" for part in body["Fn::Join"][1])
    widgets = [widget["properties"] for widget in json.loads(text)["widgets"]]
    shown = {widget["title"]: widget for widget in widgets}
    assert len(shown) == len(widgets), "nothing is shown twice"
    return shown


def metric_names(widget):
    return [metric[1] for metric in widget["metrics"] if isinstance(metric[0], str)]


def test_a_dashboard_shows_traffic_errors_latency_and_every_route(stack, store):
    api = StorageFirstApi(stack, "Api")
    api.post("/orders", store)

    api.add_dashboard()

    shown = dashboard(stack)
    assert metric_names(shown["Requests"]) == ["Count"]
    assert metric_names(shown["Errors"]) == ["4XXError", "5XXError", "Throttled"]
    assert metric_names(shown["Latency in milliseconds"]) == ["Latency", "Latency", "IntegrationLatency"]
    (rest_api,) = resources(stack, "ApiGateway::RestApi")
    for title, metric in (("Requests by route", "Count"), ("Server errors by route", "5XXError")):
        ((search,),) = shown[title]["metrics"]
        assert search["expression"].startswith("SEARCH('{AWS/ApiGateway,ApiName,Method,Resource,Stage}")
        assert f'ApiName="{rest_api["Name"]}"' in search["expression"]
        assert f'MetricName="{metric}"' in search["expression"]


def test_a_dashboard_shows_what_is_behind_the_api_once_also_of_routes_that_come_later(stack, store):
    key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    api = StorageFirstApi(stack, "Api")
    api.post("/orders", store)
    api.add_dashboard()

    api.post("/more", store)
    api.post("/clicks", KinesisStore(kinesis.Stream(stack, "Stream")))
    api.post("/audit", DynamoDbStore(dynamodb.TableV2(stack, "Table", partition_key=key)))
    api.put("/files/{name}", S3Store(s3.Bucket(stack, "Bucket"), key=path("name")))

    shown = dashboard(stack)
    assert "ApproximateAgeOfOldestMessage" in metric_names(shown["Stack/Queue"])
    assert "WriteProvisionedThroughputExceeded" in metric_names(shown["Stack/Stream"])
    assert "ConsumedWriteCapacityUnits" in metric_names(shown["Stack/Table"])
    assert "Stack/Bucket" not in shown


def test_an_api_has_one_dashboard(stack):
    api = StorageFirstApi(stack, "Api")
    api.add_dashboard()

    with pytest.raises(ValueError, match="Stack/Api has a dashboard already"):
        api.add_dashboard()


def test_a_web_acl_is_put_before_the_stage(stack, store):
    web_acl = managed_web_acl(stack, "Firewall")

    StorageFirstApi(stack, "Api", web_acl=web_acl).post("/orders", store)

    (association,) = resources(stack, "WAFv2::WebACLAssociation")
    assert association["WebACLArn"] == stack.resolve(web_acl.attr_arn)
    assert "/stages/" in json.dumps(association["ResourceArn"])


def test_an_existing_web_acl_is_given_by_its_arn(stack, store):
    arn = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/own/a1b2"

    StorageFirstApi(stack, "Api", web_acl=arn).post("/orders", store)

    assert [each["WebACLArn"] for each in resources(stack, "WAFv2::WebACLAssociation")] == [arn]


def test_the_managed_web_acl_counts_large_bodies_and_blocks_floods(stack):
    managed_web_acl(stack, "Firewall", requests_per_address=500)

    (acl,) = resources(stack, "WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in acl["Rules"]}
    common = rules["CommonAttacks"]["Statement"]["ManagedRuleGroupStatement"]
    assert acl["Scope"] == "REGIONAL"
    assert acl["DefaultAction"] == {"Allow": {}}
    assert common["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    assert rules["RequestsPerAddress"]["Statement"]["RateBasedStatement"]["Limit"] == 500
    assert rules["RequestsPerAddress"]["Action"] == {"Block": {}}


@pytest.mark.parametrize("requests", [0, 9, 2_000_000_001])
def test_a_limit_that_a_web_acl_cannot_have_is_refused(stack, requests):
    with pytest.raises(ValueError, match="requests_per_address must be 10 to 2,000,000,000"):
        managed_web_acl(stack, "Firewall", requests_per_address=requests)


def test_any_web_acl_of_the_app_will_do(stack, store):
    own = wafv2.CfnWebACL(
        stack,
        "Own",
        scope="REGIONAL",
        default_action={"allow": {}},
        visibility_config={"metricName": "own", "cloudWatchMetricsEnabled": True, "sampledRequestsEnabled": False},
    )

    StorageFirstApi(stack, "Api", web_acl=own).post("/orders", store)

    Template.from_stack(stack).has_resource_properties(
        "AWS::WAFv2::WebACLAssociation", {"WebACLArn": stack.resolve(own.attr_arn)}
    )


def every_kind_of_store(stack, number):
    key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    return [
        SqsStore(sqs.Queue(stack, f"Queue{number}")),
        SqsStore(sqs.Queue(stack, f"Fifo{number}", fifo=True), group_id=body("$.field1")),
        KinesisStore(kinesis.Stream(stack, f"Stream{number}")),
        SnsStore(sns.Topic(stack, f"Topic{number}")),
        EventBridgeStore(events.EventBus(stack, f"Bus{number}"), source="shop", detail_type="ordered"),
        StepFunctionsStore(sfn.StateMachine.from_state_machine_name(stack, f"Machine{number}", f"machine-{number}")),
        DynamoDbStore(dynamodb.TableV2(stack, f"Table{number}", partition_key=key)),
    ]


def test_sixty_routes_with_cors_fit_into_one_stack():
    stack = Stack(App(context={"aws:cdk:enable-path-metadata": True}), "Stack")  # as the CDK's command synthesizes it
    jobs = JobTracker(stack, "Jobs")
    stores = [jobs.store(f"job{n}") for n in range(16)]
    for n in range(16):
        jobs.workflow(f"job{n}", definition=sfn.Pass(stack, f"Work{n}"))
    some = [store for number in range(4) for store in every_kind_of_store(stack, number)]
    api = StorageFirstApi(stack, "Api", cors=Cors(origins=["https://app.example"]))

    for n, store in enumerate([*stores, *some, *some[:16]]):
        fields = {f"field{field}": {"type": "string", "maxLength": 100 + n} for field in range(8)}
        api.post(f"/things{n}", store, body={"type": "object", "properties": fields})

    template = Template.from_stack(stack).to_json()
    routes = [r for r in template["Resources"].values() if "RequestModels" in r.get("Properties", {})]
    assert len(routes) == 60
    assert len(template["Resources"]) <= 500
    size = len(json.dumps(template, indent=1))
    assert size <= 1_000_000, size


def test_too_many_resources_are_an_early_error_that_says_how_to_split(stack, store):
    StorageFirstApi(stack, "Api").post("/orders", store)
    for n in range(500):
        sns.CfnTopic(stack, f"Topic{n}")

    with pytest.raises(
        RuntimeError, match=r"would have 5\d\d resources.* Give some of the routes to a StorageFirstApi"
    ):
        Template.from_stack(stack)


def test_resources_of_nested_stacks_count_there(stack, store):
    StorageFirstApi(stack, "Api").post("/orders", store)
    nested = NestedStack(stack, "Nested")
    for n in range(480):
        sns.CfnTopic(nested, f"Topic{n}")

    assert len(Template.from_stack(stack).to_json()["Resources"]) < 100


@pytest.mark.parametrize("indented", [True, False])
def test_a_template_that_is_too_large_is_an_early_error_that_says_how_to_make_it_smaller(indented):
    context = {} if indented else {"@aws-cdk/core:suppressTemplateIndentation": True}
    stack = Stack(App(context=context), "Stack")
    api = StorageFirstApi(stack, "Api", cors=Cors(origins=["*"]))
    key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
    store = DynamoDbStore(
        dynamodb.TableV2(stack, "Table", partition_key=key),
        item={"pk": path("id"), **{f"attribute{n}": "x" * 800 for n in range(20)}},
    )

    for n in range(60):
        api.post(f"/things{n}/{{id}}", store)

    with pytest.raises(RuntimeError, match=r"CloudFormation takes 1,000,000\..*Give some of the routes") as error:
        Template.from_stack(stack)
    assert ("saves a sixth" in str(error.value)) == indented
