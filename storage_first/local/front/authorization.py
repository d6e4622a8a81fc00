"""Authorize: AWS_IAM, Lambda authorizers and Cognito.

No signature is verified, neither of requests nor of tokens: the front knows no keys. Conditions in the policies of
Lambda authorizers are not evaluated.
"""

import base64
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from storage_first.local.front.backends import Backends
from storage_first.local.front.context import MONTHS
from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.lambda_proxy import invoke, request_event
from storage_first.local.front.model import Authorizer
from storage_first.local.front.sources import single
from storage_first.local.front.values import Json

_AUTHORIZER_TIMEOUT = 29.0
_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/")
_ACTIONS = frozenset({"*", "execute-api:*", "execute-api:Invoke"})
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DENIED = "User is not authorized to access this resource"


class Authorization:
    """Authorizes the requests of one API, and remembers what its Lambda authorizers said."""

    def __init__(self, backends: Backends, now: Callable[[], float] = time.time) -> None:
        """Prepare to authorize.

        Args:
            backends: How to reach Lambda.
            now: Tells the time.
        """
        self._backends = backends
        self._now = now
        self._answers: dict[tuple[str, ...], tuple[float, Mapping[str, Any]]] = {}

    async def authorize(self, exchange: Exchange) -> None:
        """Let a request pass its method's authorization, and note what that tells in `$context`.

        Raises:
            GatewayError: MISSING_AUTHENTICATION_TOKEN, UNAUTHORIZED, ACCESS_DENIED, AUTHORIZER_FAILURE or
                AUTHORIZER_CONFIGURATION_ERROR.
        """
        method = exchange.method
        if method is None or method.authorization == "NONE":
            return
        if method.authorization == "AWS_IAM":
            _check_signature(exchange)
        elif method.authorizer is None:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", log="the method's authorizer is not there")
        elif method.authorizer.type == "COGNITO_USER_POOLS":
            self._check_token(exchange, method.authorizer, method.scopes)
        else:
            await self._ask_function(exchange, method.authorizer)

    async def _ask_function(self, exchange: Exchange, authorizer: Authorizer) -> None:
        identity = tuple(single(source(exchange)) or "" for source in authorizer.identity_sources)
        # A REQUEST authorizer that caches nothing is asked even without identity.
        if not all(identity) and (authorizer.type == "TOKEN" or authorizer.ttl > 0):
            raise GatewayError("UNAUTHORIZED")
        if authorizer.validation and not authorizer.validation.fullmatch(identity[0]):
            raise GatewayError("UNAUTHORIZED")
        key = (exchange.stage.name, authorizer.id, *identity)
        until, answer = self._answers.get(key, (0.0, {}))
        if until <= self._now():
            answer = await self._invoke(exchange, authorizer, identity)
            self._answers[key] = (self._now() + (authorizer.ttl if identity else 0), answer)
        exchange.usage_key = answer.get("usageIdentifierKey")
        exchange.context["authorizer"] = {"principalId": answer["principalId"], **_context(answer)}
        _evaluate(answer["policyDocument"], method_arn(exchange))

    async def _invoke(self, exchange: Exchange, authorizer: Authorizer, identity: Sequence[str]) -> Mapping[str, Any]:
        event = {"type": authorizer.type, "methodArn": method_arn(exchange)}
        if authorizer.type == "TOKEN":
            event["authorizationToken"] = identity[0]
        else:
            event |= request_event(exchange)
        try:
            reply = await invoke(
                authorizer.function,
                event,
                region=exchange.api.region,
                backends=self._backends,
                seconds=_AUTHORIZER_TIMEOUT,
            )
            answer = json.loads(reply.body)
        except (GatewayError, ValueError, RecursionError) as error:
            raise GatewayError("AUTHORIZER_FAILURE", log=f"the authorizer failed: {error}") from error
        if reply.header("x-amz-function-error"):
            # A function that raises exactly this says that it does not know the caller.
            if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
                raise GatewayError("UNAUTHORIZED")
            raise GatewayError("AUTHORIZER_FAILURE", log=f"the authorizer failed: {reply.text}")
        if not isinstance(answer, dict) or not {"principalId", "policyDocument"} <= answer.keys():
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", log=f"the authorizer answered {reply.text}")
        return answer

    def _check_token(self, exchange: Exchange, authorizer: Authorizer, scopes: Sequence[str]) -> None:
        values = (single(source(exchange)) for source in authorizer.identity_sources)
        claims = _claims(next(values, None) or "")
        issuer = str(claims.get("iss", ""))
        if authorizer.user_pools and issuer.rpartition("/")[2] not in authorizer.user_pools:
            raise GatewayError("UNAUTHORIZED")
        expires = claims.get("exp")
        if not isinstance(expires, int | float):
            raise GatewayError("UNAUTHORIZED")
        if expires <= self._now():
            raise GatewayError("UNAUTHORIZED", message="The incoming token has expired")
        granted = str(claims.get("scope", "")).split()
        # With scopes the token has to be an access token, without them an identity token.
        if scopes and not set(scopes).intersection(granted):
            raise GatewayError("UNAUTHORIZED")
        if not scopes and claims.get("token_use") != "id":
            raise GatewayError("UNAUTHORIZED")
        exchange.context["authorizer"] = {"claims": {name: _claim(name, value) for name, value in claims.items()}}


def method_arn(exchange: Exchange) -> str:
    """Name what a request wants to call, as policies do."""
    api = exchange.api
    place = f"{api.id}/{exchange.stage.name}/{exchange.request.method}{exchange.path}"
    return f"arn:aws:execute-api:{api.region}:{api.account}:{place}"


def _check_signature(exchange: Exchange) -> None:
    request = exchange.request
    value = request.header("authorization") or ""
    credential = _CREDENTIAL.search(value) if value.startswith("AWS4-") else None
    key = credential["key"] if credential else request.query_map.get("X-Amz-Credential", "").partition("/")[0]
    if not key:
        raise GatewayError("MISSING_AUTHENTICATION_TOKEN")
    account = exchange.api.account
    exchange.context["identity"] |= {
        "accessKey": key,
        "accountId": account,
        "caller": key,
        "user": key,
        "userArn": f"arn:aws:iam::{account}:root",
    }


def _evaluate(policy: Json, resource: str) -> None:
    try:
        statements = [statement for statement in _items(policy["Statement"]) if _concerns(statement, resource)]
        effects = {statement["Effect"] for statement in statements}
    except (KeyError, TypeError, AttributeError) as error:
        raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", log=f"the policy cannot be read: {policy}") from error
    if "Deny" in effects:
        raise GatewayError("ACCESS_DENIED", message=f"{_DENIED} with an explicit deny")
    if "Allow" not in effects:
        raise GatewayError("ACCESS_DENIED")


def _concerns(statement: Mapping[str, Any], resource: str) -> bool:
    if not _ACTIONS.intersection(_items(statement["Action"])):
        return False
    return any(_pattern(pattern).fullmatch(resource) for pattern in _items(statement["Resource"]))


def _pattern(resource: str) -> re.Pattern[str]:
    return re.compile(re.escape(resource).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _items(value: Json) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]


def _claims(token: str) -> Mapping[str, Any]:
    parts = token.removeprefix("Bearer ").split(".")
    try:
        _, payload, _ = parts
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise GatewayError("UNAUTHORIZED")
    return claims


def _context(answer: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Write what a Lambda authorizer tells of the caller: "You can't set a JSON object or array" there."""
    context = answer.get("context") or {}
    if not isinstance(context, dict) or any(isinstance(value, dict | list) for value in context.values()):
        raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", log=f"the authorizer's context is not flat: {context}")
    return {name: _plain(value) for name, value in context.items()}


def _claim(name: str, value: Json) -> str | None:
    """Write a claim as a string; lists and times as AWS is seen to write them, which it does not document."""
    if isinstance(value, list):
        return ",".join(_plain(item) or "" for item in value)
    if name in {"exp", "iat"} and isinstance(value, int | float):
        with contextlib.suppress(ValueError, OverflowError, OSError):  # no time that there is
            at = datetime.fromtimestamp(value, UTC)
            return f"{_DAYS[at.weekday()]} {MONTHS[at.month - 1]} {at:%d %H:%M:%S} UTC {at.year}"
    return _plain(value)


def _plain(value: Json) -> str | None:
    """Write a value as `$context.authorizer` has it: as a string."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
