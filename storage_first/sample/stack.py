"""Gopher Holes: gophers move into the holes of a golf course, and not one request is lost."""

from pathlib import Path

from aws_cdk import Acknowledgment, CfnOutput, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib import Cors, JobTracker, StorageFirstApi, Throttle
from storage_first.sample import workflows
from storage_first.sample.holes_table import HolesTable
from storage_first.sample.schemas import ADD_GOPHER, ADD_HOLE

_CORS_ORIGIN = "*"
_LOGGING_POLICY = (
    "AwsSolutions::AwsSolutions-IAM4"
    "[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)


class GopherHolesStack(Stack):
    """The sample application.

    Attributes:
        api: The API: `POST /holes`, `POST /gophers`, `GET /jobs/{jobId}`, `GET /gophers/{gopherId}`.
        jobs: The jobs.
        holes: The table of holes and gophers.
    """

    def __init__(self, scope: Construct, id: str, *, removal_policy: RemovalPolicy = RemovalPolicy.DESTROY) -> None:
        """Define the stack.

        Args:
            scope: The app.
            id: The stack's name.
            removal_policy: What becomes of the sample's data with the stack. Your own data you would retain.
        """
        super().__init__(scope, id, description="Storage First sample: Gopher Holes")
        self.holes = HolesTable(self, "Holes", removal_policy=removal_policy)
        table = self.holes.table
        self.jobs = JobTracker(self, "Jobs", removal_policy=removal_policy)
        self.api = StorageFirstApi(
            self,
            "Api",
            cors=Cors(origins=[_CORS_ORIGIN]),
            throttle=Throttle(rate=500, burst=1000),
            removal_policy=removal_policy,
        )

        self.api.post("/holes", self.jobs.store("add-hole"), body=ADD_HOLE)
        self.api.post("/gophers", self.jobs.store("add-gopher"), body=ADD_GOPHER)
        self.jobs.workflow("add-hole", definition=workflows.add_hole(self, table))
        self.jobs.workflow("add-gopher", definition=workflows.add_gopher(self, table, self.jobs))
        self.api.rest_api.root.resource_for_path("/gophers/{gopherId}").add_method(
            "GET", apigateway.LambdaIntegration(self._show_gopher(table, removal_policy))
        )
        CfnOutput(self, "ApiUrl", value=self.api.rest_api.url)
        self._explain()

    def _show_gopher(self, table: dynamodb.ITableV2, removal_policy: RemovalPolicy) -> lambda_.Function:
        function = lambda_.Function(
            self,
            "ShowGopher",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(Path(__file__).parent / "handlers"), exclude=["__pycache__"]),
            handler="show_gopher.handler",
            timeout=Duration.seconds(10),
            memory_size=256,
            tracing=lambda_.Tracing.ACTIVE,
            environment={"TABLE": table.table_name, "CORS_ORIGIN": _CORS_ORIGIN},
            log_group=logs.LogGroup(
                self, "ShowGopherLog", retention=logs.RetentionDays.ONE_MONTH, removal_policy=removal_policy
            ),
        )
        iam.Grant.add_to_principal(grantee=function, actions=["dynamodb:Query"], resource_arns=[table.table_arn])
        Validations.of(function).acknowledge(
            Acknowledgment(id=_LOGGING_POLICY, reason="AWS's own policy for writing logs."),
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5[Resource::*]", reason="X-Ray's actions have no resources."
            ),
            Acknowledgment(
                id="Serverless::Serverless-LambdaDLQ",
                reason="API Gateway invokes it synchronously: its caller sees failures.",
            ),
        )
        return function

    def _explain(self) -> None:
        public = "A public playground: everybody may add gophers."
        Validations.of(self.api.rest_api).acknowledge(
            Acknowledgment(id="AwsSolutions::AwsSolutions-APIG4", reason=public),
            Acknowledgment(id="AwsSolutions::AwsSolutions-COG4", reason=public),
        )
        Validations.of(self.api.rest_api.deployment_stage).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-APIG3",
                reason="A web ACL costs 5 USD a month, too much for a playground.",
            )
        )
