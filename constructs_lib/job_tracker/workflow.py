"""A user's workflow, wrapped so that its job ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib.job_tracker import states

if TYPE_CHECKING:
    from aws_cdk import Duration
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_logs as logs


# DynamoDB has no name of its own for an item of more than 400 KB, which the result can make of the job's.
_TOO_LARGE = (
    "$contains($states.errorOutput.Cause, 'maximum allowed size') ? "
    "{'Error': 'ResultTooLarge', 'Cause': 'A job has 400 KB, its input and its result together.'} : $states.errorOutput"
)


class TrackedWorkflow(Construct):
    """A state machine that closes its job: Succeeded with the result, or Failed with the error.

    Tracking adds two state transitions to a success and three to a failure, or four if only its result could not be
    written. A failure that may leave further attempts
    is not written here: it fails the execution, and whoever hears of that decides.

    Attributes:
        state_machine: The machine.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        definition: sfn.IChainable,
        table: dynamodb.ITableV2,
        expire_after: Duration,
        timeout: Duration,
        has_attempts: bool,
        state_machine_type: sfn.StateMachineType,
        log_group: logs.ILogGroup,
        log_level: sfn.LogLevel,
    ) -> None:
        """Wrap `definition`; see `JobTracker.workflow` for the arguments."""
        super().__init__(scope, id)
        failed = sfn.Fail.jsonata(
            self,
            "JobFailed",
            error="{% $states.input.Error %}",
            cause="{% $exists($states.input.Cause) ? $states.input.Cause : '' %}",
        )
        is_express = state_machine_type == sfn.StateMachineType.EXPRESS
        execution = states.EXECUTION if is_express else states.STANDARD_EXECUTION
        mark_failed = states.mark_failed(self, table=table, expire_after=expire_after, execution=execution)
        # Whatever kept the failure from being written: the execution still tells it, and its end closes the job.
        mark_failed.add_catch(failed, errors=["States.ALL"], outputs="{% $states.input %}").next(failed)

        # A retry after a lost answer, or a job that was closed meanwhile: there is nothing left to write.
        closed = sfn.Succeed.jsonata(self, "JobAlreadyClosed")
        finish = states.finish(self, table=table, expire_after=expire_after, execution=execution)
        finish.add_catch(closed, errors=[states.CONDITION_FAILED], outputs=f"{{% {states.RESULT} %}}")
        finish.add_catch(mark_failed, errors=["States.ALL"], outputs=f"{{% {_TOO_LARGE} %}}")

        work = sfn.Parallel.jsonata(self, "WorkOnJob").branch(definition)
        if not has_attempts:
            work.add_catch(mark_failed, errors=["States.ALL"])

        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(work.next(finish)),
            state_machine_type=state_machine_type,
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=log_level, include_execution_data=False),
        )
        acknowledge(
            self.state_machine.role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="The actions of X-Ray and of log delivery know no resources.",
        )
        acknowledge(
            self.state_machine,
            "AwsSolutions::AwsSolutions-SF1",
            reason="Step Functions keeps the whole history of each Standard execution for 90 days.",
        )
