"""The states by which a workflow writes to its job.

They are JSONata, whatever language the rest of the machine speaks, and know their job from the execution alone: its
input tells the key, its ARN proves that the job is still this execution's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_dynamodb as dynamodb
    from constructs import Construct

# Of DynamoDB's optimized integration; the AWS SDK integration spells it `DynamoDb`.
CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"

_JOB_KEY = "$states.context.Execution.Input.tenant & '#' & $states.context.Execution.Input.id"
_KEY = f"{{% {_JOB_KEY} %}}"
STANDARD_EXECUTION: Final = "$states.context.Execution.Id"
# The ARN of an Express execution ends in a part that nobody knows before its start, when the job is claimed for it.
EXECUTION: Final = f"$replace({STANDARD_EXECUTION}, /(:express:[^:]+:[^:]+):.*$/, '$1')"
THIS_JOB: Final = f"{{% {{'key': {_JOB_KEY}, 'execution': {EXECUTION}}} %}}"
_NOW = "{% $now() %}"
_MAX_ERROR_CODE = 256
_MAX_ERROR_MESSAGE = 4096  # events quote it, ten to a call


# What the one branch of the work has put out, and its JSON: `$string` alone leaves the quotes of a text away.
RESULT = "$states.input[0]"
_RESULT_TEXT = f"$replace($string({{'r': {RESULT}}}), /^.{{5}}|.$/, '')"


def finish(
    scope: Construct, *, table: dynamodb.ITableV2, expire_after: Duration, execution: str
) -> tasks.DynamoUpdateItem:
    """In Progress -> Succeeded; what the work has put out becomes the job's result, and the state's output."""
    return write(
        scope,
        "FinishJob",
        table=table,
        execution=execution,
        update="SET #status = :next, #result = :result, " + _ENDED,
        values={
            ":next": _text("Succeeded"),
            ":result": _text(f"{{% {_RESULT_TEXT} %}}"),
            **_ended_at(expire_after),
        },
        output=f"{{% {RESULT} %}}",
    )


def mark_failed(
    scope: Construct, *, table: dynamodb.ITableV2, expire_after: Duration, execution: str
) -> tasks.DynamoUpdateItem:
    """In Progress -> Failed; the state's input is a caught error, and its output."""
    code = f"{{% $substring($states.input.Error, 0, {_MAX_ERROR_CODE}) %}}"
    cause = "$exists($states.input.Cause) ? $states.input.Cause : ''"
    message = f"{{% $substring({cause}, 0, {_MAX_ERROR_MESSAGE}) %}}"
    return write(
        scope,
        "MarkJobFailed",
        table=table,
        execution=execution,
        update="SET #status = :next, #error = :error, " + _ENDED,
        values={
            ":next": _text("Failed"),
            ":error": tasks.DynamoAttributeValue.from_map({"code": _text(code), "message": _text(message)}),
            **_ended_at(expire_after),
        },
    )


def progress(
    scope: Construct, *, table: dynamodb.ITableV2, percent: int, message: str, state_name: str
) -> tasks.DynamoUpdateItem:
    """Tell how far the job is; the state's input is its output."""
    report = {"percent": tasks.DynamoAttributeValue.from_number(percent), "message": _text(message)}
    return write(
        scope,
        "Progress",
        state_name=state_name,
        table=table,
        update="SET #progress = :progress, updatedAt = :now, #version = #version + :one",
        values={":progress": tasks.DynamoAttributeValue.from_map(report), ":now": _text(_NOW)},
    )


# A hash stands before the names that DynamoDB reserves, or may.
_ENDED = "finishedAt = :now, updatedAt = :now, expiresAt = :expires, #version = #version + :one REMOVE #open, checkAt"


def _ended_at(expire_after: Duration) -> dict[str, tasks.DynamoAttributeValue]:
    expires = f"{{% $string($floor($millis() / 1000) + {round(expire_after.to_seconds())}) %}}"
    return {":now": _text(_NOW), ":expires": tasks.DynamoAttributeValue.number_from_string(expires)}


def write(
    scope: Construct,
    id: str,
    *,
    table: dynamodb.ITableV2,
    update: str,
    values: Mapping[str, tasks.DynamoAttributeValue],
    execution: str = EXECUTION,
    state_name: str | None = None,
    output: str = "{% $states.input %}",
) -> tasks.DynamoUpdateItem:
    """Define one conditional write to the job that this execution works on."""
    condition = "#status = :status AND executionArn = :execution"
    words = (update + " " + condition).replace(",", " ").split()
    state = tasks.DynamoUpdateItem.jsonata(
        scope,
        id,
        state_name=state_name,
        table=table,
        key={"pk": _text(_KEY)},
        update_expression=update,
        condition_expression=condition,
        expression_attribute_names={word: word[1:] for word in words if word.startswith("#")},
        expression_attribute_values={
            **values,
            ":one": tasks.DynamoAttributeValue.from_number(1),
            ":status": _text("In Progress"),
            ":execution": _text(f"{{% {execution} %}}"),
        },
        task_timeout=sfn.Timeout.duration(Duration.seconds(30)),
        outputs=output,
    )
    state.add_retry(errors=[CONDITION_FAILED, "DynamoDB.ValidationException"], max_attempts=0)
    # Some five minutes in all: longer than most throttling, shorter than anyone's patience with a finished job.
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
