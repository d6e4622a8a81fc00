"""The work of Gopher Holes: Step Functions calls DynamoDB by itself, so there is no code to run.

A job's id is the id of the entity that it creates, so each state can run twice and leave the same items.
"""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from constructs_lib import JobTracker
from storage_first.sample.holes_table import BY_LOCATION

# A page of holes must fit into a state's 256 KiB, and BatchWriteItem takes 25 items.
_PAGE = 250
_BATCH = 25

_JOB = "$states.context.Execution.Input"
_ID = f"{_JOB}.id"
_INPUT = f"{_JOB}.input"

_CALL_TIMEOUT = Duration.seconds(30)


def add_hole(scope: Construct, table: dynamodb.ITableV2) -> sfn.IChainable:
    """Add a hole; its id is the job's."""
    item = {
        "pk": {"S": f"{{% 'HOLE#' & {_ID} %}}"},
        "sk": {"S": "HOLE"},
        "holeId": {"S": f"{{% {_ID} %}}"},
        "holeLocation": {"S": f"{{% {_INPUT}.location %}}"},
        "depth": {"N": f"{{% $string($exists({_INPUT}.depth) ? {_INPUT}.depth : 0) %}}"},
    }
    return _put_item(scope, "AddHole", table, item, outputs={"holeId": f"{{% {_ID} %}}"})


def add_gopher(scope: Construct, table: dynamodb.ITableV2, jobs: JobTracker) -> sfn.IChainable:
    """Add a gopher, find the holes at its location, and link them, page by page.

    Fails with `NameTaken` when another gopher has the name.
    """
    reserve_name = _reserve_name(scope, table)
    put_gopher = _put_item(
        scope,
        "AddGopher",
        table,
        {
            "pk": {"S": f"{{% 'GOPHER#' & {_ID} %}}"},
            "sk": {"S": "GOPHER"},
            "gopherId": {"S": f"{{% {_ID} %}}"},
            "name": {"S": f"{{% {_INPUT}.name %}}"},
            "location": {"S": f"{{% {_INPUT}.location %}}"},
        },
        assign={"linked": 0},
    )
    find_holes = _find_holes(scope, table)
    link_holes = _link_holes(scope, table)
    linked = sfn.Pass.jsonata(scope, "Linked", outputs={"gopherId": f"{{% {_ID} %}}", "holes": "{% $linked %}"})
    more = sfn.Choice.jsonata(scope, "MoreHoles?")

    more.when(sfn.Condition.jsonata("{% $exists($lastKey.pk) %}"), _next_holes(scope, table).next(link_holes))
    more.otherwise(jobs.progress(90, "Holes linked").next(linked))
    return (
        sfn.Chain.start(reserve_name)
        .next(put_gopher)
        .next(jobs.progress(25, "Gopher added"))
        .next(find_holes)
        .next(jobs.progress(50, "Linking the holes at its location"))
        .next(link_holes)
        .next(more)
    )


def _reserve_name(scope: Construct, table: dynamodb.ITableV2) -> sfn.IChainable:
    taken = sfn.Fail.jsonata(
        scope,
        "NameTaken",
        error="NameTaken",
        cause=f"{{% 'There is already a gopher called ' & {_INPUT}.name %}}",
    )
    reserve = _put_item(
        scope,
        "ReserveName",
        table,
        {
            "pk": {"S": f"{{% 'NAME#' & {_INPUT}.name %}}"},
            "sk": {"S": "NAME"},
            "gopherId": {"S": f"{{% {_ID} %}}"},
        },
        # The job that has reserved it may do so again.
        condition="attribute_not_exists(pk) OR gopherId = :gopherId",
        values={":gopherId": {"S": f"{{% {_ID} %}}"}},
    )
    return reserve.add_catch(taken, errors=["DynamoDb.ConditionalCheckFailedException"])


def _find_holes(scope: Construct, table: dynamodb.ITableV2) -> sfn.Chain:
    return _query_holes(scope, "FindHoles", table, {})


def _next_holes(scope: Construct, table: dynamodb.ITableV2) -> sfn.Chain:
    return _query_holes(scope, "FindMoreHoles", table, {"ExclusiveStartKey": "{% $lastKey %}"})


def _query_holes(scope: Construct, id: str, table: dynamodb.ITableV2, start: dict[str, Any]) -> sfn.Chain:
    query = tasks.CallAwsService.jsonata(
        scope,
        id,
        service="dynamodb",
        action="query",
        parameters={
            "TableName": table.table_name,
            "IndexName": BY_LOCATION,
            "KeyConditionExpression": "holeLocation = :location",
            "ExpressionAttributeValues": {":location": {"S": f"{{% {_INPUT}.location %}}"}},
            "Limit": _PAGE,
            **start,
        },
        iam_resources=[f"{table.table_arn}/index/{BY_LOCATION}"],
        task_timeout=sfn.Timeout.duration(_CALL_TIMEOUT),
        assign={
            "lastKey": "{% $exists($states.result.LastEvaluatedKey) ? $states.result.LastEvaluatedKey : {} %}",
            "linked": "{% $linked + $states.result.Count %}",
        },
        outputs={"holes": "{% $states.result.Items %}"},
    )
    return sfn.Chain.start(_with_retries(query))


def _link_holes(scope: Construct, table: dynamodb.ITableV2) -> sfn.Map:
    """Write the links of one page of holes, in batches; what DynamoDB leaves unprocessed is written again."""
    item = f"{{'pk': {{'S': 'GOPHER#' & {_ID}}}, 'sk': {{'S': 'HOLE#' & holeId.S}}, 'holeId': holeId}}"
    link = f"{{'PutRequest': {{'Item': {item}}}}}"
    batches = sfn.Map.jsonata(
        scope,
        "LinkHoles",
        items=sfn.ProvideItems.jsonata(
            f"{{% [$map($partition($states.input.holes, {_BATCH}), "
            f"function($batch) {{ {{'{table.table_name}': [$batch.{link}]}} }})] %}}"
        ),
        max_concurrency=5,
        outputs={},
    )
    write = _with_retries(
        tasks.CallAwsService.jsonata(
            scope,
            "LinkBatch",
            service="dynamodb",
            action="batchWriteItem",
            parameters={"RequestItems": "{% $states.input %}"},
            iam_resources=[table.table_arn],
            task_timeout=sfn.Timeout.duration(_CALL_TIMEOUT),
            outputs="{% $states.result.UnprocessedItems %}",
        )
    )
    pause = sfn.Wait.jsonata(scope, "BeforeTheRest", time=sfn.WaitTime.duration(Duration.seconds(1)))
    done = sfn.Pass.jsonata(scope, "BatchLinked", outputs={})
    rest = sfn.Choice.jsonata(scope, "AnyUnprocessed?")
    rest.when(sfn.Condition.jsonata("{% $count($keys($states.input)) > 0 %}"), pause.next(write))
    rest.otherwise(done)
    batches.item_processor(sfn.Chain.start(write).next(rest))
    return batches


def _put_item(
    scope: Construct,
    id: str,
    table: dynamodb.ITableV2,
    item: dict[str, Any],
    *,
    condition: str | None = None,
    values: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    assign: dict[str, Any] | None = None,
) -> tasks.CallAwsService:
    conditional = {"ConditionExpression": condition, "ExpressionAttributeValues": values} if condition else {}
    return _with_retries(
        tasks.CallAwsService.jsonata(
            scope,
            id,
            service="dynamodb",
            action="putItem",
            parameters={"TableName": table.table_name, "Item": item, **conditional},
            iam_resources=[table.table_arn],
            task_timeout=sfn.Timeout.duration(_CALL_TIMEOUT),
            outputs=outputs or {},
            assign=assign,
        )
    )


def _with_retries(task: tasks.CallAwsService) -> tasks.CallAwsService:
    """Try again what may succeed later; a condition that failed or a request that is wrong will not."""
    task.add_retry(
        errors=[
            "DynamoDb.InternalServerErrorException",
            "DynamoDb.ProvisionedThroughputExceededException",
            "DynamoDb.RequestLimitExceededException",
            "DynamoDb.ThrottlingException",
            "DynamoDb.SdkClientException",
            "States.Timeout",
        ],
        interval=Duration.seconds(1),
        max_attempts=5,
        backoff_rate=2,
        max_delay=Duration.seconds(20),
        jitter_strategy=sfn.JitterType.FULL,
    )
    return task
