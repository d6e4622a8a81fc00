"""The sample, and beside it a route that stores through a Lambda function: `python -m scripts.benchmarks.app`."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from storage_first.sample.app import build_app

BESIDE = "Beside"
TABLE = "TableName"


class BesideStack(Stack):
    """`POST /holes` by way of a Lambda function."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the route, its function and its table.

        Args:
            scope: The app.
            id: The stack's name.
        """
        super().__init__(scope, id)
        table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            removal_policy=RemovalPolicy.DESTROY,
        )
        function = lambda_.Function(
            self,
            "Store",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(Path(__file__).parent / "handlers"), exclude=["__pycache__"]),
            handler="put_item.handler",
            timeout=Duration.seconds(10),
            memory_size=512,
            environment={"TABLE": table.table_name},
        )
        table.grant_write_data(function)
        api = apigateway.RestApi(self, "Api")
        api.root.add_resource("holes").add_method("POST", apigateway.LambdaIntegration(function))
        CfnOutput(self, TABLE, value=table.table_name)


if __name__ == "__main__":
    app = build_app()
    BesideStack(app, BESIDE)
    app.synth()
