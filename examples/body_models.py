"""Bodies are checked before they are stored: against a pydantic model, a JSON Schema, or an OpenAPI document."""

from typing import Annotated, Literal

from aws_cdk import App, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct
from pydantic import BaseModel, ConfigDict, Field

from constructs_lib import StorageFirstApi, from_openapi
from constructs_lib.stores import DynamoDbStore


class AddGopher(BaseModel):
    """A gopher, as it is announced."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Carl", "weight": 0.4}]})

    name: Annotated[str, Field(min_length=1, max_length=100)]
    weight: Annotated[float, Field(gt=0)]
    fur: Literal["brown", "grey"] | None = None


ADD_HOLE = {
    "type": "object",
    "required": ["location"],
    "properties": {"location": {"type": "string", "minLength": 1}, "depth": {"type": "integer", "exclusiveMinimum": 0}},
    "additionalProperties": False,
}

SIGHTINGS = {
    "openapi": "3.1.0",
    "info": {"title": "Sightings", "version": "1"},
    "paths": {
        "/sightings": {
            "post": {
                "operationId": "addSighting",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Sighting"}}},
                },
                "responses": {"202": {"description": "Stored"}},
            }
        }
    },
    "components": {
        "schemas": {
            "Sighting": {
                "type": "object",
                "required": ["seenAt"],
                "properties": {"seenAt": {"type": "string", "format": "date-time"}},
            }
        }
    },
}


class GophersStack(Stack):
    """An API that stores only what it can read."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        gophers = dynamodb.TableV2(
            self,
            "Gophers",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
        )
        api = StorageFirstApi(self, "Api")
        api.post("/gophers", DynamoDbStore(gophers), body=AddGopher)
        api.post("/holes", DynamoDbStore(gophers), body=ADD_HOLE)
        api.post(
            "/sightings",
            DynamoDbStore(gophers),
            body=from_openapi(SIGHTINGS, "addSighting"),  # or the path of a file, JSON or YAML
        )


if __name__ == "__main__":
    app = App()
    GophersStack(app, "Gophers")
    app.synth()
