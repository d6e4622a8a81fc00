"""The work on a batch: the type's own workflow works on each item, some at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, CfnElement, Stack, Token
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib.job_tracker import states
from constructs_lib.job_tracker.batch import expressions
from constructs_lib.job_tracker.batch.item import ItemWork

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_iam as iam


class BatchWork(Construct):
    """The states between those that a tracked workflow puts around the work on any job.

    The items are worked on chunk by chunk; after each, the job tells how far it is. A batch with items that have failed
    is Failed itself, with the results of all, so that it can be given a new attempt: that one works on the rest.

    Only indexes of items travel from state to state. The items themselves stay in the execution's input.

    Attributes:
        start: The first of the states.
        timeout: How long they may take in all.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        job_type: str,
        machine: sfn.IStateMachine,
        knows_jobs: bool,
        table: dynamodb.ITableV2,
        expire_after: Duration,
        timeout: Duration,
        max_concurrency: int,
    ) -> None:
        """Define the states.

        Args:
            scope: Where to define them.
            id: The construct's id.
            job_type: The type of the items.
            machine: What works on each item: a Standard machine.
            knows_jobs: Whether it does: it then is told the item's id, tenant, type and attempt, too.
            table: The jobs.
            expire_after: How long after its end it is known that an item has succeeded.
            timeout: How long the batch may take.
            max_concurrency: How many items are worked on at once.
        """
        super().__init__(scope, id)
        self.timeout = timeout
        self._machine = machine
        item = ItemWork(
            self,
            "Item",
            job_type=job_type,
            machine=machine,
            knows_jobs=knows_jobs,
            table=table,
            expire_after=expire_after,
            timeout=timeout,
        )
        begin = sfn.Pass.jsonata(self, "Begin", assign={"batch": expressions.begun(max_concurrency)}, outputs={})
        chunk = sfn.Map.jsonata(
            self,
            "WorkOnItems",
            items=sfn.ProvideItems.jsonata(expressions.CHUNK),
            max_concurrency=max_concurrency,
            assign={"batch": expressions.WITH_CHUNK},
            outputs={},
        ).item_processor(item.start)
        progress = states.write(
            self,
            "TellProgress",
            table=table,
            update="SET #progress = :progress, updatedAt = :now, #version = #version + :one",
            values={
                ":progress": tasks.DynamoAttributeValue.from_map(
                    {
                        "percent": tasks.DynamoAttributeValue.number_from_string(expressions.PERCENT),
                        "message": tasks.DynamoAttributeValue.from_string(expressions.PROGRESS),
                    }
                ),
                ":now": tasks.DynamoAttributeValue.from_string("{% $now() %}"),
            },
        )
        failures = states.write(
            self,
            "TellFailures",
            table=table,
            update="SET #result = :result, updatedAt = :now, #version = #version + :one",
            values={
                ":result": tasks.DynamoAttributeValue.from_string(expressions.RESULT_TEXT),
                ":now": tasks.DynamoAttributeValue.from_string("{% $now() %}"),
            },
        )
        failed = sfn.Fail.jsonata(self, "ItemsFailed", error="ItemsFailed", cause=expressions.FAILURE)
        succeeded = sfn.Pass.jsonata(self, "AllSucceeded", outputs=expressions.RESULT)
        more = (
            sfn.Choice.jsonata(self, "MoreItems")
            .when(sfn.Condition.jsonata(expressions.IS_UNFINISHED), chunk)
            .when(sfn.Condition.jsonata(expressions.HAS_FAILURES), failures.next(failed))
            .otherwise(succeeded)
        )
        self.start = begin.next(chunk).next(progress).next(more)

    def acknowledge_of(self, role: iam.IRole) -> None:
        """Acknowledge that `role`, which does the work, may look at every execution of the items' machine."""
        stack = Stack.of(self)
        where = {"Partition": stack.partition, "Region": stack.region, "AccountId": stack.account}
        # As validators show what is known only at deploy.
        partition, region, account = (
            f"<AWS::{name}>" if Token.is_unresolved(value) else value for name, value in where.items()
        )
        resource = self._machine.node.default_child
        if isinstance(resource, CfnElement):
            ref = f'{{"Ref":"{stack.get_logical_id(resource)}"}}'
            name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{ref}]}}]}}'
        else:
            name = stack.split_arn(self._machine.state_machine_arn, ArnFormat.COLON_RESOURCE_NAME).resource_name or ""
        executions = f"arn:{partition}:states:{region}:{account}:execution:{name}*"
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{executions}]",
            reason="Each item has an execution of its own, whose name is known only when the batch is.",
        )
