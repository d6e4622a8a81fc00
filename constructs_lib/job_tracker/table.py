"""The table of jobs, and its indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb

from constructs_lib.job_tracker.endpoints import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

# Sparse indexes: of jobs that have not ended, of those that wait for a slot, and of the executions of machines that
# know nothing of jobs.
OPEN_JOBS: Final = "open"
WAITING: Final = "waiting"
EXECUTIONS: Final = "executions"


def define_table(scope: Construct, removal_policy: RemovalPolicy) -> dynamodb.TableV2:
    """Define the table of jobs.

    Besides jobs it has, for each type of which only so many may run at once, an item of those that do.
    """
    return dynamodb.TableV2(
        scope,
        "Table",
        partition_key=_text_attribute("pk"),
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
                partition_key=_text_attribute("open"),
                sort_key=_text_attribute("checkAt"),
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
                index_name=WAITING,
                partition_key=_text_attribute("waitingFor"),
                sort_key=_text_attribute("createdAt"),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY,
            ),
            dynamodb.GlobalSecondaryIndexPropsV2(
                index_name=EXECUTIONS,
                partition_key=_text_attribute("execution"),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY,
            ),
        ],
        removal_policy=removal_policy,
    )


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
