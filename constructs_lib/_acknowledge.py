"""Acknowledge what policy validators such as cdk-nag would report of a construct, with the reason why it is so."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, *rules: str, reason: str) -> None:
    """Accept findings on `construct` and what is inside.

    Args:
        construct: As narrow as the finding.
        rules: The ids of the findings, such as `AwsSolutions::AwsSolutions-SF1`.
        reason: Why it is right.
    """
    Validations.of(construct).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in rules))
