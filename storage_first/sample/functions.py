"""The sample's own functions: one asset of small handlers, with the defaults that they share."""

from pathlib import Path

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

_LOGGING_POLICY = (
    "AwsSolutions::AwsSolutions-IAM4"
    "[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)


def sample_function(
    scope: Construct,
    id: str,
    *,
    module: str,
    table: dynamodb.ITableV2,
    actions: list[str],
    called_by: str,
    removal_policy: RemovalPolicy,
    environment: dict[str, str] | None = None,
) -> lambda_.Function:
    """Define a function that works on the table of holes and gophers.

    Args:
        scope: The scope.
        id: The id.
        module: Its module in `handlers`.
        table: The table.
        actions: What it may do to the table.
        called_by: Who sees its failures, and so why it needs no dead-letter queue of its own.
        removal_policy: What becomes of its log with the stack.
        environment: Its environment besides `TABLE`.
    """
    function = lambda_.Function(
        scope,
        id,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(Path(__file__).parent), exclude=["*", "!handlers", "!handlers/*.py"]),
        handler=f"handlers.{module}.handler",
        timeout=Duration.seconds(10),
        memory_size=256,
        tracing=lambda_.Tracing.ACTIVE,
        environment={"TABLE": table.table_name, **(environment or {})},
        log_group=logs.LogGroup(
            scope, f"{id}Log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=removal_policy
        ),
    )
    iam.Grant.add_to_principal(grantee=function, actions=actions, resource_arns=[table.table_arn])
    Validations.of(function).acknowledge(
        Acknowledgment(id=_LOGGING_POLICY, reason="AWS's own policy for writing logs."),
        Acknowledgment(id="AwsSolutions::AwsSolutions-IAM5[Resource::*]", reason="X-Ray's actions have no resources."),
        Acknowledgment(id="Serverless::Serverless-LambdaDLQ", reason=called_by),
    )
    return function
