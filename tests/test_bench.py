import json
import re
from collections import Counter
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from scripts.benchmarks import processes, rates
from scripts.benchmarks.costs import PRICES, Assumptions, Line, RouteCost, UnknownPriceError, costs_of
from scripts.benchmarks.costs.bills import Bill, tabulate_bill
from scripts.benchmarks.costs.workflows import states_to_success
from scripts.benchmarks.figures import Figure, MeasurementError, Times, tabulate
from scripts.benchmarks.rounds import interleave

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
        list(
            processes.measure_imports(
                processes.Plan(requests=1, jobs=1, synths=1, imports=1, demos=1, rate_requests=1), track
            )
        )


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
    template["Resources"]["OrdersPost"]["Properties"]["Integration"] = {"Type": "MOCK"}

    with pytest.raises(UnknownPriceError, match="POST /orders has an integration of type MOCK"):
        costs_of(template)


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
    return [state["Comment"] for state in states_to_success(definition)]


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
        states_to_success(machine_of(Broken={"Type": "Fail"}))


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


def test_a_bill_names_each_item():
    lines = [Line("API Gateway", 1), Line("SQS FIFO", 1)]
    cost = RouteCost(route="POST /orders", calls="sqs:SendMessage", lines=lines, function=[Line("Lambda requests", 1)])

    table = printed(tabulate_bill(Bill(app="an app", routes=[cost])))

    assert "API Gateway 3.50 + SQS FIFO 0.50" in table
    assert re.search(r"4\.00 │ +4\.20 │ +1\.70 │", table)


@pytest.fixture(scope="module")
def store_costs(tmp_path_factory):
    """What the routes of the app cost that has one for each store."""
    output = tmp_path_factory.mktemp("stores")
    processes.synth_stores(output)
    return {cost.route: cost for cost in costs_of(json.loads((output / "Stores.template.json").read_text()))}


def rows(heading):
    """The rows of a table of docs/costs.md, by their first cell."""
    section = (ROOT / "docs" / "costs.md").read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
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
