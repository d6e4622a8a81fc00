"""Prepare methods and their integrations for serving."""

import re
from collections.abc import Mapping, MutableSequence, Sequence

from storage_first.local.front.bodies import BodyModel
from storage_first.local.front.model import Authorizer, Integration, IntegrationResponse, Method
from storage_first.local.front.raw import Props
from storage_first.local.front.sources import Source, UnknownSourceError, parse_source
from storage_first.local.front.values import Json

_FUNCTION = re.compile(r"/functions/(?P<function>.+)/invocations")
_AUTHORIZATION_HEADER = "method.request.header.Authorization"
_DEFAULT_TIMEOUT = 29_000


class MethodBuilder:
    """Makes methods from their properties and the API's other parts."""

    def __init__(
        self,
        *,
        validators: Mapping[str, Props],
        authorizers: Mapping[str, Props],
        models: Mapping[str, BodyModel],
        problems: MutableSequence[str],
    ) -> None:
        """Prepare to make methods of one API.

        Args:
            validators: Request validators by id.
            authorizers: Authorizers by id.
            models: Models by name.
            problems: Where to add what cannot be served.
        """
        self._validators = validators
        self._models = models
        self._problems = problems
        self._authorizers = {key: self._authorizer(key, props) for key, props in authorizers.items()}

    def method(self, props: Props, path: str) -> Method:
        """Make a method.

        Args:
            props: The method's properties, as CloudFormation has them.
            path: The resource's path, for messages.
        """
        place = f"{props['HttpMethod']} {path}"
        validator = self._validators.get(props.get("RequestValidatorId", ""), {})
        return Method(
            http_method=props["HttpMethod"],
            integration=self._integration(props["Integration"], place) if "Integration" in props else None,
            authorization=props.get("AuthorizationType", "NONE"),
            authorizer=self._authorizers.get(props.get("AuthorizerId", "")),
            scopes=tuple(props.get("AuthorizationScopes", ())),
            api_key_required=_is_true(props.get("ApiKeyRequired", False)),
            required_parameters=_required(props) if _is_true(validator.get("ValidateRequestParameters")) else (),
            models=self._body_models(props, place) if _is_true(validator.get("ValidateRequestBody")) else {},
        )

    def _body_models(self, props: Props, place: str) -> Mapping[str, BodyModel]:
        models: dict[str, BodyModel] = {}
        for media_type, name in props.get("RequestModels", {}).items():
            if name in self._models:
                models[media_type.lower()] = self._models[name]
            else:
                self._problems.append(f"{place}: its model {name} is not there, so bodies are not validated")
        return models

    def _integration(self, props: Props, place: str) -> Integration:
        self._warn(props, place)
        return Integration(
            type=props.get("Type", "MOCK"),
            uri=props.get("Uri", ""),
            http_method=props.get("IntegrationHttpMethod", "POST"),
            parameters=self._request_parameters(props, place),
            templates=_by_media_type(props.get("RequestTemplates", {})),
            passthrough=props.get("PassthroughBehavior", "WHEN_NO_MATCH"),
            responses=[self._response(response, place) for response in props.get("IntegrationResponses", ())],
            timeout=int(props.get("TimeoutInMillis", _DEFAULT_TIMEOUT)) / 1000,
            content_handling=props.get("ContentHandling"),
        )

    def _warn(self, props: Props, place: str) -> None:
        if props.get("ConnectionType") == "VPC_LINK":
            self._problems.append(f"{place}: its VPC link is ignored, its address is called directly")

    def _request_parameters(self, props: Props, place: str) -> Mapping[tuple[str, str], Source]:
        parameters: dict[tuple[str, str], Source] = {}
        for target, expression in props.get("RequestParameters", {}).items():
            location, _, name = target.removeprefix("integration.request.").partition(".")
            if source := self._source(expression, f"{place}, {target}"):
                parameters[location, name] = source
        return parameters

    def _response(self, props: Props, place: str) -> IntegrationResponse:
        headers: dict[str, Source] = {}
        for target, expression in props.get("ResponseParameters", {}).items():
            if source := self._source(expression, f"{place}, {target}"):
                headers[target.removeprefix("method.response.header.")] = source
        return IntegrationResponse(
            status=int(props["StatusCode"]),
            pattern=self._pattern(props.get("SelectionPattern"), place),
            headers=headers,
            templates=_by_media_type(props.get("ResponseTemplates", {})),
            content_handling=props.get("ContentHandling"),
        )

    def _pattern(self, pattern: str | None, place: str) -> re.Pattern[str] | None:
        if not pattern:
            return None
        try:
            return re.compile(pattern)
        except re.error as error:
            self._problems.append(f"{place}: the selection pattern {pattern!r} cannot be read: {error}")
            return re.compile(re.escape(pattern))

    def _authorizer(self, id: str, props: Props) -> Authorizer:
        function = _FUNCTION.search(props.get("AuthorizerUri", ""))
        validation = props.get("IdentityValidationExpression")
        default_source = "" if props.get("Type") == "REQUEST" else _AUTHORIZATION_HEADER
        sources = (props.get("IdentitySource") or default_source).split(",")
        return Authorizer(
            id=id,
            type=props.get("Type", "TOKEN"),
            function=function["function"] if function else "",
            identity_sources=[
                source
                for expression in sources
                if expression.strip() and (source := self._source(expression.strip(), f"authorizer {id}"))
            ],
            validation=re.compile(validation) if validation else None,
            user_pools=[arn.rpartition("/")[2] for arn in props.get("ProviderARNs", ())],
            ttl=float(props.get("AuthorizerResultTtlInSeconds", 300)),
        )

    def _source(self, expression: str, place: str) -> Source | None:
        try:
            return parse_source(expression)
        except UnknownSourceError as error:
            self._problems.append(f"{place}: {error}")
            return None


def _is_true(value: Json) -> bool:
    """Read a boolean that CloudFormation also takes as a string."""
    return str(value).lower() == "true"


def _required(props: Props) -> Sequence[tuple[str, str]]:
    required = (name for name, needed in props.get("RequestParameters", {}).items() if _is_true(needed))
    parameters = (name.removeprefix("method.request.").partition(".") for name in required)
    return tuple((location, name) for location, _, name in parameters)


def _by_media_type(templates: Mapping[str, str]) -> Mapping[str, str]:
    return {media_type.lower(): template for media_type, template in templates.items()}
