"""The job tracker: a table of jobs, and what starts, follows and ends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

import jsii
from aws_cdk import ArnFormat, CfnElement, Duration, Fn, RemovalPolicy, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IValidation

from constructs_lib._acknowledge import acknowledge
from constructs_lib._dead_letters import dead_letters
from constructs_lib._handlers import handler_function, handler_layer
from constructs_lib._limits import require_between
from constructs_lib.job_notifications.topic import JobTopic, notify
from constructs_lib.job_tracker import states
from constructs_lib.job_tracker.batch import MAX_ITEMS, Batches, BatchStore, batch_type
from constructs_lib.job_tracker.endpoints import JobEndpoints
from constructs_lib.job_tracker.operation import Operation
from constructs_lib.job_tracker.rules import EXPRESS_TIMEOUT, require_at_least, require_existing, require_express
from constructs_lib.job_tracker.store import JobStore, require_job_type
from constructs_lib.job_tracker.table import EXECUTIONS, OPEN_JOBS, WAITING, define_table
from constructs_lib.job_tracker.workflow import TrackedWorkflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_sns as sns

    from constructs_lib.alarms import AlarmTopic

_MAX_MESSAGE = 256
_MAX_ATTEMPTS = 10
_MAX_RUNNING = 100  # each is a name of some 100 bytes in one item, which is written with every start and end
# Their types, names and settings go into an environment of 4 KB: 205 bytes each, at worst. The rule of each has a
# statement in the policy of the dead-letter queue, which holds 20.
_MAX_WORKFLOWS = 16
_EXECUTIONS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Name}:*"


class JobTracker(Construct):
    """Track every stored request as a job, from accepted to finished.

    A job is started when its item appears in the table, and becomes terminal however its execution ends: the workflow
    writes it, a rule on the end of executions backs that up, and a reconciler on a schedule closes what both missed
    and starts what never started.

    Attributes:
        THIS_JOB: What a task of a workflow passes on to a function that tells the job's progress, in JSONata.
        table: One item per job, under the partition key `pk`, which is `<tenant>#<id>`.
        bus: Where changes of status and progress are published; the schemas of the events are in `events/`.
        reader: Starts stored jobs and publishes changes, from the table's stream.
        execution_ended: Closes the job of an execution that ended without doing so itself.
        reconciler: Looks after open jobs on a schedule.
        dead_letter_queue: What these functions gave up on. Of stream records it holds the positions, not the records;
            a job whose record is here is started or stopped by the reconciler, but events may be lost.
        dead_letter_alarm: Raised while that queue is not empty.
        operation: Further alarms: of failed jobs, of a reader that is behind or not run at all, and of a reconciler
            that fails.
    """

    THIS_JOB: Final = states.THIS_JOB

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: events.IEventBus | None = None,
        expire_after: Duration = Duration.days(30),
        give_up_after: Duration = Duration.hours(24),
        reconcile_every: Duration = Duration.minutes(5),
        alarm_failed: int = 1,
        alarm_topic: sns.ITopic | AlarmTopic | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the job table and what follows it.

        Args:
            scope: Where to define it.
            id: The construct's id.
            bus: The bus to publish on, if not one of the tracker's own.
            expire_after: How long a finished job stays readable.
            give_up_after: How long to try to start an attempt of a job before the job is Failed.
            reconcile_every: How often to look for jobs that need help.
            alarm_failed: How many jobs that fail within five minutes raise an alarm.
            alarm_topic: Who is told of alarms, such as an `AlarmTopic`.
            log_retention: How long the logs of functions and workflows are kept.
            removal_policy: What happens to jobs, dead letters and logs when they leave the stack.

        Raises:
            ValueError: If `expire_after` or `give_up_after` is shorter than one hour, or `reconcile_every` than a
                minute.
        """
        require_at_least("expire_after", expire_after, Duration.hours(1))
        require_at_least("give_up_after", give_up_after, Duration.hours(1))
        require_at_least("reconcile_every", reconcile_every, Duration.minutes(1))
        super().__init__(scope, id)
        self._expire_after = expire_after
        self._log_retention = log_retention
        self._removal_policy = removal_policy
        self._machines: dict[str, sfn.IStateMachine] = {}
        self._settings: dict[str, Mapping[str, object]] = {}
        self._used_types: set[str] = set()

        self.table = define_table(self, removal_policy)
        self._endpoints = JobEndpoints(self.table, expire_after=expire_after)
        self.bus: events.IEventBus = bus or events.EventBus(self, "Bus")
        self.dead_letter_queue, self.dead_letter_alarm = dead_letters(
            self,
            "DeadLetters",
            description="Job tracking gave up on something: see the messages, and the logs of its functions.",
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
        )
        common = {
            "JOBS_TABLE": self.table.table_name,
            "EXPIRE_AFTER_SECONDS": str(round(expire_after.to_seconds())),
            "WORKFLOWS": "{}",
            "STATE_MACHINES": self._arn_of_machines(),
        }
        give_up = {"GIVE_UP_AFTER_SECONDS": str(round(give_up_after.to_seconds()))}
        self.reader = self._define_reader({**common, "EVENT_BUS": self.bus.event_bus_name})
        self.execution_ended = self._define_execution_ended(common)
        self.reconciler = self._define_reconciler({**common, **give_up}, reconcile_every)

        self.operation = Operation(
            self, self.table, self.reader, self.reconciler, alarm_failed=alarm_failed, alarm_topic=alarm_topic
        )
        self._workflows = Construct(self, "Workflows")
        self._batches = Batches(self, "Batches")
        self._progress = Construct(self, "Progress")
        self._progress_layer: lambda_.LayerVersion | None = None
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

    def batch_store(
        self,
        job_type: str,
        *,
        max_items: int = MAX_ITEMS,
        max_concurrency: int = 10,
        timeout: Duration = Duration.hours(24),
    ) -> BatchStore:
        """Make the store of routes whose requests are lists of items, each of them worked on like a job of one type.

        A batch is one job, of the type `<job_type>.batch`. It is Succeeded when all its items have, and Failed when any
        has not; its result tells of each item in either case. A new attempt works on those that have not succeeded.

        Args:
            job_type: The type of the items; a Standard workflow must work on it. Its `attempts` are those of the batch,
                and its `max_running` does not count items.
            max_items: How many items a batch may have, at most 1,000.
            max_concurrency: How many items of a batch are worked on at once, at most 40.
            timeout: How long one attempt at a batch may take.

        Raises:
            ValueError: If the type is no name, has a batch store or an Express workflow, or a number is out of bounds.
        """
        self._use_type(job_type)
        store = BatchStore(self.table, self._endpoints, type=batch_type(job_type), max_items=max_items)
        self._batches.add(job_type, max_concurrency=max_concurrency, timeout=timeout)
        if job_type in self._machines:
            self._define_batch(job_type)
        return store

    def workflow(
        self,
        job_type: str,
        *,
        definition: sfn.IChainable | None = None,
        state_machine: sfn.IStateMachine | None = None,
        state_machine_type: sfn.StateMachineType | None = None,
        timeout: Duration | None = None,
        attempts: int = 1,
        max_running: int | None = None,
        log_level: sfn.LogLevel | None = None,
    ) -> sfn.IStateMachine:
        """Define the workflow that works on the jobs of one type, or take an existing one.

        The states of `definition` find the job in the execution's input: `id`, `tenant`, `type`, `attempt`,
        `createdAt`, and in `input` the body of the stored request. What the last of them puts out is the job's result.
        A job whose work fails with an error that nothing in `definition` catches is Failed with that error.

        An existing `state_machine` knows nothing of jobs: its input is the body of the stored request, and the end of
        its execution, with its output or error, is that of the job.

        Args:
            job_type: The type of the jobs, as given to `store`.
            definition: The work, in JSONPath or JSONata.
            state_machine: An existing Standard state machine of this account and Region, in place of `definition`.
            state_machine_type: Standard by default. Express costs by time instead of transitions, has five minutes,
                may run twice, and cannot be stopped when its job is cancelled: what it writes to the job then is
                refused.
            timeout: How long one attempt may take. By default, 24 hours of a Standard and 5 minutes of an Express one,
                which is the most of the latter; the former has a year.
            attempts: How many attempts a job has before it is Failed, 1 to 10. Between two of them it is Pending, for a
                minute at first, then twice as long each time, and until the next round of `reconcile_every`. An
                execution that was aborted is not attempted again.
            max_running: How many jobs may run at once, 1 to 100; as many as there are by default. The others wait
                in the order in which they were stored, as far as the table's index knows it.
            log_level: What is logged of executions. Step Functions keeps the whole history of every Standard execution
                for 90 days, so that logs of more than errors, which is the default, say everything twice. Of an
                Express one it keeps nothing, and all is logged by default.

        Returns:
            The state machine.

        Raises:
            ValueError: If the type is no name or has a workflow, the tracker has 16 workflows, a number is out of
                bounds, not exactly one of `definition` and `state_machine` is given, or what is given does not fit
                together.
        """
        self._require_new_type(job_type)
        require_between("attempts", attempts, 1, _MAX_ATTEMPTS)
        if max_running is not None:
            require_between("max_running", max_running, 1, _MAX_RUNNING)
        settings = {"attempts": attempts} if attempts > 1 else {}
        if max_running is not None:
            settings["max_running"] = max_running
        if (definition is None) == (state_machine is None):
            raise ValueError("workflow takes either a definition or a state_machine, got both or neither.")
        if state_machine is not None:
            own = {"state_machine_type": state_machine_type, "timeout": timeout, "log_level": log_level}
            require_existing(self, state_machine, [name for name, value in own.items() if value is not None])
            return self._connect(job_type, state_machine, settings | {"existing": True})
        kind = state_machine_type or sfn.StateMachineType.STANDARD
        is_express = kind == sfn.StateMachineType.EXPRESS
        if is_express:
            require_express(attempts, timeout)
            settings["express"] = True
        tracked = TrackedWorkflow(
            self._workflows,
            job_type,
            definition=cast("sfn.IChainable", definition),
            table=self.table,
            expire_after=self._expire_after,
            timeout=timeout or (EXPRESS_TIMEOUT if is_express else Duration.hours(24)),
            has_attempts=attempts > 1,
            state_machine_type=kind,
            log_group=self._workflow_logs,
            log_level=log_level or (sfn.LogLevel.ALL if is_express else sfn.LogLevel.ERROR),
        )
        return self._connect(job_type, tracked.state_machine, settings)

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

    def add_progress_to(self, function: lambda_.Function) -> iam.Grant:
        """Let a function that a workflow calls tell how far its job is.

        The function can then `from storage_first_jobs import progress`, and call
        `progress(event["job"], 60, "Searching for holes")`, if the workflow's task passes `{"job": THIS_JOB}` on in its
        payload.

        Args:
            function: A function of this app, of any runtime of Python.
        """
        if self._progress_layer is None:
            self._progress_layer = handler_layer(
                self._progress, "Layer", module="storage_first_jobs", description="Tells how far a job is."
            )
        function.add_layers(self._progress_layer)
        function.add_environment("JOBS_TABLE", self.table.table_name)
        return self._grant(function, "dynamodb:UpdateItem")

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

    def _require_new_type(self, job_type: str) -> None:
        require_job_type("job_type", job_type)
        if job_type in self._machines:
            raise ValueError(f"job_type {job_type!r} has a workflow already; one type is worked on by one workflow.")
        if len(self._machines) == _MAX_WORKFLOWS:
            raise ValueError(
                f"job_type {job_type!r} is one too many: a tracker has at most {_MAX_WORKFLOWS} workflows. "
                "Define another JobTracker."
            )

    def _connect(self, job_type: str, machine: sfn.IStateMachine, settings: Mapping[str, object]) -> sfn.IStateMachine:
        """Let the functions start, look up and hear of the executions of a workflow."""
        stack = Stack.of(self)
        name = _name_of(machine)
        self._machines[job_type] = machine
        self._settings[job_type] = {"name": name, **settings}
        if job_type in self._batches:
            self._define_batch(job_type)
        workflows = stack.to_json_string(dict(sorted(self._settings.items())))
        for function in (self.reader, self.reconciler, self.execution_ended):
            function.add_environment("WORKFLOWS", workflows)
        if "max_running" in settings:
            self._grant(self.reader, "dynamodb:GetItem")
            for function in (self.reader, self.reconciler):
                self._grant_query(function, WAITING)
        if "existing" in settings:
            self._grant(self.execution_ended, "dynamodb:GetItem")
            self._grant_query(self.execution_ended, EXECUTIONS)
        may_run = self._policy("RunsWorkflows", self.reader, self.reconciler)
        machine.grant_start_execution(may_run)
        if "express" in settings:
            return machine  # nobody can look at its executions, nor stop them, nor hears of their end
        self._grant_executions(name, may_run, "states:StopExecution")
        may_look = self._policy("LooksAtExecutions", self.execution_ended, self.reconciler)
        self._grant_executions(name, may_look, "states:DescribeExecution")
        self._hear_of_ends(job_type, machine)
        return machine

    def _define_batch(self, job_type: str) -> None:
        """Define the workflow of a type's batches, which needs to know that of the type itself."""
        settings = self._settings[job_type]
        if "express" in settings:
            raise ValueError(
                f"job_type {job_type!r} must have a Standard workflow, because a batch waits for the end of each item: "
                "Step Functions tells of no Express execution's"
            )
        work = self._batches.define(
            job_type,
            machine=self._machines[job_type],
            knows_jobs="existing" not in settings,
            table=self.table,
            expire_after=self._expire_after,
        )
        attempts = cast("int", settings.get("attempts", 1))
        batch = self.workflow(batch_type(job_type), definition=work.start, timeout=work.timeout, attempts=attempts)
        work.acknowledge_of(cast("sfn.StateMachine", batch).role)

    def _hear_of_ends(self, job_type: str, machine: sfn.IStateMachine) -> None:
        # A rule for each machine: an event pattern has 2,048 characters, too few for the ARNs of all.
        place = self._workflows.node.try_find_child(job_type) or Construct(self._workflows, job_type)
        events.Rule(
            cast("Construct", place),
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

    def _executions_of(self, machine: sfn.IStateMachine) -> str:
        """Write how reports name what the CDK calls all executions of a machine."""
        stack = Stack.of(self)
        where = {"Partition": stack.partition, "Region": stack.region, "AccountId": stack.account}
        partition, region, account = (
            f"<AWS::{name}>" if Token.is_unresolved(value) else value for name, value in where.items()
        )
        if isinstance(machine.node.default_child, CfnElement):
            machine_id = stack.get_logical_id(machine.node.default_child)
            name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{machine_id}"}}]}}]}}'
        else:
            name = _name_of(machine)
        return f"arn:{partition}:states:{region}:{account}:execution:{name}"

    def _grant_executions(self, name: str, policy: iam.ManagedPolicy, action: str) -> None:
        """Allow an action on the executions of a machine, in fewer words than the machine's own `grant_execution`."""
        executions = Fn.sub(_EXECUTIONS, {"Name": name})
        policy.add_statements(iam.PolicyStatement(actions=[action], resources=[executions]))
        resource = json.dumps([_EXECUTIONS, {"Name": Stack.of(self).resolve(name)}], separators=(",", ":"))
        acknowledge(
            policy,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{resource}]",
            reason="Each job has an execution of its own, whose name is known only when the job is.",
        )

    def _policy(self, id: str, *functions: lambda_.Function) -> iam.ManagedPolicy:
        """Find or define what some functions may do to workflows, once for all: the ARNs of executions are long."""
        found = cast("iam.ManagedPolicy | None", self.node.try_find_child(id))
        return found or iam.ManagedPolicy(self, id, roles=[cast("iam.IRole", function.role) for function in functions])

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
            filters=[
                lambda_.FilterCriteria.filter(
                    {
                        "eventName": lambda_.FilterRule.or_("INSERT", "MODIFY"),
                        # Only jobs have been sent by somebody; the table has items of other kinds, too.
                        "dynamodb": {"NewImage": {"input": {"S": lambda_.FilterRule.exists()}}},
                    }
                )
            ],
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
            environment=environment,
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
        self._grant_query(function, OPEN_JOBS)
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

    def _grant_query(self, function: lambda_.Function, index: str) -> None:
        iam.Grant.add_to_principal(
            grantee=function, actions=["dynamodb:Query"], resource_arns=[f"{self.table.table_arn}/index/{index}"]
        )

    def _arn_of_machines(self) -> str:
        """Write what stands before the name in the ARN of every state machine here: names are all that is told."""
        return Stack.of(self).format_arn(
            service="states",
            resource="stateMachine",
            resource_name="",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _grant(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        """Allow `actions` on single jobs. The table's own `grant_*` methods allow a Scan, and every index."""
        return iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.table.table_arn])


def _name_of(machine: sfn.IStateMachine) -> str:
    if isinstance(machine, sfn.StateMachine):
        return machine.state_machine_name  # the same in fewer words: a template has only so many
    arn = Stack.of(machine).split_arn(machine.state_machine_arn, ArnFormat.COLON_RESOURCE_NAME)
    return cast("str", arn.resource_name)


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
