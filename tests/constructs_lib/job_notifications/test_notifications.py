import json

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_sns as sns

from constructs_lib.job_notifications import JobNotifications
from constructs_lib.storage_first_api import Throttle
from constructs_lib.stores import claim, context, header
from tests.constructs_lib.stored import a_function, allowed, logical_id, properties, resources, the_resource


class Jobs:
    """What JobNotifications needs of a tracker."""

    def __init__(self, stack):
        key = dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING)
        self.table = dynamodb.TableV2(stack, "Jobs", partition_key=key)
        self.bus = events.EventBus(stack, "Bus")

    def grant_read(self, grantee):
        return self.table.grant(grantee, "dynamodb:GetItem")


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def jobs(stack):
    return Jobs(stack)


def an_authorizer(stack):
    function = a_function(stack, "Authorize")
    return authorizers.WebSocketLambdaAuthorizer(
        "Authorizer", function, identity_source=["route.request.querystring.token"]
    )


def routes(stack):
    return {
        it["Properties"]["RouteKey"]: it["Properties"] for it in resources(stack, "AWS::ApiGatewayV2::Route").values()
    }


def environment(stack, function):
    return properties(stack, function)["Environment"]["Variables"]


# Who may connect, and whose they are


def test_everybody_may_connect_as_the_one_tenant_of_routes_without_tenants(stack, jobs):
    push = JobNotifications(stack, "Push", jobs=jobs)

    assert routes(stack)["$connect"]["AuthorizationType"] == "NONE"
    assert environment(stack, push.connections)["TENANT"] == ""


def test_an_authorizer_decides_who_connects_and_gives_the_tenant(stack, jobs):
    push = JobNotifications(
        stack, "Push", jobs=jobs, authorizer=an_authorizer(stack), tenant=context("authorizer.customer")
    )

    assert routes(stack)["$connect"]["AuthorizationType"] == "CUSTOM"
    assert the_resource(stack, "AWS::ApiGatewayV2::Authorizer")["IdentitySource"] == ["route.request.querystring.token"]
    assert environment(stack, push.connections)["TENANT"] == "customer"


@pytest.mark.parametrize(
    ("tenant", "has_authorizer", "said"),
    [
        (context("authorizer.tenant"), False, "always empty without an authorizer"),
        (context("identity.sourceIp"), True, "must be what the authorizer gives"),
        (claim("sub"), True, "got a claim sub"),
        (header("X-Tenant"), True, "got a header X-Tenant"),
    ],
)
def test_a_tenant_that_no_authorizer_gives_is_refused(stack, jobs, tenant, has_authorizer, said):
    authorizer = an_authorizer(stack) if has_authorizer else None

    with pytest.raises(ValueError, match=f"^tenant.*{said}"):
        JobNotifications(stack, "Push", jobs=jobs, authorizer=authorizer, tenant=tenant)


# What is served


def test_messages_are_answered(stack, jobs):
    JobNotifications(stack, "Push", jobs=jobs)

    assert routes(stack).keys() == {"$connect", "$disconnect", "$default"}
    assert routes(stack)["$default"]["RouteResponseSelectionExpression"] == "$default"


def test_the_stage_is_throttled_and_logs_every_connection(stack, jobs):
    push = JobNotifications(stack, "Push", jobs=jobs, throttle=Throttle(rate=7, burst=9))

    stage = the_resource(stack, "AWS::ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9}
    assert stage["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": [logical_id(stack, push.access_log), "Arn"]}
    log = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"$context.requestId", "$context.connectionId", "$context.status"} <= set(log.values())


def test_the_stage_waits_until_api_gateway_may_write_logs_which_stays_allowed(stack, jobs):
    JobNotifications(stack, "Push", jobs=jobs)

    ((account_id, account),) = resources(stack, "AWS::ApiGateway::Account").items()
    (stage,) = resources(stack, "AWS::ApiGatewayV2::Stage").values()
    assert account_id in stage["DependsOn"]
    assert account["DeletionPolicy"] == "Retain"
    role_id = account["Properties"]["CloudWatchRoleArn"]["Fn::GetAtt"][0]
    assert resources(stack)[role_id]["DeletionPolicy"] == "Retain"


def test_connections_expire_and_go_with_the_stack(stack, jobs):
    push = JobNotifications(stack, "Push", jobs=jobs)

    table = resources(stack)[logical_id(stack, push.table)]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert table["DeletionPolicy"] == "Delete"


def test_what_the_handlers_are_told_leads_to_this_api_and_this_tracker(stack, jobs):
    push = JobNotifications(stack, "Push", jobs=jobs)

    connections, fan_out = environment(stack, push.connections), environment(stack, push.fan_out)
    table = {"Ref": logical_id(stack, push.table)}
    assert connections["CONNECTIONS_TABLE"] == fan_out["CONNECTIONS_TABLE"] == table
    assert connections["JOBS_TABLE"] == {"Ref": logical_id(stack, jobs.table)}
    address = fan_out["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]["Fn::Join"][1]
    assert address[:3] == ["https://", {"Ref": logical_id(stack, push.api)}, ".execute-api."]
    assert address[-1] == "/prod"


def test_handlers_may_do_what_they_need_on_this_api_and_this_table_and_no_more(stack, jobs):
    push = JobNotifications(stack, "Push", jobs=jobs)

    table = {"Fn::GetAtt": [logical_id(stack, push.table), "Arn"]}
    of_connections, of_fan_out = (
        {action: where for action, where in allowed(stack, function.role).items() if not _is_of_logs(action)}
        for function in (push.connections, push.fan_out)
    )
    assert of_connections == {
        "dynamodb:GetItem": [table, {"Fn::GetAtt": [logical_id(stack, jobs.table), "Arn"]}],
        **{f"dynamodb:{verb}Item": [table] for verb in ("Put", "Update", "Delete")},
    }
    managed = of_fan_out.pop("execute-api:ManageConnections")
    letters = {"Fn::GetAtt": [logical_id(stack, push.dead_letter_queue), "Arn"]}
    assert of_fan_out == {
        **{f"dynamodb:{verb}": [table] for verb in ("GetItem", "Query", "DeleteItem")},
        "sqs:SendMessage": [letters],
    }
    assert [arn["Fn::Join"][1][-2:] for arn in managed] == [
        [{"Ref": logical_id(stack, push.api)}, f"/prod/{verb}/@connections/*"] for verb in ("POST", "DELETE")
    ]


def _is_of_logs(action):
    return action.startswith(("logs:", "xray:"))


# What is told


def test_every_change_of_status_and_progress_is_told(stack, jobs):
    push = JobNotifications(stack, "Push", jobs=jobs)

    rule = properties(stack, push.rule)
    assert rule["EventBusName"] == {"Ref": logical_id(stack, jobs.bus)}
    assert rule["EventPattern"] == {
        "source": ["storage-first"],
        "detail-type": ["Job Status Changed", "Job Progressed"],
    }


def test_what_could_not_be_told_is_kept_and_told_to_operators(stack, jobs):
    topic = sns.Topic(stack, "Alarms")

    push = JobNotifications(stack, "Push", jobs=jobs, alarm_topic=topic)

    letters = {"Fn::GetAtt": [logical_id(stack, push.dead_letter_queue), "Arn"]}
    (target,) = properties(stack, push.rule)["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": letters}
    assert properties(stack, push.fan_out)["DeadLetterConfig"] == {"TargetArn": letters}
    for alarm in (push.dead_letter_alarm, push.errors_alarm):
        assert properties(stack, alarm)["AlarmActions"] == [{"Ref": logical_id(stack, topic)}]
    queue = resources(stack)[logical_id(stack, push.dead_letter_queue)]
    assert queue["DeletionPolicy"] == "Retain"
    assert queue["Properties"]["MessageRetentionPeriod"] == Duration.days(14).to_seconds()


def test_undelivered_events_and_logs_go_when_they_are_told_to(stack, jobs):
    JobNotifications(stack, "Push", jobs=jobs, removal_policy=RemovalPolicy.DESTROY)

    kept = resources(stack, "AWS::SQS::Queue") | resources(stack, "AWS::Logs::LogGroup")
    assert {it["DeletionPolicy"] for it in kept.values()} == {"Delete"}
