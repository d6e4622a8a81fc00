"""Who may call: security schemes from authorizers, IAM and API keys."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from storage_first.local.front.raw import Props, RawApi
from storage_first.openapi.answers import is_true

_PLACES: Final = {"header": "header", "querystring": "query"}
_AUTHORIZATION: Final = "method.request.header.Authorization"
_KEY: Final = {"type": "apiKey", "in": "header", "name": "x-api-key"}
_SIGNATURE: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "A signature of AWS, version 4, of a principal that may call execute-api:Invoke.",
}


class Security:
    """Writes what methods require of callers.

    Attributes:
        schemes: The security schemes that methods use, by component name.
    """

    def __init__(self, api: RawApi) -> None:
        """Prepare to write the requirements of one API.

        Args:
            api: The API.
        """
        self.schemes: dict[str, Mapping[str, Any]] = {}
        self._api = api

    def requirements(self, method: Props) -> list[dict[str, list[str]]]:
        """Write what a method requires: all of one mapping, or nothing."""
        needed = dict(self._needed(method))
        return [needed] if needed else []

    def _needed(self, method: Props) -> Iterator[tuple[str, list[str]]]:
        kind = method.get("AuthorizationType", "NONE")
        if kind == "AWS_IAM":
            yield self._add("Signature", _SIGNATURE), []
        elif kind in {"CUSTOM", "COGNITO_USER_POOLS"}:
            scopes = list(method.get("AuthorizationScopes", ()))
            authorizer = self._api.authorizers.get(method.get("AuthorizerId", ""), {})
            for scheme, name in _authorizer(authorizer):
                yield self._add(name, scheme), scopes
        if is_true(method.get("ApiKeyRequired")) and self._api.props.get("ApiKeySourceType", "HEADER") == "HEADER":
            yield self._add("ApiKey", _KEY), []

    def _add(self, wanted: str, scheme: Mapping[str, Any]) -> str:
        name, number = wanted, 1
        while self.schemes.setdefault(name, scheme) != scheme:
            number += 1
            name = f"{wanted}{number}"
        return name


def _authorizer(props: Props) -> Iterator[tuple[Mapping[str, Any], str]]:
    """One scheme for each thing that the authorizer looks at and a client can send."""
    cognito = props.get("Type") == "COGNITO_USER_POOLS"
    description = "A token of the Cognito user pool." if cognito else "What the authorizer of the API looks at."
    default = "" if props.get("Type") == "REQUEST" else _AUTHORIZATION
    for source in (props.get("IdentitySource") or default).split(","):
        location, _, name = source.strip().removeprefix("method.request.").partition(".")
        if location in _PLACES:
            scheme = {"type": "apiKey", "in": _PLACES[location], "name": name, "description": description}
            yield scheme, "Token" if cognito else f"Authorizer{name.replace('-', '').capitalize()}"
