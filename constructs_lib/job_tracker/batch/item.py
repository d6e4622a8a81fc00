"""The work on one item of a batch, as an iteration of a Map state.

An item has a record beside the jobs, under the key `<tenant>#<batch>.<index>`: no job's id has a dot in it. The item's
workflow writes to its record as it does to a job's. The record has no `input`, `createdAt` and `open`, so it is in no
list, on no event bus, and of no concern to the reconciler: the batch tells what became of its items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from constructs_lib.job_tracker import states
from constructs_lib.job_tracker.batch import expressions
from constructs_lib.job_tracker.batch.limits import MAX_RECORD_RETRIES, MAX_START_RETRIES

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb

_Task = TypeVar("_Task", bound=sfn.TaskStateBase)

# Of StartExecution itself. What an execution fails with is always `States.TaskFailed`, and is not tried again: as the
# name of an error to retry, that one would stand for nearly all others, too.
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_NOT_STARTED = [
    "StepFunctions.ExecutionLimitExceeded",
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.SdkClientException",
    "StepFunctions.SfnException",
    "StepFunctions.ThrottlingException",
]


class ItemWork(Construct):
    """The states of one item: record it, run it, and tell what became of it.

    An item that has succeeded in an earlier attempt of its batch is not run again.

    Attributes:
        start: The first of the states.
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
    ) -> None:
        """Define the states; see `BatchWork` for the arguments."""
        super().__init__(scope, id)
        arn = machine.state_machine_arn
        record = self._record(arn, job_type, knows_jobs=knows_jobs, table=table, expires=timeout.plus(expire_after))
        run = self._run(machine, job_type, knows_jobs=knows_jobs, timeout=timeout)
        ended = sfn.Pass.jsonata(self, "ItemEnded")
        record.add_catch(ended, errors=[states.CONDITION_FAILED], outputs=expressions.SUCCEEDED)
        for state in (record, run):
            state.add_catch(ended, errors=["States.ALL"], outputs=expressions.FAILED)
        self.start = record.next(run)

    def _record(
        self, machine_arn: str, job_type: str, *, knows_jobs: bool, table: dynamodb.ITableV2, expires: Duration
    ) -> tasks.DynamoUpdateItem:
        """Put the item In Progress for this attempt, unless it has succeeded.

        The record may outlive its batch, whose key is free then for another.
        """
        text = tasks.DynamoAttributeValue.from_string
        execution = text(expressions.execution_arn(machine_arn))
        values = {
            "id": text(expressions.ID),
            "tenant": text("{% $states.context.Execution.Input.tenant %}"),
            "type": text(job_type),
            "batch": text("{% $states.context.Execution.Input.id %}"),
            "batchCreatedAt": text("{% $states.context.Execution.Input.createdAt %}"),
            "status": text("In Progress"),
            "attempt": tasks.DynamoAttributeValue.number_from_string(
                "{% $string($states.context.Execution.Input.attempt) %}"
            ),
            "executionArn": execution,
            # By this, the end of a machine that knows nothing of jobs finds what it has worked on.
            **({} if knows_jobs else {"execution": execution}),
            "startedAt": text("{% $now() %}"),
            "updatedAt": text("{% $now() %}"),
            "expiresAt": tasks.DynamoAttributeValue.number_from_string(
                f"{{% $string($floor($millis() / 1000) + {round(expires.to_seconds())}) %}}"
            ),
        }
        state = tasks.DynamoUpdateItem.jsonata(
            self,
            "RecordItem",
            table=table,
            key={"pk": text(expressions.KEY)},
            update_expression=f"SET {', '.join(f'#{name} = :{name}' for name in values)}, "
            "#version = if_not_exists(#version, :zero) + :one REMOVE #result, #error, #progress, #finishedAt",
            condition_expression="attribute_not_exists(pk) OR #status <> :succeeded "
            "OR #batchCreatedAt <> :batchCreatedAt",
            expression_attribute_names={
                f"#{name}": name for name in (*values, "version", "result", "error", "progress", "finishedAt")
            },
            expression_attribute_values={
                **{f":{name}": value for name, value in values.items()},
                ":zero": tasks.DynamoAttributeValue.from_number(0),
                ":one": tasks.DynamoAttributeValue.from_number(1),
                ":succeeded": text("Succeeded"),
            },
            task_timeout=sfn.Timeout.duration(Duration.seconds(30)),
            outputs="{% $states.input %}",
        )
        state.add_retry(errors=[states.CONDITION_FAILED], max_attempts=0)
        return _retried(state, ["States.ALL"], MAX_RECORD_RETRIES)

    def _run(
        self, machine: sfn.IStateMachine, job_type: str, *, knows_jobs: bool, timeout: Duration
    ) -> tasks.StepFunctionsStartExecution:
        """Run the type's own workflow on the item, to its end."""
        known = {
            "id": expressions.ID,
            "tenant": "{% $states.context.Execution.Input.tenant %}",
            "type": job_type,
            "attempt": "{% $states.context.Execution.Input.attempt %}",
            "createdAt": "{% $states.context.Execution.Input.createdAt %}",
            "input": expressions.ITEM,
        }
        state = tasks.StepFunctionsStartExecution.jsonata(
            self,
            "RunItem",
            state_machine=machine,
            name=expressions.EXECUTION_NAME,
            input=sfn.TaskInput.from_object(known) if knows_jobs else sfn.TaskInput.from_text(expressions.ITEM),
            integration_pattern=sfn.IntegrationPattern.RUN_JOB,
            task_timeout=sfn.Timeout.duration(timeout),
            outputs=expressions.SUCCEEDED,
        )
        return _retried(state, _NOT_STARTED, MAX_START_RETRIES)


def _retried(state: _Task, errors: list[str], max_attempts: int) -> _Task:
    state.add_retry(
        errors=errors,
        interval=Duration.seconds(5),
        backoff_rate=4,
        max_attempts=max_attempts,
        max_delay=Duration.minutes(1),
        jitter_strategy=sfn.JitterType.FULL,
    )
    return state
