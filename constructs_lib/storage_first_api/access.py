"""Who may call a route, and whose a request is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypedDict

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway

from constructs_lib._limits import require_duration
from constructs_lib.storage_first_api.values import RequestValue, Source, context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_lambda as lambda_

    from constructs_lib.storage_first_api.gateway import Gateway
    from constructs_lib.storage_first_api.usage import Quota, Throttle

_KEY_ID = context("identity.apiKeyId")
_HEADER = re.compile(r"[A-Za-z0-9_-]+")
_OF_SIGNERS = re.compile(r"identity\.(accessKey|accountId|caller|userArn|cognito\w+)")


class MethodAccess(TypedDict, total=False):
    """What a method of API Gateway is told about access."""

    authorization_type: apigateway.AuthorizationType
    authorizer: apigateway.IAuthorizer
    authorization_scopes: list[str]
    api_key_required: bool


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may call a route, and whose its requests are. Made by `anyone`, `iam`, `api_key`, `cognito` and their like.

    Attributes:
        tenant: What tells one tenant's requests from another's; all are one tenant's by default. A request for which it
            is empty, or has other characters than letters, digits and `_.:@|+=,-`, is refused with 403.
    """

    tenant: RequestValue | None = None
    made_by: ClassVar[str] = "Access.anyone()"

    def __post_init__(self) -> None:
        """Check the tenant.

        Raises:
            ValueError: If callers could choose the tenant, or do not have it.
        """
        if self.tenant is None:
            return
        if self.tenant.source not in {Source.CLAIM, Source.CONTEXT}:
            raise ValueError(
                f"tenant must be a claim(...) or a context(...), which callers cannot choose; got a {self.tenant.label}"
            )
        self.require(self.tenant, "tenant")

    @classmethod
    def anyone(cls) -> Access:
        """Let everybody call."""
        return Access()

    @classmethod
    def iam(cls, *, tenant: RequestValue | None = None) -> Access:
        """Let those call who sign their requests (Signature Version 4) and may `execute-api:Invoke`.

        A route's method has `grant_execute` for those of the same account.

        Args:
            tenant: Such as `context("identity.accountId")`. An ARN makes no tenant: it may have slashes.

        Raises:
            ValueError: If a signed request does not have the tenant.
        """
        return _Iam(tenant=tenant)

    @classmethod
    def api_key(
        cls,
        keys: Sequence[apigateway.IApiKey] = (),
        *,
        throttle: Throttle | None = None,
        quota: Quota | None = None,
        tenant: RequestValue | None = _KEY_ID,
    ) -> Access:
        """Let those call who send one of the API's keys in `x-api-key`.

        By AWS's word, keys and usage plans do not control access: whoever has a key of any plan of the stage may call
        every route that wants one, and limits are kept on best effort only.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html

        Args:
            keys: The keys: new ones (`apigateway.ApiKey`) or existing ones (`ApiKey.from_api_key_id`). Others can be
                added to the usage plan at any time, without a deployment.
            throttle: How many requests each key may send.
            quota: How many requests each key may send in the long run.
            tenant: By default each key is a tenant of its own; None makes all of them one.

        Raises:
            ValueError: If a key cannot tell the tenant.
        """
        return ApiKeyAccess(keys=tuple(keys), throttle=throttle, quota=quota, tenant=tenant)

    @classmethod
    def cognito(
        cls,
        user_pools: Sequence[cognito.IUserPool],
        *,
        scopes: Sequence[str] = (),
        tenant: RequestValue | None = None,
    ) -> Access:
        """Let those call who send a token of a user pool in `Authorization`.

        Args:
            user_pools: The user pools.
            scopes: The token must be an access token with one of these scopes, such as `orders/write`. Without scopes
                it must be an ID token. Only the latter has custom attributes, unless the pool adds them to the other.
            tenant: A claim such as `claim("custom:tenant")`. Users must not be able to write the attribute behind it.

        Raises:
            ValueError: If `user_pools` is empty or no list, or a token does not have the tenant.
        """
        if not isinstance(user_pools, (list, tuple)) or not user_pools:
            raise ValueError("user_pools must be a list of one or more user pools")
        return _Cognito(user_pools=tuple(user_pools), scopes=tuple(scopes), tenant=tenant)

    @classmethod
    def lambda_authorizer(
        cls,
        function: lambda_.IFunction,
        *,
        identity_headers: Sequence[str] = ("Authorization",),
        cache: Duration = Duration.minutes(5),
        tenant: RequestValue | None = None,
    ) -> Access:
        """Let those call whom a function lets: a Lambda authorizer that gets the request.

        Its answers are kept by the values of `identity_headers` alone: the policy in an answer must be about all routes
        of this access, not only the one that was called.

        Args:
            function: The authorizer, which answers with `principalId`, `policyDocument` and `context`.
            identity_headers: What tells callers apart. A request that lacks one is refused with 401.
            cache: How long an answer is kept, up to one hour; zero asks for each request.
            tenant: Such as `context("authorizer.tenant")` for a function that answers `{"context": {"tenant": …}}`.

        Raises:
            ValueError: If `identity_headers` is empty or has something else than names of headers, `cache` is longer
                than one hour, or an authorizer cannot tell the tenant.
        """
        if isinstance(identity_headers, str) or not identity_headers:
            raise ValueError(f"identity_headers must be a list of one or more headers; got {identity_headers!r}")
        for name in identity_headers:
            if not _HEADER.fullmatch(name):
                raise ValueError(f"identity_headers must be names of headers; got {name!r}")
        require_duration("cache", cache, Duration.seconds(0), Duration.hours(1))
        seconds = int(cache.to_seconds())
        return _LambdaAuthorizer(
            function=function, identity_headers=tuple(identity_headers), cache_seconds=seconds, tenant=tenant
        )

    def require(self, value: RequestValue, argument: str) -> None:
        """Check that callers with this access have `value`, which would be empty otherwise.

        Args:
            value: A value of a request.
            argument: What an error names: the argument or route that takes it.

        Raises:
            ValueError: If they do not.
        """
        needed = _giver_of(value)
        if needed and not isinstance(self, needed):
            raise ValueError(
                f"{argument}: {value.source.name.lower()}({value.name!r}) is always empty here; "
                f"only {needed.made_by} gives it. Change the access, or take another value"
            )

    def on(self, gateway: Gateway) -> MethodAccess:
        """Tell a method of `gateway` who may call it."""
        del gateway
        return {"authorization_type": apigateway.AuthorizationType.NONE, "api_key_required": False}


@dataclass(frozen=True, kw_only=True)
class _Iam(Access):
    made_by: ClassVar[str] = "Access.iam()"

    def on(self, gateway: Gateway) -> MethodAccess:
        gateway.tell_unsigned_requests()
        return {"authorization_type": apigateway.AuthorizationType.IAM, "api_key_required": False}


@dataclass(frozen=True, kw_only=True)
class ApiKeyAccess(Access):
    """Those may call who have a key; made by `Access.api_key`."""

    keys: tuple[apigateway.IApiKey, ...]
    throttle: Throttle | None
    quota: Quota | None
    made_by: ClassVar[str] = "Access.api_key(...)"

    def on(self, gateway: Gateway) -> MethodAccess:
        """Tell a method that it wants a key."""
        gateway.plan_usage(self)
        return {"authorization_type": apigateway.AuthorizationType.NONE, "api_key_required": True}


@dataclass(frozen=True, kw_only=True)
class _Cognito(Access):
    user_pools: tuple[cognito.IUserPool, ...]
    scopes: tuple[str, ...]
    made_by: ClassVar[str] = "Access.cognito(...)"

    def on(self, gateway: Gateway) -> MethodAccess:
        authorizer = gateway.authorizer(
            "CognitoAuthorizer",
            self.user_pools,
            lambda scope, name: apigateway.CognitoUserPoolsAuthorizer(
                scope, name, cognito_user_pools=list(self.user_pools)
            ),
        )
        access: MethodAccess = {
            "authorization_type": apigateway.AuthorizationType.COGNITO,
            "authorizer": authorizer,
            "api_key_required": False,
        }
        return {**access, "authorization_scopes": list(self.scopes)} if self.scopes else access


@dataclass(frozen=True, kw_only=True)
class _LambdaAuthorizer(Access):
    function: lambda_.IFunction
    identity_headers: tuple[str, ...]
    cache_seconds: int
    made_by: ClassVar[str] = "Access.lambda_authorizer(...)"

    def on(self, gateway: Gateway) -> MethodAccess:
        authorizer = gateway.authorizer(
            "LambdaAuthorizer",
            (self.function, self.identity_headers, self.cache_seconds),
            lambda scope, name: apigateway.RequestAuthorizer(
                scope,
                name,
                handler=self.function,
                identity_sources=[apigateway.IdentitySource.header(name) for name in self.identity_headers],
                results_cache_ttl=Duration.seconds(self.cache_seconds),
            ),
        )
        return {
            "authorization_type": apigateway.AuthorizationType.CUSTOM,
            "authorizer": authorizer,
            "api_key_required": False,
        }


def _giver_of(value: RequestValue) -> type[Access] | None:
    """Tell by which access alone API Gateway knows `value`; None if by any."""
    if value.source is Source.CLAIM:
        return _Cognito
    if value.source is not Source.CONTEXT:
        return None
    if value.name.startswith("authorizer.claims."):
        return _Cognito
    if value.name.startswith("authorizer."):
        return _LambdaAuthorizer
    if value.name in {"identity.apiKey", "identity.apiKeyId"}:
        return ApiKeyAccess
    return _Iam if _OF_SIGNERS.fullmatch(value.name) else None


ANYONE = Access.anyone()
