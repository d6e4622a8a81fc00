"""The job tracker: a table of jobs, and what starts, follows and ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import jsii
from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IValidation

from constructs_lib._acknowledge import acknowledge
from constructs_lib._handlers import handler_function
from constructs_lib.job_notifications.topic import JobTopic, notify
from constructs_lib.job_tracker import states
from constructs_lib.job_tracker.endpoints import JobEndpoints, listing
from constructs_lib.job_tracker.store import JobStore, require_job_type
from constructs_lib.job_tracker.workflow import TrackedWorkflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_sns as sns

    from constructs_lib.alarms import AlarmTopic

OPEN_JOBS = "open"

_MAX_MESSAGE = 256
# Their types and ARNs go into an environment of 4 KB: 224 bytes each, at worst. The rule of each has a statement in the
# policy of the dead-letter queue, which holds 20.
_MAX_WORKFLOWS = 16


class JobTracker(Construct):
    """Track every stored request as a job, from accepted to finished.

    A job is started when its item appears in the table, and becomes terminal however its execution ends: the workflow
    writes it, a rule on the end of executions backs that up, and a reconciler on a schedule closes what both missed
    and starts what never started.

    Attributes:
        table: One item per job, under the partition key `pk`, which is `<tenant>#<id>`.
        bus: Where changes of status and progress are published; the schemas of the events are in `events/`.
        reader: Starts stored jobs and publishes changes, from the table's stream.
        execution_ended: Closes the job of an execution that ended without doing so itself.
        reconciler: Looks after open jobs on a schedule.
        dead_letter_queue: What these functions gave up on. Of stream records it holds the positions, not the records;
            a job whose record is here is started by the reconciler, but events may be lost.
        dead_letter_alarm: Raised while that queue is not empty. Add the actions that tell you.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus | None = None,
        expire_after: Duration = Duration.days(30),
        give_up_after: Duration = Duration.hours(24),
        reconcile_every: Duration = Duration.minutes(5),
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the job table and what follows it.

        Args:
            scope: Where to define it.
            id: The construct's id.
            bus: The bus to publish on, if not one of the tracker's own.
            expire_after: How long a finished job stays readable.
            give_up_after: How long to try to start a job before it is Failed.
            reconcile_every: How often to look for jobs that need help.
            log_retention: How long the logs of functions and workflows are kept.
            removal_policy: What happens to jobs, dead letters and logs when they leave the stack.

        Raises:
            ValueError: If `expire_after` or `give_up_after` is shorter than one hour, or `reconcile_every` than a
                minute.
        """
        _require_at_least("expire_after", expire_after, Duration.hours(1))
        _require_at_least("give_up_after", give_up_after, Duration.hours(1))
        _require_at_least("reconcile_every", reconcile_every, Duration.minutes(1))
        super().__init__(scope, id)
        self._expire_after = expire_after
        self._log_retention = log_retention
        self._removal_policy = removal_policy
        self._machines: dict[str, sfn.StateMachine] = {}
        self._used_types: set[str] = set()

        self.table = self._define_table()
        self._endpoints = JobEndpoints(self.table, expire_after=expire_after)
        self.bus: events.IEventBus = bus or events.EventBus(self, "Bus")
        self.dead_letter_queue, self.dead_letter_alarm = self._define_dead_letters()
        common = {
            "JOBS_TABLE": self.table.table_name,
            "EXPIRE_AFTER_SECONDS": str(round(expire_after.to_seconds())),
            "WORKFLOWS": "{}",
        }
        give_up = {"GIVE_UP_AFTER_SECONDS": str(round(give_up_after.to_seconds()))}
        self.reader = self._define_reader({**common, "EVENT_BUS": self.bus.event_bus_name})
        self.execution_ended = self._define_execution_ended(common)
        self.reconciler = self._define_reconciler({**common, **give_up}, reconcile_every)

        self._workflows = Construct(self, "Workflows")
        self._progress = Construct(self, "Progress")
        # One for all workflows: Step Functions adds each log group that it writes to to one resource policy of the
        # account, which holds 5,120 characters.
        self._workflow_logs = logs.LogGroup(
            self._workflows, "Logs", retention=log_retention, removal_policy=removal_policy
        )
        self.node.add_validation(_EveryTypeHasAWorkflow(self))

    def store(self, job_type: str, *, entity: str | None = None) -> JobStore:
        """Make the store of routes whose requests become jobs of one type.

        An API that uses it also serves `GET /jobs/{jobId}`, `GET /jobs` (newest first; `?status=` and `?type=` choose),
        `DELETE /jobs/{jobId}` to cancel a job, and `POST /jobs/{jobId}/retry` to give one that is Failed or Cancelled a
        new attempt.

        Args:
            job_type: The type of the jobs; a workflow must work on it.
            entity: Where the API shows what such a job makes, such as `/gophers/{id}`: the entity has the id of its
                job, which links there when it has Succeeded.

        Raises:
            ValueError: If the type is no name, or `entity` no path with `{id}` in it.
        """
        self._use_type(job_type)
        return JobStore(self.table, self._endpoints, type=job_type, entity=entity)

    def workflow(
        self,
        job_type: str,
        *,
        definition: sfn.IChainable,
        timeout: Duration = Duration.hours(24),
        log_level: sfn.LogLevel = sfn.LogLevel.ERROR,
    ) -> sfn.StateMachine:
        """Define the workflow that works on the jobs of one type.

        The states of `definition` find the job in the execution's input: `id`, `tenant`, `type`, `attempt`, and in
        `input` the body of the stored request. What the last of them puts out is the job's result. A job whose work
        fails with an error that nothing in `definition` catches is Failed with that error.

        Args:
            job_type: The type of the jobs, as given to `store`.
            definition: The work, in JSONPath or JSONata.
            timeout: How long one job may take in all, at most a year.
            log_level: What is logged of executions. Step Functions keeps the whole history of every Standard execution
                for 90 days, so that logs of more than errors say everything twice.

        Returns:
            The state machine.

        Raises:
            ValueError: If the type is no name or has a workflow, or the tracker has 16 workflows.
        """
        require_job_type("job_type", job_type)
        if job_type in self._machines:
            raise ValueError(f"job_type {job_type!r} has a workflow already; one type is worked on by one workflow.")
        if len(self._machines) == _MAX_WORKFLOWS:
            raise ValueError(
                f"job_type {job_type!r} is one too many: a tracker has at most {_MAX_WORKFLOWS} workflows. "
                "Define another JobTracker."
            )
        tracked = TrackedWorkflow(
            self._workflows,
            job_type,
            definition=definition,
            table=self.table,
            expire_after=self._expire_after,
            timeout=timeout,
            log_group=self._workflow_logs,
            log_level=log_level,
        )
        self._machines[job_type] = tracked.state_machine
        self._connect(tracked)
        return tracked.state_machine

    def progress(self, percent: int, message: str, *, state_name: str | None = None) -> sfn.TaskStateBase:
        """Make a state that tells how far a job is, for the definition of a workflow of this tracker.

        The state passes its input on unchanged. A job that is no longer this execution's fails it.

        Args:
            percent: How much is done, from 0 to 100.
            message: What happens now, for the one who waits: 1 to 256 characters.
            state_name: The name of the state, unique in its workflow; `Progress 60%` for 60 percent if not given.

        Raises:
            ValueError: If `percent` or `message` is out of bounds, or `message` is a JSONata expression.
        """
        if not Token.is_unresolved(percent) and not 0 <= percent <= 100:  # noqa: PLR2004  (per cent)
            raise ValueError(f"percent must be from 0 to 100, got {percent}.")
        if not Token.is_unresolved(message) and not 1 <= len(message) <= _MAX_MESSAGE:
            raise ValueError(f"message must have 1 to {_MAX_MESSAGE} characters, got {len(message)}.")
        if message.startswith("{%"):
            raise ValueError(f"message is shown as it is, and must not be a JSONata expression, got {message!r}.")
        place = Construct(self._progress, str(len(self._progress.node.children) + 1))
        return states.progress(
            place, table=self.table, percent=percent, message=message, state_name=state_name or f"Progress {percent}%"
        )

    def notify(self, topic: sns.ITopic | AlarmTopic, *, alarm_topic: sns.ITopic | AlarmTopic | None = None) -> JobTopic:
        """Publish every change of a job's status to an SNS topic.

        A message is the event, as the bus has it. Subscriptions choose from it by filter policies of scope
        `MessageBody`, such as `{"detail": {"status": ["Failed"]}}`.

        A topic that this app defines lets EventBridge publish, and so does its key. The policy of an imported topic
        must let `events.amazonaws.com` do `sns:Publish`; that of an imported key, `kms:Decrypt` and
        `kms:GenerateDataKey*`. Nobody can let EventBridge use the key that AWS manages for SNS.
        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

        Args:
            topic: Whom to tell: a standard topic.
            alarm_topic: Who is told of changes that could not be published.

        Raises:
            ValueError: If `topic` is FIFO, or is told already.
        """
        return notify(self, topic, alarm_topic=alarm_topic, removal_policy=self._removal_policy)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` look up single jobs."""
        return self._grant(grantee, "dynamodb:GetItem")

    def _use_type(self, job_type: str) -> None:
        """Note that jobs of a type will be stored, so that synth fails if no workflow works on them.

        Raises:
            ValueError: If the type is no name.
        """
        require_job_type("job_type", job_type)
        self._used_types.add(job_type)

    def _types_without_workflow(self) -> list[str]:
        return sorted(self._used_types - self._machines.keys())

    def _connect(self, tracked: TrackedWorkflow) -> None:
        """Let the functions start, look up and hear of the executions of a workflow."""
        machine = tracked.state_machine
        workflows = Stack.of(self).to_json_string(
            {job_type: known.state_machine_arn for job_type, known in sorted(self._machines.items())}
        )
        for function in (self.reader, self.reconciler):
            function.add_environment("WORKFLOWS", workflows)
        may_run = self._policy("RunsWorkflows", self.reader, self.reconciler)
        machine.grant_start_execution(may_run)
        self._grant_executions(machine, may_run, "states:StopExecution")
        may_look = self._policy("LooksAtExecutions", self.execution_ended, self.reconciler)
        self._grant_executions(machine, may_look, "states:DescribeExecution")
        # A rule for each machine: an event pattern has 2,048 characters, too few for the ARNs of all.
        events.Rule(
            tracked,
            "Ended",
            description="An execution has ended: its job must have, too.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [machine.state_machine_arn],
                    "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[
                targets.LambdaFunction(
                    self.execution_ended,
                    dead_letter_queue=self.dead_letter_queue,
                    retry_attempts=20,
                    max_event_age=Duration.hours(1),
                )
            ],
        )

    def _grant_executions(self, machine: sfn.StateMachine, policy: iam.ManagedPolicy, action: str) -> None:
        machine.grant_execution(policy, action)
        stack = Stack.of(self)
        where = {"Partition": stack.partition, "Region": stack.region, "AccountId": stack.account}
        partition, region, account = (
            f"<AWS::{name}>" if Token.is_unresolved(value) else value for name, value in where.items()
        )
        machine_id = stack.get_logical_id(cast("CfnElement", machine.node.default_child))
        name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{machine_id}"}}]}}]}}'
        executions = f"arn:{partition}:states:{region}:{account}:execution:{name}:*"
        acknowledge(
            policy,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{executions}]",
            reason="Each job has an execution of its own, whose name is known only when the job is.",
        )

    def _policy(self, id: str, *functions: lambda_.Function) -> iam.ManagedPolicy:
        """Find or define what some functions may do to workflows, once for all: the ARNs of executions are long."""
        found = cast("iam.ManagedPolicy | None", self.node.try_find_child(id))
        return found or iam.ManagedPolicy(self, id, roles=[cast("iam.IRole", function.role) for function in functions])

    def _define_table(self) -> dynamodb.TableV2:
        return dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            time_to_live_attribute="expiresAt",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            global_secondary_indexes=[
                *(_newest_first(asked) for asked in listing.INDEXES),
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=OPEN_JOBS,
                    partition_key=dynamodb.Attribute(name="open", type=dynamodb.AttributeType.STRING),
                    sort_key=dynamodb.Attribute(name="checkAt", type=dynamodb.AttributeType.STRING),
                    projection_type=dynamodb.ProjectionType.INCLUDE,
                    non_key_attributes=["attempt", "executionArn", "id", "status", "tenant", "type", "version"],
                ),
            ],
            removal_policy=self._removal_policy,
        )

    def _define_dead_letters(self) -> tuple[sqs.Queue, cloudwatch.Alarm]:
        queue = sqs.Queue(
            self,
            "DeadLetters",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
            removal_policy=self._removal_policy,
        )
        alarm = queue.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
        ).create_alarm(
            self,
            "DeadLettersAlarm",
            alarm_description="Job tracking gave up on something: see the messages, and the logs of its functions.",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        acknowledge(
            queue, "Serverless::Serverless-SQSRedrivePolicy", reason="It is the end of the line, and has an alarm."
        )
        return queue, alarm

    def _define_reader(self, environment: dict[str, str]) -> lambda_.Function:
        reader = handler_function(
            self,
            "Reader",
            handler="lambdas.jobs.stream_reader.handler",
            description="Starts stored jobs and publishes what changes.",
            environment=environment,
            timeout=Duration.minutes(2),
            dead_letter_queue=self.dead_letter_queue,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        self._grant(reader, "dynamodb:UpdateItem")
        self.bus.grant_put_events_to(reader)
        stream = self.table.table_stream_arn
        iam.Grant.add_to_principal(
            grantee=reader,
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/iam-policy-read-stream-only.html
            actions=[
                f"dynamodb:{verb}" for verb in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
            ],
            resource_arns=[stream or ""],
        )
        lambda_.EventSourceMapping(
            self,
            "Stream",
            target=reader,
            event_source_arn=stream,
            # Not LATEST: jobs that are stored while the mapping is being created would be passed over.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            filters=[lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.or_("INSERT", "MODIFY")})],
            batch_size=50,
            parallelization_factor=10,  # costs nothing when idle, and keeps the order of each job's records
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            # A bad record may hold up its shard for so many tries; the reader works on those behind it all the same.
            retry_attempts=10,
            max_record_age=Duration.hours(24),  # all that the stream keeps: a reader that was off catches up
            on_failure=sources.SqsDlq(self.dead_letter_queue),
        )
        return reader

    def _define_execution_ended(self, environment: dict[str, str]) -> lambda_.Function:
        function = handler_function(
            self,
            "ExecutionEnded",
            handler="lambdas.jobs.execution_ended.handler",
            description="Closes the job of an execution that ended without doing so itself.",
            environment={name: value for name, value in environment.items() if name != "WORKFLOWS"},
            timeout=Duration.minutes(1),
            dead_letter_queue=self.dead_letter_queue,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        self._grant(function, "dynamodb:UpdateItem")
        return function

    def _define_reconciler(self, environment: dict[str, str], every: Duration) -> lambda_.Function:
        function = handler_function(
            self,
            "Reconciler",
            handler="lambdas.jobs.reconciler.handler",
            description="Starts jobs that never started, and closes those that have ended unnoticed.",
            environment=environment,
            timeout=Duration.minutes(5),
            dead_letter_queue=self.dead_letter_queue,
            log_retention=self._log_retention,
            removal_policy=self._removal_policy,
        )
        self._grant(function, "dynamodb:GetItem", "dynamodb:UpdateItem")
        iam.Grant.add_to_principal(
            grantee=function,
            actions=["dynamodb:Query"],
            resource_arns=[f"{self.table.table_arn}/index/{OPEN_JOBS}"],
        )
        events.Rule(
            self,
            "Schedule",
            description="Look for jobs that need help.",
            schedule=events.Schedule.rate(every),
            targets=[
                targets.LambdaFunction(
                    function,
                    dead_letter_queue=self.dead_letter_queue,
                    retry_attempts=2,
                    max_event_age=Duration.hours(1),
                )
            ],
        )
        return function

    def _grant(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        """Allow `actions` on single jobs. The table's own `grant_*` methods allow a Scan, and every index."""
        return iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.table.table_arn])


def _newest_first(asked: Sequence[str]) -> dynamodb.GlobalSecondaryIndexPropsV2:
    """Define the index of each tenant's jobs, or of those that have in common what is asked for."""
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=listing.index_name(asked),
        partition_keys=[_text_attribute(name) for name in ("tenant", *asked)],
        sort_keys=[_text_attribute("createdAt")],
        projection_type=dynamodb.ProjectionType.INCLUDE,
        non_key_attributes=[name for name in listing.SHOWN if name not in asked],
    )


def _text_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


@jsii.implements(IValidation)
class _EveryTypeHasAWorkflow:
    """Refuses to synthesize a tracker that stores jobs which nothing would work on."""

    def __init__(self, tracker: JobTracker) -> None:
        self._tracker = tracker

    def validate(self) -> list[str]:
        return [
            f"Jobs of type {job_type!r} are stored, but no workflow works on them. "
            f"Call workflow({job_type!r}, definition=...) on the JobTracker."
            for job_type in self._tracker._types_without_workflow()  # noqa: SLF001  (two halves of one construct)
        ]


def _require_at_least(argument: str, value: Duration, least: Duration) -> None:
    if not value.is_unresolved() and value.to_seconds() < least.to_seconds():
        raise ValueError(f"{argument} must be at least {least.to_human_string()}, got {value.to_human_string()}.")
