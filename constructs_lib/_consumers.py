"""What works on a queue or a stream: a function, or a state machine behind a function of the library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from aws_cdk import Duration, RemovalPolicy, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn

from constructs_lib._acknowledge import acknowledge
from constructs_lib._handlers import handler_function
from constructs_lib.alarms import AlarmTopic, create_alarm

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns
    from constructs import Construct

_START: Final = "lambdas.consumers.start_execution.handler"
_RUN: Final = "lambdas.consumers.run_execution.handler"
_RUN_AT_ONCE: Final = 10  # MAX_AT_ONCE of lambdas.consumers.run_execution
_LAMBDA_S_TIMEOUT = Duration.seconds(3)  # of a function that is given none


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A function that an event source mapping invokes, and what is known of it.

    Attributes:
        function: The function.
        timeout: How long it may take; None if it is imported.
        waits_for_executions: Whether each of its messages is an Express execution that it waits for.
    """

    function: lambda_.IFunction
    timeout: Duration | None
    waits_for_executions: bool = False

    def check_batch_size(self, batch_size: int, *, in_order: bool) -> None:
        """Refuse a batch that is too large, or has an order, for executions that run side by side.

        Args:
            batch_size: As the caller gave it.
            in_order: Whether the messages of a batch must not overtake each other.

        Raises:
            ValueError: If an Express state machine cannot work on such a batch.
        """
        most = 1 if in_order else _RUN_AT_ONCE
        if self.waits_for_executions and not Token.is_unresolved(batch_size) and batch_size > most:
            reason = "would overtake each other" if in_order else "would keep one function waiting for all of them"
            raise ValueError(
                f"batch_size must be at most {most} here for an Express state machine, got {batch_size}: "
                f"the executions of a batch run side by side, and {reason}."
            )


def consumer_of(
    scope: Construct,
    given: lambda_.IFunction | sfn.IStateMachine,
    *,
    alarm_topic: sns.ITopic | AlarmTopic | None,
    removal_policy: RemovalPolicy,
) -> Consumer:
    """Take a function as it is, and put one of the library's before a state machine.

    Args:
        scope: Where to define what stands between source and state machine.
        given: The `consumer` of a StoredQueue or StoredStream.
        alarm_topic: Who is told of executions that fail by themselves.
        removal_policy: What happens to logs when they leave the stack.
    """
    if not hasattr(given, "state_machine_arn"):
        return Consumer(function=given, timeout=_timeout_of(given))
    machine = cast("sfn.IStateMachine", given)
    if getattr(machine, "state_machine_type", None) == sfn.StateMachineType.EXPRESS:
        timeout = Duration.minutes(6)  # the five that an Express execution may take, and one for the rest
        function = _handler(scope, _RUN, "Runs an execution for each message.", machine, timeout, removal_policy)
        machine.grant_start_sync_execution(function)
        return Consumer(function=function, timeout=timeout, waits_for_executions=True)
    timeout = Duration.minutes(1)
    function = _handler(scope, _START, "Starts an execution for each message.", machine, timeout, removal_policy)
    machine.grant_start_execution(function)
    _watch_executions(scope, machine, alarm_topic)
    return Consumer(function=function, timeout=timeout)


def _handler(
    scope: Construct,
    handler: str,
    description: str,
    machine: sfn.IStateMachine,
    timeout: Duration,
    removal_policy: RemovalPolicy,
) -> lambda_.Function:
    function = handler_function(
        scope,
        "Consumer",
        handler=handler,
        description=description,
        environment={"STATE_MACHINE_ARN": machine.state_machine_arn},
        timeout=timeout,
        removal_policy=removal_policy,
    )
    acknowledge(
        function,
        "Serverless::Serverless-LambdaDLQ",
        reason="Nothing but its event source mapping invokes it, which waits for the answer.",
    )
    return function


def _watch_executions(scope: Construct, machine: sfn.IStateMachine, topic: sns.ITopic | AlarmTopic | None) -> None:
    """Tell of Standard executions that fail: their messages have left the source, and they are what is left."""
    period, statistic = Duration.minutes(1), cloudwatch.Stats.SUM
    failed = machine.metric_failed(period=period, statistic=statistic)
    timed_out = machine.metric_timed_out(period=period, statistic=statistic)
    for name, metric in (("ExecutionsFailedAlarm", failed), ("ExecutionsTimedOutAlarm", timed_out)):
        create_alarm(
            scope,
            name,
            metric=metric,
            threshold=1,
            description="A message's execution did not succeed. Mend the cause, and redrive it within 14 days.",
            topic=topic,
        )


def _timeout_of(function: lambda_.IFunction) -> Duration | None:
    """Look up the timeout of a function that this app defines, behind its aliases and versions too."""
    if isinstance(function, lambda_.Function):
        return function.timeout or _LAMBDA_S_TIMEOUT
    underlying = getattr(function, "lambda_", None)
    return underlying and _timeout_of(underlying)
