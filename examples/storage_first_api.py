"""Orders are stored by API Gateway itself; whatever reads the table's stream works on them."""

from aws_cdk import App, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from constructs_lib import Cors, StorageFirstApi, Throttle
from constructs_lib.stores import DynamoDbStore


class OrdersStack(Stack):
    """An API that stores orders in a table of your own."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        orders = dynamodb.TableV2(
            self,
            "Orders",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
        )
        api = StorageFirstApi(
            self,
            "Api",
            cors=Cors(origins=["https://shop.example"]),
            throttle=Throttle(rate=200, burst=400),
        )
        api.post(
            "/orders",
            DynamoDbStore(orders),
            body={
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z0-9-]{1,20}$"},
                    "quantity": {"type": "integer", "minimum": 1},
                },
                "additionalProperties": False,
            },
            require_idempotency_key=True,
        )


if __name__ == "__main__":
    app = App()
    OrdersStack(app, "Orders")
    app.synth()
