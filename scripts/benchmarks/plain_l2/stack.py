"""The stack: tables, functions and workflows."""

from pathlib import Path
from typing import cast

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
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
from constructs import Construct

from scripts.benchmarks.plain_l2 import workflows
from scripts.benchmarks.plain_l2.api import Api
from scripts.benchmarks.plain_l2.notifications import Notifications
from scripts.benchmarks.plain_l2.observations import Observations, sample_function


class PlainStack(Stack):
    """Gopher Holes without the library."""

    def __init__(self, scope: Construct, id: str, *, handlers: Path) -> None:
        """Define everything.

        Args:
            scope: The app.
            id: The stack's name.
            handlers: The zip of the functions that track jobs.
        """
        super().__init__(scope, id, description="Gopher Holes, by hand")
        self._handlers = lambda_.Code.from_asset(str(handlers))
        self._define_tables()
        self.bus = events.EventBus(self, "Bus")
        self._define_dead_letters()
        self._define_tracking()
        self._define_workflows()
        notifications = Notifications(self, "Push", jobs=self.jobs, bus=self.bus, handlers=self._handlers)
        show = sample_function(self, "Show", "show", self.holes, ["dynamodb:Query"], CORS_ORIGIN="*")
        self.api = Api(
            self,
            "Api",
            jobs=self.jobs,
            observations=Observations(self, "Observations", table=self.holes),
            show=show,
            push=notifications.stage.url,
            access_log=_log_group(self, "AccessLog"),
        )
        CfnOutput(self, "ApiUrl", value=self.api.rest_api.url)

    def _define_tables(self) -> None:
        recovery = dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)
        self.holes = dynamodb.TableV2(
            self,
            "Holes",
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name="byLocation",
                    partition_key=_string("holeLocation"),
                    sort_key=_string("holeId"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
            point_in_time_recovery_specification=recovery,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.jobs = dynamodb.TableV2(
            self,
            "Jobs",
            partition_key=_string("pk"),
            billing=dynamodb.Billing.on_demand(),
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            time_to_live_attribute="expiresAt",
            point_in_time_recovery_specification=recovery,
            global_secondary_indexes=[
                *(
                    dynamodb.GlobalSecondaryIndexPropsV2(
                        index_name=".".join(("newest", *asked)),
                        partition_keys=[_string(name) for name in ("tenant", *asked)],
                        sort_keys=[_string("createdAt")],
                        projection_type=dynamodb.ProjectionType.INCLUDE,
                        non_key_attributes=["attempt", "id", "updatedAt", "version"],
                    )
                    for asked in ((), ("type",), ("status",), ("type", "status"))
                ),
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name="open",
                    partition_key=_string("open"),
                    sort_key=_string("checkAt"),
                    projection_type=dynamodb.ProjectionType.INCLUDE,
                    non_key_attributes=[
                        "attempt",
                        "createdAt",
                        "executionArn",
                        "id",
                        "status",
                        "tenant",
                        "type",
                        "version",
                    ],
                ),
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name="waiting",
                    partition_key=_string("waitingFor"),
                    sort_key=_string("createdAt"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                ),
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name="executions",
                    partition_key=_string("execution"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                ),
            ],
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _define_dead_letters(self) -> None:
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            enforce_ssl=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        waiting = self.dead_letters.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
        )
        self._alarm("DeadLettersAlarm", waiting, 1)

    def _alarm(self, id: str, metric: cloudwatch.IMetric, threshold: float, *, evaluation_periods: int = 1) -> None:
        cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=evaluation_periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _define_tracking(self) -> None:
        self.reader = self._tracking_function("Reader", "lambdas.jobs.stream_reader.handler", Duration.minutes(2))
        self.reader.add_environment("EVENT_BUS", self.bus.event_bus_name)
        self.bus.grant_put_events_to(self.reader)
        self._allow(self.reader, "dynamodb:UpdateItem")
        self.jobs.grant_stream_read(self.reader)
        lambda_.EventSourceMapping(
            self,
            "Stream",
            target=self.reader,
            event_source_arn=self.jobs.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            filters=[
                lambda_.FilterCriteria.filter(
                    {
                        "eventName": lambda_.FilterRule.or_("INSERT", "MODIFY"),
                        "dynamodb": {"NewImage": {"input": {"S": lambda_.FilterRule.exists()}}},
                    }
                )
            ],
            batch_size=50,
            parallelization_factor=10,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            retry_attempts=10,
            max_record_age=Duration.hours(24),
            on_failure=sources.SqsDlq(self.dead_letters),
        )
        self.execution_ended = self._tracking_function(
            "ExecutionEnded", "lambdas.jobs.execution_ended.handler", Duration.minutes(1)
        )
        self._allow(self.execution_ended, "dynamodb:UpdateItem")
        self.reconciler = self._tracking_function("Reconciler", "lambdas.jobs.reconciler.handler", Duration.minutes(5))
        self._allow(self.reconciler, "dynamodb:GetItem", "dynamodb:UpdateItem")
        self.reconciler.add_to_role_policy(
            iam.PolicyStatement(actions=["dynamodb:Query"], resources=[f"{self.jobs.table_arn}/index/open"])
        )
        events.Rule(
            self,
            "Schedule",
            schedule=events.Schedule.rate(Duration.minutes(5)),
            targets=[self._target(self.reconciler, retry_attempts=2)],
        )
        self._define_tracking_alarms()

    def _define_tracking_alarms(self) -> None:
        failed, late = (
            cloudwatch.Metric(
                namespace="StorageFirst",
                metric_name=name,
                dimensions_map={"service": "jobs", "JobsTable": self.jobs.table_name},
                period=Duration.minutes(5),
                statistic=cloudwatch.Stats.SUM,
            )
            for name in ("JobsFailed", "JobsStartedLate")
        )
        age = self.reader.metric("IteratorAge", period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM)
        errors = self.reconciler.metric_errors(period=Duration.minutes(5), statistic=cloudwatch.Stats.SUM)
        self._alarm("FailedAlarm", failed, 1)
        self._alarm("AgeAlarm", age, Duration.minutes(5).to_milliseconds())
        self._alarm("LateAlarm", late, 1)
        self._alarm("ReconcilerAlarm", errors, 1, evaluation_periods=2)

    def _tracking_function(self, id: str, handler: str, timeout: Duration) -> lambda_.Function:
        log_group = _log_group(self, f"{id}Logs")
        role = iam.Role(self, f"{id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        return lambda_.Function(
            self,
            id,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=self._handlers,
            handler=handler,
            environment={
                "POWERTOOLS_SERVICE_NAME": "jobs",
                "LOG_LEVEL": "INFO",
                "JOBS_TABLE": self.jobs.table_name,
                "EXPIRE_AFTER_SECONDS": "2592000",
            },
            timeout=timeout,
            dead_letter_queue=self.dead_letters,
            memory_size=512,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=role,
        )

    def _define_workflows(self) -> None:
        log_group = _log_group(self, "WorkflowLogs")
        definitions = {
            "add-hole": workflows.add_hole(self, self.holes, self.jobs),
            "add-gopher": workflows.add_gopher(self, self.holes, self.jobs),
        }
        machines = {
            job_type: sfn.StateMachine(
                self,
                job_type,
                definition_body=sfn.DefinitionBody.from_chainable(definition),
                timeout=Duration.hours(24),
                tracing_enabled=True,
                logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ERROR, include_execution_data=False),
            )
            for job_type, definition in definitions.items()
        }
        names = {job_type: {"name": machine.state_machine_name} for job_type, machine in machines.items()}
        for function in (self.reader, self.reconciler, self.execution_ended):
            function.add_environment("WORKFLOWS", self.to_json_string(names))
        self._may_run = iam.ManagedPolicy(self, "Runs", roles=_roles(self.reader, self.reconciler))
        self._may_look = iam.ManagedPolicy(self, "Looks", roles=_roles(self.execution_ended, self.reconciler))
        for job_type, machine in machines.items():
            self._connect(job_type, machine)

    def _connect(self, job_type: str, machine: sfn.StateMachine) -> None:
        machine.grant_start_execution(self._may_run)
        machine.grant_execution(self._may_run, "states:StopExecution")
        machine.grant_execution(self._may_look, "states:DescribeExecution")
        events.Rule(
            self,
            f"{job_type}Ended",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [machine.state_machine_arn],
                    "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[self._target(self.execution_ended, retry_attempts=20)],
        )

    def _target(self, function: lambda_.Function, *, retry_attempts: int) -> targets.LambdaFunction:
        return targets.LambdaFunction(
            function,
            dead_letter_queue=self.dead_letters,
            retry_attempts=retry_attempts,
            max_event_age=Duration.hours(1),
        )

    def _allow(self, function: lambda_.Function, *actions: str) -> None:
        function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=[self.jobs.table_arn]))


def _log_group(scope: Construct, id: str) -> logs.LogGroup:
    return logs.LogGroup(scope, id, retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY)


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _roles(*functions: lambda_.Function) -> list[iam.IRole]:
    return [cast("iam.IRole", function.role) for function in functions]
