import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from rich.console import Console

from scripts.benchmarks import jobs, processes, rates, reader, routes, subscribers
from scripts.benchmarks.costs import PRICES, Assumptions, Line, RouteCost, UnknownPriceError, costs_of
from scripts.benchmarks.costs.batches import BatchCost, cost_of_items, tabulate_batches
from scripts.benchmarks.costs.bills import Bill, tabulate_bill, template_of
from scripts.benchmarks.costs.lines import per_million
from scripts.benchmarks.costs.tracking import Tracking, tabulate_tracking, tracking_of
from scripts.benchmarks.costs.workflows import visits_to_success
from scripts.benchmarks.figures import Figure, MeasurementError, Times, tabulate
from scripts.benchmarks.rounds import QUICK, interleave

ROOT = Path(__file__).parents[1]


def shown(*figures):
    return printed(tabulate(figures))


def printed(table):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_median_is_told_with_the_fastest_and_the_slowest_run():
    assert str(Times([0.010, 0.002, 0.0034])) == "3.4 ms (2.0 to 10.0; runs: 3)"
    assert str(Times([12.0, 14.5])) == "13.25 s (12.00 to 14.50; runs: 2)"


def test_no_runs_have_no_median():
    with pytest.raises(ValueError, match="at least one run"):
        Times([])


def test_an_overhead_is_taken_from_every_run():
    assert Times([3.0, 5.0]).minus(1.0) == Times([2.0, 4.0])


def test_a_ratio_is_of_medians():
    figure = Figure(what="slow", times=Times([9.0, 6.0, 100.0]), against="fast", baseline=Times([1.0, 3.0, 3.0]))

    assert figure.ratio == 3.0


@pytest.mark.parametrize(("most", "met"), [(3, True), (2.9, False), (None, None)])
def test_an_aim_is_for_the_ratio(most, met):
    figure = Figure(what="slow", times=Times([9.0]), against="fast", baseline=Times([3.0]), most=most)

    assert figure.met is met


@pytest.mark.parametrize(("most", "met"), [(60, True), (59, False)])
def test_an_aim_is_for_the_seconds_where_nothing_is_compared(most, met):
    figure = Figure(what="slow", times=Times([60.0]), most=most)

    assert figure.met is met


def test_the_table_tells_ratio_aim_and_verdict():
    good = Figure(what="front", times=Times([9.0]), against="emulator", baseline=Times([3.0]), most=3)
    bad = Figure(what="demo", times=Times([61.0]), most=60)

    table = shown(good, bad)

    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines() if "│" in line]
    assert lines == [
        ["front", "9.00 s (9.00 to 9.00; runs: 1)", "3.00", "at most 3", "yes"],
        ["to emulator", "3.00 s (3.00 to 3.00; runs: 1)", "", "", ""],
        ["demo", "61.00 s (61.00 to 61.00; runs: 1)", "", "at most 60 s", "no"],
    ]


def test_actions_are_timed_in_turns_and_none_is_always_first():
    order = []

    times = interleave(range(2), {"a": lambda: order.append("a"), "b": lambda: order.append("b")})

    assert order == ["a", "b", "b", "a"]
    assert {name: len(of_one.seconds) for name, of_one in times.items()} == {"a": 2, "b": 2}


def test_a_program_that_fails_is_no_measurement(monkeypatch):
    monkeypatch.setattr(processes, "_HANDLERS", ("nothing_of_the_kind",))

    with pytest.raises(MeasurementError, match=r"ModuleNotFoundError: .*nothing_of_the_kind"):
        list(processes.measure_imports(QUICK, track))


def track(rounds, text):
    return range(rounds)


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """The sample's template, and that of the same resources written with plain L2 constructs."""
    sample, plain = (tmp_path_factory.mktemp(name) for name in ("sample", "plain"))
    processes.synth_sample(sample)
    processes.synth_plain(plain, processes.asset_of(sample))
    return [json.loads((output / "GopherHoles.template.json").read_text()) for output in (sample, plain)]


def test_the_plain_app_has_the_sample_s_resources(templates):
    sample, plain = (Counter(resource["Type"] for resource in template["Resources"].values()) for template in templates)

    assert plain == sample


def test_the_plain_app_has_the_sample_s_states(templates):
    sample, plain = (sorted(map(state_types, machines(template))) for template in templates)

    assert plain == sample


def machines(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            separator, parts = resource["Properties"]["DefinitionString"]["Fn::Join"]
            yield json.loads(separator.join(part if isinstance(part, str) else "token" for part in parts))


def state_types(value):
    """The types of all states of a machine, sorted, however deep they are."""
    if isinstance(value, list):
        return sorted(found for item in value for found in state_types(item))
    if not isinstance(value, dict):
        return []
    states = value.get("States", {})
    own = [state["Type"] for state in states.values()]
    inner = [found for name, item in value.items() if name != "States" for found in state_types(item)]
    return sorted([*own, *inner, *(found for state in states.values() for found in state_types(state))])


def resource(type, **properties):
    return {"Type": type, "Properties": properties}


def ref(logical_id):
    return {"Ref": logical_id}


def attribute(logical_id, name):
    return {"Fn::GetAtt": [logical_id, name]}


def joined(*parts):
    return {"Fn::Join": ["", list(parts)]}


def one_route(service, call, *, request="{}", method="POST", stage=None, **others):
    """A template with `POST /orders`, which calls a service; `call` is the end of the integration's URI."""
    uri = joined("arn:", ref("AWS::Partition"), ":apigateway:", ref("AWS::Region"), f":{service}:", *call)
    integration = {
        "Type": "AWS",
        "IntegrationHttpMethod": method,
        "Uri": uri,
        "RequestTemplates": {"application/json": request},
    }
    return {
        "Resources": {
            "Api": resource("AWS::ApiGateway::RestApi", Name="Api"),
            "Orders": resource(
                "AWS::ApiGateway::Resource",
                RestApiId=ref("Api"),
                ParentId=attribute("Api", "RootResourceId"),
                PathPart="orders",
            ),
            "OrdersPost": resource(
                "AWS::ApiGateway::Method",
                RestApiId=ref("Api"),
                ResourceId=ref("Orders"),
                HttpMethod="POST",
                Integration=integration,
            ),
            "Preflight": resource(
                "AWS::ApiGateway::Method",
                RestApiId=ref("Api"),
                ResourceId=ref("Orders"),
                HttpMethod="OPTIONS",
                Integration={"Type": "MOCK"},
            ),
            "Stage": resource("AWS::ApiGateway::Stage", RestApiId=ref("Api"), StageName="prod", **(stage or {})),
            **others,
        }
    }


def to_queue(**queue):
    path = ["path/", ref("AWS::AccountId"), "/", attribute("Queue", "QueueName")]
    request = "Action=SendMessage&MessageBody=x"
    return one_route("sqs", path, request=request, Queue=resource("AWS::SQS::Queue", **queue))


def to_table(*, action="UpdateItem", **table):
    properties = {"BillingMode": "PAY_PER_REQUEST", **table}
    return one_route(
        "dynamodb",
        [f"action/{action}"],
        request=joined('{"TableName":"', ref("Table"), '"}'),
        Table=resource("AWS::DynamoDB::GlobalTable", **properties),
    )


def usd(cost):
    """The items of a route in USD for a million requests, to the cent."""
    return {line.what: round(1_000_000 * line.usd, 2) for line in cost.lines if line.usd}


def test_a_route_s_items_are_the_gateway_s_the_stage_s_and_the_service_s():
    template = to_queue()
    # A gigabyte of log costs 0.50: a million lines of 1074 bytes are one.
    template["Resources"]["Stage"]["Properties"] |= {
        "TracingEnabled": True,
        "AccessLogSetting": {"Format": "x" * 1074},
    }

    (cost,) = costs_of(template)

    assert (cost.route, cost.calls) == ("POST /orders", "sqs:SendMessage")
    assert usd(cost) == {"API Gateway": 3.5, "traces": 0.25, "logs": 0.5, "SQS": 0.4}
    assert cost.direct == pytest.approx(4.65, abs=0.001)


def test_a_function_between_costs_its_request_its_time_and_its_log():
    (cost,) = costs_of(to_queue(), Assumptions(lambda_seconds=0.1, lambda_megabytes=512, lambda_log_bytes=1074))

    # 0.20 for the requests, 100,000 s x 0.5 GB at 0.0000133334, and one gigabyte of log.
    assert cost.by_function - cost.direct == pytest.approx(0.20 + 50_000 * 0.0000133334 + 0.50, abs=0.001)
    assert cost.by_http_api == pytest.approx(cost.by_function - 2.50)


STORES = {
    "SQS FIFO": (to_queue(FifoQueue=True), {"SQS FIFO": 0.5}),
    "an item of 1.5 KB": (to_table(), {"DynamoDB writes": 1.25}),
    "an item, and an entry in each of two indexes": (
        to_table(GlobalSecondaryIndexes=[{"IndexName": "a"}, {"IndexName": "b"}]),
        {"DynamoDB writes": 2.5},
    ),
    "a read": (to_table(action="GetItem"), {"DynamoDB reads": 0.12}),
    "SNS": (
        one_route(
            "sns",
            ["path//"],
            request=joined("Action=Publish&TopicArn=$util.urlEncode('", ref("Topic"), "')"),
            Topic=resource("AWS::SNS::Topic"),
            ToQueue=resource("AWS::SNS::Subscription", TopicArn=ref("Topic"), Protocol="sqs"),
            ToHttp=resource("AWS::SNS::Subscription", TopicArn=ref("Topic"), Protocol="https"),
            OfAnother=resource("AWS::SNS::Subscription", TopicArn="arn:aws:sns:x:y:other", Protocol="https"),
        ),
        {"SNS": 0.5, "SNS to HTTP": 0.6},
    ),
    # A million records of 1 KB are 0.9537 GB.
    "Kinesis": (
        one_route(
            "kinesis",
            ["action/PutRecord"],
            request=joined('{"StreamName":"', ref("Stream"), '"}'),
            Stream=resource("AWS::Kinesis::Stream", StreamModeDetails={"StreamMode": "ON_DEMAND"}),
        ),
        {"Kinesis on-demand": 0.08},
    ),
    "Kinesis with shards": (
        one_route(
            "kinesis",
            ["action/PutRecord"],
            request=joined('{"StreamName":"', ref("Stream"), '"}'),
            Stream=resource("AWS::Kinesis::Stream", ShardCount=3),
        ),
        {"Kinesis provisioned": 0.01},
    ),
    "SNS FIFO": (
        one_route(
            "sns",
            ["path//"],
            request=joined("Action=Publish&TopicArn=", ref("Topic")),
            Topic=resource("AWS::SNS::Topic", FifoTopic=True),
        ),
        # A million messages of 1.5 KB are 1.43 GB.
        {"SNS FIFO": 0.3, "SNS FIFO data": 0.02},
    ),
    "EventBridge": (one_route("events", ["action/PutEvents"]), {"EventBridge": 1.0}),
    "S3": (
        one_route("s3", ["path/", ref("Bucket"), "/{key}"], method="PUT", Bucket=resource("AWS::S3::Bucket")),
        {"S3": 5.0},
    ),
    "a read from S3, of what is not in the template": (
        one_route("s3", ["path/cdk-assets/page.html"], method="GET"),
        {"S3 reads": 0.4},
    ),
    "S3 with a key": (
        one_route(
            "s3",
            ["path/", ref("Bucket"), "/{key}"],
            method="PUT",
            Bucket=resource(
                "AWS::S3::Bucket",
                BucketEncryption={
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
                    ]
                },
            ),
        ),
        {"S3": 5.0, "KMS": 3.0},
    ),
    "Step Functions Express": (
        one_route(
            "states",
            ["action/StartExecution"],
            request=joined('{"stateMachineArn":"', ref("Machine"), '"}'),
            Machine=resource(
                "AWS::StepFunctions::StateMachine",
                StateMachineType="EXPRESS",
                DefinitionString=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
            ),
        ),
        {"Step Functions Express": 1.0, "Step Functions Express, time": 1.04},
    ),
    "Step Functions": (
        one_route(
            "states",
            ["action/StartExecution"],
            request=joined('{"stateMachineArn":"', ref("Machine"), '"}'),
            Machine=resource(
                "AWS::StepFunctions::StateMachine",
                DefinitionString=json.dumps(
                    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
                ),
            ),
        ),
        {"Step Functions": 50.0},
    ),
}


@pytest.mark.parametrize(("template", "items"), STORES.values(), ids=STORES)
def test_each_store_has_its_price(template, items):
    (cost,) = costs_of(template)

    assert usd(cost) == {"API Gateway": 3.5, **items}


@pytest.mark.parametrize(
    ("template", "body", "item", "price"),
    [
        (to_table(), 3 * 1024, "DynamoDB writes", 4 * 0.625),
        (to_queue(), 64 * 1024, "SQS", 2 * 0.40),
        (one_route("events", ["action/PutEvents"]), 128 * 1024, "EventBridge", 3.0),
    ],
)
def test_what_is_larger_costs_more_units(template, body, item, price):
    (cost,) = costs_of(template, Assumptions(body_bytes=body))

    assert usd(cost)[item] == price


def test_a_stream_costs_its_hours_besides():
    (on_demand,), (with_shards,) = (costs_of(STORES[name][0]) for name in ("Kinesis", "Kinesis with shards"))

    assert on_demand.monthly == pytest.approx(730 * 0.04)
    assert with_shards.monthly == pytest.approx(3 * 730 * 0.015)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (one_route("iot", ["path/topics/x"]), "POST /orders calls iot:topics/x, which has no price"),
        (one_route("sqs", ["path/1/q"], request="Action=SendMessage"), "POST /orders calls sqs:SendMessage, and the"),
        (to_table(BillingMode="PROVISIONED"), "POST /orders calls dynamodb:UpdateItem on Table, whose capacity is"),
    ],
)
def test_what_has_no_price_is_an_error_that_names_it_never_zero(template, complaint):
    with pytest.raises(UnknownPriceError, match=complaint):
        costs_of(template)


def test_an_integration_with_no_service_has_no_price():
    template = to_queue()
    integration = {"Type": "HTTP_PROXY", "Uri": "https://example.com"}
    template["Resources"]["OrdersPost"]["Properties"]["Integration"] = integration

    with pytest.raises(UnknownPriceError, match="POST /orders has an integration of type HTTP_PROXY with https://ex"):
        costs_of(template)


def test_what_api_gateway_answers_itself_costs_no_more_than_the_request():
    template = to_queue()
    template["Resources"]["OrdersPost"]["Properties"]["Integration"] = {"Type": "MOCK"}

    (cost,) = costs_of(template)

    assert usd(cost) == {"API Gateway": 3.5}


def test_a_subscriber_without_a_price_is_an_error():
    template = STORES["SNS"][0]
    sms = resource("AWS::SNS::Subscription", TopicArn=ref("Topic"), Protocol="sms")

    with pytest.raises(UnknownPriceError, match="POST /orders publishes to a subscriber over sms"):
        costs_of({"Resources": {**template["Resources"], "Sms": sms}})


def test_a_web_acl_looks_at_each_request():
    template = to_queue()
    stage = joined("arn:aws:apigateway:us-east-1::/restapis/", ref("Api"), "/stages/prod")
    template["Resources"]["Acl"] = resource("AWS::WAFv2::WebACLAssociation", ResourceArn=stage)

    (cost,) = costs_of(template)

    assert usd(cost) == {"API Gateway": 3.5, "WAF": 0.6, "SQS": 0.4}


def test_a_route_to_a_function_costs_the_function_and_has_no_other_way():
    uri = ["path/2015-03-31/functions/", attribute("Function", "Arn"), "/invocations"]
    function = resource("AWS::Lambda::Function", MemorySize=1024, Architectures=["x86_64"], Handler="index.handler")

    (cost,) = costs_of(one_route("lambda", uri, Function=function), Assumptions(lambda_seconds=1, lambda_log_bytes=0))

    assert usd(cost) == {"API Gateway": 3.5, "Lambda requests": 0.2, "Lambda time, x86": 16.67}
    assert cost.function == []


def state_names(definition):
    return [visit.state["Comment"] for visit in visits_to_success(definition)]


def machine_of(**states):
    named = {name: {"Comment": name, **state} for name, state in states.items()}
    return {"StartAt": next(iter(named)), "States": named}


def test_the_shortest_way_to_a_success_is_counted():
    definition = machine_of(
        Start={"Type": "Choice", "Choices": [{"Next": "Long"}, {"Next": "Broken"}], "Default": "Again"},
        Long={"Type": "Pass", "Next": "Longer"},
        Longer={"Type": "Pass", "Next": "Short"},
        Again={"Type": "Wait", "Next": "Start"},
        Broken={"Type": "Fail"},
        Short={"Type": "Pass", "End": True},
    )

    assert state_names(definition) == ["Start", "Long", "Longer", "Short"]


def test_all_branches_and_one_item_are_counted():
    inner = machine_of(Inner={"Type": "Pass", "End": True})
    definition = machine_of(
        Both={"Type": "Parallel", "Branches": [inner, inner], "Next": "Each"},
        Each={"Type": "Map", "ItemProcessor": inner, "End": True},
    )

    assert state_names(definition) == ["Both", "Inner", "Inner", "Each", "Inner"]


def test_a_workflow_that_cannot_succeed_has_no_cost():
    with pytest.raises(MeasurementError, match="No way from the state 'Broken' leads to a success"):
        visits_to_success(machine_of(Broken={"Type": "Fail"}))


def in_rounds(size, **others):
    """A machine that works on its items, so many in each round, and does something after each."""
    first = f"{{% {{'from': 0, 'size': {size}, 'all': $count($states.context.Execution.Input.input.items)}} %}}"
    return machine_of(
        Begin={"Type": "Pass", "Assign": {"at": first}, "Next": "Round"},
        Round={
            "Type": "Map",
            "Items": "{% [$at.from..$min([$at.from + $at.size, $at.all]) - 1] %}",
            "ItemProcessor": machine_of(Item={"Type": "Pass", "End": True}),
            "Next": "Tell",
            **others,
        },
        Tell={"Type": "Pass", "Next": "More"},
        More={"Type": "Choice", "Choices": [{"Next": "Round"}], "Default": "End"},
        End={"Type": "Succeed"},
    )


@pytest.mark.parametrize(("items", "rounds"), [(1, 1), (20, 1), (21, 2), (1000, 50)])
def test_a_map_is_entered_in_each_round_and_each_item_once(items, rounds):
    visits = visits_to_success(in_rounds(20), items)

    entered = {visit.state["Comment"]: visit.times for visit in visits}
    assert entered == {"Begin": 1, "Round": rounds, "Item": items, "Tell": rounds, "More": rounds, "End": 1}
    assert [visit.state["Comment"] for visit in visits if visit.of_item] == ["Item"]


@pytest.mark.parametrize("given", ["{% [] %}", "{% $nothing %}", "{% $sum('x') %}"])
def test_rounds_that_cannot_be_told_are_no_cost(given):
    with pytest.raises(MeasurementError, match=r"cannot be (told|evaluated)"):
        visits_to_success(in_rounds(20, Items=given), 1000)


def update(expression):
    arguments = {"TableName": "Table", "UpdateExpression": expression}
    return {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Arguments": arguments}


def index(name, *key):
    return {"IndexName": name, "KeySchema": [{"AttributeName": attribute} for attribute in key]}


def tracked():
    """`POST /orders` stores jobs of the type `order`, whose workflow tells of its progress once."""
    definition = {
        "StartAt": "Tell",
        "States": {
            "Tell": {**update("SET #progress = :progress"), "Next": "Finish"},
            "Finish": {**update("SET #status = :next REMOVE #open, checkAt"), "End": True},
        },
    }
    template = to_table(
        GlobalSecondaryIndexes=[
            index("open", "open", "checkAt"),
            index("newest", "tenant"),
            index("status", "status"),
            index("waiting", "waitingFor", "createdAt"),
        ]
    )
    request = joined(
        '{"TableName":"',
        ref("Table"),
        '","UpdateExpression":"SET #1 = if_not_exists(#1, :1)","ExpressionAttributeValues":{":3":{"S":"order"}}}',
    )
    integration = template["Resources"]["OrdersPost"]["Properties"]["Integration"]
    integration["RequestTemplates"] = {"application/json": request}

    def function(handler, **variables):
        return resource(
            "AWS::Lambda::Function",
            Handler=f"lambdas.jobs.{handler}.handler",
            MemorySize=512,
            Architectures=["arm64"],
            Environment={"Variables": variables},
        )

    workflows = joined('{"order":{"name":"', ref("Machine"), '"},"other":{"name":"', ref("OtherMachine"), '"}}')
    pattern = {"detail": {"stateMachineArn": [ref("Machine")], "status": ["SUCCEEDED", "FAILED"]}}
    template["Resources"] |= {
        "Machine": resource("AWS::StepFunctions::StateMachine", DefinitionString=json.dumps(definition)),
        "OtherMachine": resource("AWS::StepFunctions::StateMachine", DefinitionString=json.dumps(definition)),
        "Reader": function("stream_reader", WORKFLOWS=workflows),
        "Ended": function("execution_ended"),
        "Stream": resource(
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn=attribute("Table", "StreamArn"),
            FunctionName=ref("Reader"),
        ),
        "Rule": resource("AWS::Events::Rule", EventPattern=pattern, Targets=[{"Arn": attribute("Ended", "Arn")}]),
    }
    return template


def test_a_change_of_a_job_costs_what_it_writes_and_moves():
    template = tracked()
    integration = template["Resources"]["OrdersPost"]["Properties"]["Integration"]
    request = joined('{"TableName":"', ref("Table"), '","UpdateExpression":"SET ${hash}status = :cancelled"}')
    integration["RequestTemplates"] = {"application/json": request}

    (cost,) = costs_of(template)

    assert usd(cost) == {"API Gateway": 3.5, "DynamoDB writes": round((2 + 4) * 0.625, 2)}


def test_a_tracked_job_costs_all_until_it_is_succeeded():
    (cost,) = costs_of(tracked(), Assumptions(lambda_seconds=1, lambda_log_bytes=0))

    # Stored 2 + 3, claimed 2 + 5, progress 2 + 3, finished 2 + 4, and the write that finds it closed 2.
    assert usd(cost)["DynamoDB writes"] == round(25 * 0.625, 2)
    assert usd(cost)["Step Functions"] == 2 * 25
    # Stored, claimed, progress, finished: each is read, and published. One more function hears of the end.
    assert usd(cost)["EventBridge"] == 4.0
    assert usd(cost)["Lambda requests"] == 1.0
    assert usd(cost)["Lambda time, Arm"] == round(5 * 0.5 * 13.3334, 2)


def test_a_job_whose_workflow_is_not_known_has_no_price():
    template = tracked()
    template["Resources"]["Reader"]["Properties"]["Environment"]["Variables"]["WORKFLOWS"] = "{}"

    with pytest.raises(UnknownPriceError, match="POST /orders stores jobs whose workflow cannot be told"):
        costs_of(template)


def test_items_of_a_batch_cost_their_records_and_their_own_executions():
    template = tracked()
    create = update("SET #tenant = :tenant, #status = :status")
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": "OtherMachine"},
    }
    item = {"StartAt": "Record", "States": {"Record": {**create, "Next": "Run"}, "Run": {**start, "End": True}}}
    batch = {
        "StartAt": "Each",
        "States": {
            "Each": {"Type": "Map", "ItemProcessor": item, "Next": "Finish"},
            "Finish": {**update("SET #status = :next, #result = :result"), "End": True},
        },
    }
    template["Resources"]["Machine"]["Properties"]["DefinitionString"] = json.dumps(batch)
    rule = template["Resources"]["Rule"]["Properties"]
    rule["EventPattern"]["detail"]["stateMachineArn"] = [ref("Machine"), ref("OtherMachine")]

    (cost,) = costs_of(template, Assumptions(body_bytes=10 * 512, around_bytes=512, result_bytes=1024, items=10))

    # The batch is 6 KB: stored with 3 entries, claimed with 5, finished with 4 and its result, and found closed.
    # An item is 1 KB: recorded, progress, finished, and found closed; none of it is in an index.
    assert usd(cost)["DynamoDB writes"] == round(((6 + 3) + (6 + 5) + (7 + 4) + 7 + 10 * 4) * 0.625, 2)
    assert usd(cost)["Step Functions"] == (2 + 10 * 2 + 10 * 2) * 25
    # Only changes of the batch itself are read and published; each execution's end is heard of.
    assert usd(cost)["EventBridge"] == 3.0
    assert usd(cost)["Lambda requests"] == round((3 + 1 + 10) * 0.2, 2)


def wrapped(*, caught=True, after=("Finish",)):
    """The template of a tracker whose one workflow works, and then enters the states `after`."""
    following = [*after, None]
    states = {
        name: {"Type": "Pass", **({"Next": then} if then else {"End": True})}
        for name, then in zip(after, following[1:], strict=True)
    }
    work = {"Type": "Parallel", "Branches": [machine_of(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"})]}
    catch = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Mark"}]} if caught else {}
    definition = {
        "StartAt": "Work",
        "States": {
            "Work": {**work, **catch, "Next": after[0]},
            **states,
            "Mark": {"Type": "Task", "Next": "Failed"},
            "Failed": {"Type": "Fail"},
        },
    }
    template = tracked()
    template["Resources"]["Machine"]["Properties"]["DefinitionString"] = json.dumps(definition)
    workflows = joined('{"order":{"name":"', ref("Machine"), '"},"old":{"name":"', ref("OtherMachine"))
    workflows["Fn::Join"][1].append('","existing":true}}')
    template["Resources"]["Reader"]["Properties"]["Environment"]["Variables"]["WORKFLOWS"] = workflows
    return template


@pytest.mark.parametrize(
    ("template", "success", "failure"),
    [
        (wrapped(), 2, 3),
        (wrapped(caught=False), 2, 1),
        (wrapped(after=("Finish", "Tell", "Clean")), 4, 3),
    ],
    ids=["as the tracker does", "a failure is left to others", "too many"],
)
def test_what_tracking_adds_is_all_that_is_not_the_work(template, success, failure):
    assert list(tracking_of(template)) == [Tracking(job_type="order", success=success, failure=failure)]


@pytest.mark.parametrize(("success", "failure", "met"), [(2, 3, "yes"), (4, 3, "no"), (2, 4, "no")])
def test_more_than_three_transitions_miss_the_aim(success, failure, met):
    table = printed(tabulate_tracking([Tracking(job_type="order", success=success, failure=failure)]))

    assert re.search(rf"order +│ +{success} │ +{failure} │ +at most 3 │ +{met} │", table)


def test_a_batch_is_shown_beside_single_jobs():
    cost = BatchCost(batched=[Line("Step Functions", 5)], single=[Line("API Gateway", 1), Line("Step Functions", 3)])

    table = printed(tabulate_batches(cost))

    assert cost.difference == pytest.approx(125 - 78.5)
    assert re.search(r"API Gateway +│ +0\.00 │ +3\.50 │", table)
    assert re.search(r"Sum +│ +125\.00 │ +78\.50 │", table)


def test_a_bill_names_each_item():
    lines = [Line("API Gateway", 1), Line("SQS FIFO", 1)]
    cost = RouteCost(route="POST /orders", calls="sqs:SendMessage", lines=lines, function=[Line("Lambda requests", 1)])

    table = printed(tabulate_bill(Bill(app="an app", routes=[cost])))

    assert "API Gateway 3.50 + SQS FIFO 0.50" in table
    assert re.search(r"4\.00 │ +4\.20 │ +1\.70 │", table)


@pytest.fixture(scope="module")
def stores_template():
    """The app with one route for each store."""
    return template_of(processes.synth_stores, "Stores")


@pytest.fixture(scope="module")
def store_costs(stores_template):
    return {cost.route: cost for cost in costs_of(stores_template)}


@pytest.fixture(scope="module")
def item_cost():
    """What items cost in batches of the example, and as single jobs."""
    template = template_of(processes.synth_batch, "Reports")
    return cost_of_items(template, batch="POST /reports/batch", single="POST /reports")


def rows(heading, page="costs.md"):
    """The rows of a table of a page in docs, by their first cell."""
    section = (ROOT / "docs" / page).read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
    return {first: rest for first, *rest in cells[2:]}


def test_the_page_about_costs_tells_every_price():
    told = rows("Prices")

    assert told == {
        name: [
            f"{price.usd:g}",
            price.unit if price.per == 1 else f"a million {price.unit}",
            f"[{price.page.split('/')[1]}](https://aws.amazon.com{price.page})",
            price.compared,
        ]
        for name, price in PRICES.items()
    }


def test_the_page_about_costs_tells_what_routes_cost(store_costs):
    told = {first.split("`")[1]: [float(cell) for cell in rest] for first, rest in rows("What the figures say").items()}

    computed = {route: [cost.direct, cost.by_function, cost.by_http_api] for route, cost in store_costs.items()}
    # An access log with one field more costs some cents.
    assert told == {route: pytest.approx(figures, abs=0.25) for route, figures in computed.items()}


def test_what_the_page_about_costs_says_of_its_figures_is_so(store_costs):
    sqs, kinesis, job = (store_costs[f"POST /{name}"] for name in ("sqs", "kinesis", "job"))

    saved = sqs.by_function - sqs.direct
    assert saved == pytest.approx(0.67, abs=0.005)
    assert saved / sqs.direct == pytest.approx(1 / 7, abs=0.01)
    assert saved / job.direct < 1 / 100
    assert sqs.direct - sqs.by_http_api == pytest.approx(1.83, abs=0.005)
    assert usd(job)["Step Functions"] == 75
    assert job.direct - store_costs["POST /dynamodb"].direct - 75 == pytest.approx(23.2, abs=0.5)
    assert kinesis.monthly == pytest.approx(29.20)
    assert kinesis.monthly / (sqs.direct - kinesis.direct) == pytest.approx(90, abs=2)


def test_tracking_adds_at_most_three_transitions(stores_template):
    (tracking,) = tracking_of(stores_template)

    assert tracking.met
    assert (tracking.success, tracking.failure) == (2, 3)  # as docs/costs.md says


def test_the_page_about_costs_tells_what_items_of_batches_cost(item_cost):
    told = {what: [float(cell) for cell in rest] for what, rest in rows("Batches").items()}

    computed = [{line.what: per_million([line]) for line in lines} for lines in (item_cost.batched, item_cost.single)]
    sums = [per_million(lines) for lines in (item_cost.batched, item_cost.single)]
    whats = computed[1]
    assert told == {
        **{what: pytest.approx([of_one[what] for of_one in computed], abs=0.25) for what in whats},
        "sum": pytest.approx(sums, abs=0.5),
    }


def test_the_page_about_batches_tells_the_same_sums(item_cost):
    told = [float(cell.strip("*")) for cell in rows("What it costs", "batch.md")["**sum**"]]

    assert told == pytest.approx([per_million(item_cost.batched), per_million(item_cost.single)], abs=0.5)


def answering(status):
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, text="why")))


def test_a_rate_is_of_requests_that_were_stored():
    with answering(202) as http:
        rates.store(http, "http://front/sqs")


@pytest.mark.parametrize("status", [200, 429, 503])
def test_an_answer_that_is_no_202_is_no_measurement(status):
    with answering(status) as http, pytest.raises(MeasurementError, match=f"answered {status}, not 202: why"):
        rates.store(http, "http://front/sqs")


def test_a_rate_tells_what_the_front_leaves():
    table = printed(rates.tabulate_rates([rates.Rate(store="SQS", requests=300, front=120.4, service=200.0)]))

    assert re.search(r"SQS +│ +300 │ +120/s │ +200/s │ +0\.60", table)


def test_jobs_that_do_not_end_are_no_measurement(monkeypatch):
    monkeypatch.setattr(jobs, "_TIMEOUT", 0.0)

    with pytest.raises(MeasurementError, match="Of 20 jobs, 19 have succeeded"):
        jobs._wait_for(20, lambda: 19, "jobs")


def test_a_record_that_the_reader_fails_is_no_measurement(monkeypatch):
    monkeypatch.setattr(reader.stream_reader, "handler", lambda event, _: {"batchItemFailures": event["Records"]})

    with pytest.raises(SystemExit, match="The stream reader failed 2 records"):
        reader._handle([{}, {}])


def test_the_time_of_a_batch_is_shared_by_its_records(monkeypatch, tmp_path):
    seen = Counter()
    monkeypatch.setattr(reader, "_stored", lambda job_type, size: [job_type] * size)
    monkeypatch.setattr(reader, "_handle", lambda images: seen.update(handler=len(images)))
    monkeypatch.setattr(reader, "_call", lambda images: seen.update(calls=len(images)))
    monkeypatch.setattr(reader, "interleave", lambda rounds, actions: run_all(rounds, actions, seconds=5.0))

    reader.main("nothing", 50, 2, tmp_path / "seconds")

    assert json.loads((tmp_path / "seconds").read_text()) == {"handler": [0.1, 0.1], "calls": [0.1, 0.1]}
    assert seen == {"handler": 150, "calls": 150}  # of which 50 each are not timed


def run_all(rounds, actions, *, seconds):
    for _ in rounds:
        for action in actions.values():
            action()
    return {name: Times([seconds] * max(len(rounds), 1)) for name in actions}


class Told:
    """A subscriber who hears some messages, and then nothing."""

    def __init__(self, *messages):
        self.messages = [json.dumps(message) for message in messages]

    def recv(self, timeout):
        if timeout <= 0 or not self.messages:
            raise TimeoutError
        return self.messages.pop(0)


def test_a_subscriber_hears_until_what_is_awaited():
    client = Told({"version": 1}, {"version": 2}, {"version": 3})

    subscribers.hear(client, lambda message: message["version"] == 2)

    assert client.messages == ['{"version": 3}']


def test_a_subscriber_who_is_not_told_is_no_measurement():
    with pytest.raises(MeasurementError, match="has not been told"):
        subscribers.hear(Told({"version": 1}), lambda message: message["version"] == 2)


def test_requests_go_to_the_rest_api_of_a_stack_that_has_a_websocket_api_too():
    def api(stack, protocol, url):
        return SimpleNamespace(stack=stack, protocol=protocol, url=url)

    cloud = SimpleNamespace(
        endpoint="http://emulator",
        outputs={routes.BESIDE: {routes.TABLE: "table"}},
        apis=[
            api("Sample", "REST", "http://front/"),
            api(routes.BESIDE, "REST", "http://beside/"),
            api("Sample", "WEBSOCKET", "ws://push/"),
        ],
    )
    sent = []

    def answer(request):
        sent.append(str(request.url))
        return httpx.Response(202, json={"id": "j-1"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        job = routes._Routes(cloud, http).store()

    assert (job, sent) == ("j-1", ["http://front/holes"])
    assert subscribers.push_address(cloud) == "ws://push/"
