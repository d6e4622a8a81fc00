"""Where Lambda puts the records aside that it gives up on."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import jsii
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from constructs_lib._acknowledge import acknowledge

if TYPE_CHECKING:
    from aws_cdk import CfnElement
    from aws_cdk import aws_s3 as s3


@jsii.implements(lambda_.IEventSourceDlq)
class FailuresBucket:
    """An on-failure destination in S3. The CDK's own would let the function read and delete all of it."""

    def __init__(self, bucket: s3.Bucket) -> None:
        self._bucket = bucket

    def bind(
        self, _target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """Let the function's role write there: Lambda does so in its name."""
        bucket = self._bucket
        prefix = "aws/lambda/*"
        iam.Grant.add_to_principal(grantee=target_handler, actions=["s3:ListBucket"], resource_arns=[bucket.bucket_arn])
        iam.Grant.add_to_principal(
            grantee=target_handler, actions=["s3:PutObject"], resource_arns=[bucket.arn_for_objects(prefix)]
        )
        if bucket.encryption_key:
            bucket.encryption_key.grant(target_handler, "kms:GenerateDataKey")
        if target_handler.role:
            bucket_id = Stack.of(bucket).get_logical_id(cast("CfnElement", bucket.node.default_child))
            acknowledge(
                target_handler.role,
                f"AwsSolutions::AwsSolutions-IAM5[Resource::<{bucket_id}.Arn>/{prefix}]",
                reason="Lambda names what it puts aside, under a prefix of its own.",
            )
        return lambda_.DlqDestinationConfig(destination=bucket.bucket_arn)
