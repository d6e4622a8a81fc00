"""Which resources an API can reach: API Gateway calls services in its own Region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack, Token

if TYPE_CHECKING:
    from aws_cdk import IResource
    from constructs import IConstruct


def require_reachable(argument: str, resource: IResource, api: IConstruct, *, other_accounts: bool = False) -> None:
    """Check that `resource` is where calls of `api` go.

    Args:
        argument: What the caller of the store knows it as.
        resource: The resource, which may be imported.
        api: The API.
        other_accounts: Whether the service is called with what names the account too.

    Raises:
        ValueError: If it is known to be in another Region or, for a service that is called by name, another account.
    """
    stack = Stack.of(api)
    if _differ(resource.env.region, stack.region):
        raise ValueError(
            f"{argument} must be in {stack.region}, the Region of {api.node.path}, because API Gateway calls services "
            f"in its own; got {resource.node.path} in {resource.env.region}"
        )
    if not other_accounts and _differ(resource.env.account, stack.account):
        raise ValueError(
            f"{argument} must be in {stack.account}, the account of {api.node.path}, because it is called by its name; "
            f"got {resource.node.path} in {resource.env.account}"
        )


def _differ(one: str, other: str) -> bool:
    """Whether both are known, and not the same."""
    return one != other and not (Token.is_unresolved(one) or Token.is_unresolved(other))
