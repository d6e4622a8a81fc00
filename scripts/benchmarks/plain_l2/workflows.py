"""The sample's workflows, written by hand: the same states, with nothing of the library."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

_ID = "$states.context.Execution.Input.id"
_INPUT = "$states.context.Execution.Input.input"
_KEY = "{% $states.context.Execution.Input.tenant & '#' & $states.context.Execution.Input.id %}"
_REFUSED = "DynamoDB.ConditionalCheckFailedException"
_TIMEOUT = sfn.Timeout.duration(Duration.seconds(30))
_ENDED = "#finishedAt = :now, #expiresAt = :expires, #version = #version + :one REMOVE #open, #checkAt"


def add_hole(scope: Construct, holes: dynamodb.TableV2, jobs: dynamodb.TableV2) -> sfn.IChainable:
    """Add a hole, and close its job."""
    place = Construct(scope, "AddHole")
    put = _put(
        place,
        "AddHole",
        holes,
        {
            "pk": f"{{% 'HOLE#' & {_ID} %}}",
            "sk": "HOLE",
            "holeId": f"{{% {_ID} %}}",
            "holeLocation": f"{{% {_INPUT}.location %}}",
        },
    )
    return _tracked(place, jobs, put)


def add_gopher(scope: Construct, holes: dynamodb.TableV2, jobs: dynamodb.TableV2) -> sfn.IChainable:
    """Add a gopher, link the holes at its location page by page, and close its job."""
    place = Construct(scope, "AddGopher")
    taken = sfn.Fail.jsonata(
        place, "NameTaken", error="NameTaken", cause=f"{{% 'There is already a ' & {_INPUT}.name %}}"
    )
    reserve = _put(
        place,
        "ReserveName",
        holes,
        {"pk": f"{{% 'NAME#' & {_INPUT}.name %}}", "sk": "NAME", "gopherId": f"{{% {_ID} %}}"},
        condition="attribute_not_exists(pk) OR gopherId = :gopherId",
    ).add_catch(taken, errors=["DynamoDb.ConditionalCheckFailedException"])
    put = _put(
        place,
        "AddGopher",
        holes,
        {
            "pk": f"{{% 'GOPHER#' & {_ID} %}}",
            "sk": "GOPHER",
            "gopherId": f"{{% {_ID} %}}",
            "name": f"{{% {_INPUT}.name %}}",
        },
        assign={"linked": 0},
    )
    link = _link_holes(place, holes)
    linked = sfn.Pass.jsonata(place, "Linked", outputs={"gopherId": f"{{% {_ID} %}}", "holes": "{% $linked %}"})
    more = sfn.Choice.jsonata(place, "MoreHoles?")
    more_holes = _query(place, "FindMoreHoles", holes, {"ExclusiveStartKey": "{% $lastKey %}"})
    more.when(sfn.Condition.jsonata("{% $exists($lastKey.pk) %}"), more_holes.next(link))
    more.otherwise(_progress(place, jobs, 90, "Holes linked").next(linked))
    work = (
        sfn.Chain.start(reserve)
        .next(put)
        .next(_progress(place, jobs, 25, "Gopher added"))
        .next(_query(place, "FindHoles", holes, {}))
        .next(_progress(place, jobs, 50, "Linking the holes at its location"))
        .next(link)
        .next(more)
    )
    return _tracked(place, jobs, work)


def _link_holes(scope: Construct, table: dynamodb.TableV2) -> sfn.Map:
    batches = sfn.Map.jsonata(
        scope,
        "LinkHoles",
        items=sfn.ProvideItems.jsonata("{% [$map($partition($states.input.holes, 25), function($b) { $b })] %}"),
        max_concurrency=5,
        outputs={},
    )
    write = _call(scope, "LinkBatch", table, "batchWriteItem", {"RequestItems": "{% $states.input %}"}, outputs={})
    rest = sfn.Choice.jsonata(scope, "AnyUnprocessed?")
    pause = sfn.Wait.jsonata(scope, "BeforeTheRest", time=sfn.WaitTime.duration(Duration.seconds(1)))
    rest.when(sfn.Condition.jsonata("{% $count($keys($states.input)) > 0 %}"), pause.next(write))
    rest.otherwise(sfn.Pass.jsonata(scope, "BatchLinked", outputs={}))
    batches.item_processor(sfn.Chain.start(write).next(rest))
    return batches


def _query(scope: Construct, id: str, table: dynamodb.TableV2, start: dict[str, Any]) -> tasks.CallAwsService:
    return _call(
        scope,
        id,
        table,
        "query",
        {
            "TableName": table.table_name,
            "IndexName": "byLocation",
            "KeyConditionExpression": "holeLocation = :location",
            "ExpressionAttributeValues": {":location": {"S": f"{{% {_INPUT}.location %}}"}},
            "Limit": 250,
            **start,
        },
        index="/index/byLocation",
        assign={"lastKey": "{% $states.result.LastEvaluatedKey %}", "linked": "{% $linked + $states.result.Count %}"},
        outputs={"holes": "{% $states.result.Items %}"},
    )


def _put(
    scope: Construct,
    id: str,
    table: dynamodb.TableV2,
    item: dict[str, str],
    *,
    condition: str | None = None,
    assign: dict[str, Any] | None = None,
) -> tasks.CallAwsService:
    parameters: dict[str, Any] = {
        "TableName": table.table_name,
        "Item": {name: {"S": value} for name, value in item.items()},
    }
    if condition:
        parameters["ConditionExpression"] = condition
        parameters["ExpressionAttributeValues"] = {":gopherId": {"S": f"{{% {_ID} %}}"}}
    return _call(scope, id, table, "putItem", parameters, assign=assign, outputs={})


def _call(
    scope: Construct,
    id: str,
    table: dynamodb.TableV2,
    action: str,
    parameters: dict[str, Any],
    *,
    outputs: dict[str, Any],
    assign: dict[str, Any] | None = None,
    index: str = "",
) -> tasks.CallAwsService:
    task = tasks.CallAwsService.jsonata(
        scope,
        id,
        service="dynamodb",
        action=action,
        parameters=parameters,
        iam_resources=[f"{table.table_arn}{index}"],
        task_timeout=_TIMEOUT,
        outputs=outputs,
        assign=assign,
    )
    task.add_retry(
        errors=["DynamoDb.InternalServerErrorException", "DynamoDb.ThrottlingException", "States.Timeout"],
        interval=Duration.seconds(1),
        max_attempts=5,
        backoff_rate=2,
        max_delay=Duration.seconds(20),
        jitter_strategy=sfn.JitterType.FULL,
    )
    return task


def _tracked(scope: Construct, jobs: dynamodb.TableV2, work: sfn.IChainable) -> sfn.IChainable:
    """Close the job as the work ends."""
    ended = {":now": _text("{% $now() %}"), ":expires": _number("{% $string($floor($millis() / 1000)) %}")}
    failed = sfn.Fail.jsonata(scope, "JobFailed", error="{% $states.input.Error %}", cause="{% $states.input.Cause %}")
    mark_failed = _write(
        scope,
        "MarkJobFailed",
        jobs,
        f"SET #status = :next, #error = :error, {_ENDED}",
        {
            ":next": _text("Failed"),
            ":error": tasks.DynamoAttributeValue.from_map(
                {"code": _text("{% $states.input.Error %}"), "message": _text("{% $states.input.Cause %}")}
            ),
            **ended,
        },
    )
    mark_failed.add_catch(failed, errors=["States.ALL"], outputs="{% $states.input %}").next(failed)
    finish = _write(
        scope,
        "FinishJob",
        jobs,
        f"SET #status = :next, #result = :result, {_ENDED}",
        {":next": _text("Succeeded"), ":result": _text("{% $string($states.input[0]) %}"), **ended},
    )
    finish.add_catch(sfn.Succeed.jsonata(scope, "JobAlreadyClosed"), errors=[_REFUSED], outputs={})
    finish.add_catch(mark_failed, errors=["States.ALL"])
    parallel = sfn.Parallel.jsonata(scope, "WorkOnJob").branch(work)
    parallel.add_catch(mark_failed, errors=["States.ALL"])
    return parallel.next(finish)


def _progress(scope: Construct, jobs: dynamodb.TableV2, percent: int, message: str) -> tasks.DynamoUpdateItem:
    report = {"percent": tasks.DynamoAttributeValue.from_number(percent), "message": _text(message)}
    return _write(
        scope,
        f"Progress {percent}%",
        jobs,
        "SET #progress = :progress, #updatedAt = :now, #version = #version + :one",
        {":progress": tasks.DynamoAttributeValue.from_map(report), ":now": _text("{% $now() %}")},
    )


def _write(
    scope: Construct,
    id: str,
    jobs: dynamodb.TableV2,
    update: str,
    values: dict[str, tasks.DynamoAttributeValue],
) -> tasks.DynamoUpdateItem:
    condition = "#status = :status AND #executionArn = :execution"
    names = {word.strip(",") for word in f"{update} {condition}".split() if word.startswith("#")}
    state = tasks.DynamoUpdateItem.jsonata(
        scope,
        id,
        table=jobs,
        key={"pk": _text(_KEY)},
        update_expression=update,
        condition_expression=condition,
        expression_attribute_names={name: name[1:] for name in sorted(names)},
        expression_attribute_values={
            **values,
            ":one": tasks.DynamoAttributeValue.from_number(1),
            ":status": _text("In Progress"),
            ":execution": _text("{% $states.context.Execution.Id %}"),
        },
        task_timeout=_TIMEOUT,
        outputs="{% $states.input %}",
    )
    state.add_retry(errors=[_REFUSED], max_attempts=0)
    state.add_retry(
        errors=["States.ALL"],
        interval=Duration.seconds(1),
        backoff_rate=2,
        max_attempts=10,
        max_delay=Duration.minutes(1),
        jitter_strategy=sfn.JitterType.FULL,
    )
    return state


def _text(value: str) -> tasks.DynamoAttributeValue:
    return tasks.DynamoAttributeValue.from_string(value)


def _number(value: str) -> tasks.DynamoAttributeValue:
    return tasks.DynamoAttributeValue.number_from_string(value)
