"""The table of Gopher Holes: holes, gophers, their names, and which gopher lives in which holes."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

BY_LOCATION = "byLocation"


class HolesTable(Construct):
    """One table for all entities.

    | entity | `pk` | `sk` | others |
    |---|---|---|---|
    | hole | `HOLE#id` | `HOLE` | `holeId`, `holeLocation`, `depth` |
    | gopher | `GOPHER#id` | `GOPHER` | `gopherId`, `name`, `location` |
    | link | `GOPHER#id` | `HOLE#id` | `holeId` |
    | name | `NAME#name` | `NAME` | `gopherId`: names are unique |
    | last sighting | `GOPHER#id` | `SIGHTING` | `location`, `seenAt`, `order` |
    | last reading | `HOLE#id` | `READING` | `temperature`, `readAt`, `order` |
    | photo | `PHOTO#name` | `PHOTO` | `size`, `etag`, `order` |

    Attributes:
        table: The table. Its index `byLocation` finds the holes at a location.
    """

    def __init__(self, scope: Construct, id: str, *, removal_policy: RemovalPolicy) -> None:
        """Define the table.

        Args:
            scope: The scope.
            id: The id.
            removal_policy: What becomes of the table with the stack.
        """
        super().__init__(scope, id)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_string("pk"),
            sort_key=_string("sk"),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=BY_LOCATION,
                    partition_key=_string("holeLocation"),
                    sort_key=_string("holeId"),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy,
        )


def _string(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
