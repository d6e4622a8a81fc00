"""A deployed REST API, as the front serves it: immutable, and with everything that can be prepared prepared."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from storage_first.local.front.bodies import BodyModel
from storage_first.local.front.sources import Source, Text


@dataclass(frozen=True, kw_only=True)
class IntegrationResponse:
    """What becomes of a backend's answer.

    Attributes:
        pattern: What the status or the error message has to match as a whole; None is the catch-all.
        headers: Response headers by name.
        templates: Mapping templates by media type.
    """

    status: int
    pattern: re.Pattern[str] | None = None
    headers: Mapping[str, Source] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    content_handling: str | None = None


@dataclass(frozen=True, kw_only=True)
class Integration:
    """Where a method's requests go.

    Attributes:
        type: `AWS`, `AWS_PROXY`, `HTTP`, `HTTP_PROXY` or `MOCK`.
        uri: What to call; may hold `{path}` parameters and `${stageVariables.x}`.
        parameters: Sources by location (`header`, `querystring`, `path`) and name.
        timeout: In seconds.
    """

    type: str
    uri: str = ""
    http_method: str = "POST"
    parameters: Mapping[tuple[str, str], Source] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    passthrough: str = "WHEN_NO_MATCH"
    responses: Sequence[IntegrationResponse] = ()
    timeout: float = 29.0
    content_handling: str | None = None


@dataclass(frozen=True, kw_only=True)
class Authorizer:
    """A Lambda or Cognito authorizer.

    Attributes:
        type: `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
        identity_sources: What identifies the caller; also the cache key.
        validation: What a token has to match before the Lambda is asked.
        user_pools: Ids of the Cognito user pools.
        ttl: How many seconds an answer is kept.
    """

    id: str
    type: str
    function: str = ""
    identity_sources: Sequence[Source] = ()
    validation: re.Pattern[str] | None = None
    user_pools: Sequence[str] = ()
    ttl: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of a resource.

    Attributes:
        authorization: `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
        required_parameters: Location and name of each parameter that has to be there.
        models: What bodies are validated against, by media type; empty where bodies are not validated.
    """

    http_method: str
    integration: Integration | None = None
    authorization: str = "NONE"
    authorizer: Authorizer | None = None
    scopes: Sequence[str] = ()
    api_key_required: bool = False
    required_parameters: Sequence[tuple[str, str]] = ()
    models: Mapping[str, BodyModel] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A path, and its methods by HTTP method; `ANY` stands for those that have none of their own."""

    id: str
    path: str
    methods: Mapping[str, Method] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """How an API customizes one type of gateway response."""

    status: int | None = None
    headers: Mapping[str, Source] = field(default_factory=dict)
    templates: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Throttle:
    """A token bucket's settings: tokens per second, and how many it holds."""

    rate: float
    burst: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage, with its settings.

    Attributes:
        throttles: Settings by resource path and HTTP method; `/*` and `*` stand for all.
        access_log: The format of the access log's lines.
    """

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    throttles: Mapping[tuple[str, str], Throttle] = field(default_factory=dict)
    access_log: Text | None = None
    deployment: str = ""


@dataclass(frozen=True, kw_only=True)
class BasePathMapping:
    """Where a custom domain leads to an API.

    Attributes:
        base_path: What precedes the API's paths, without slashes at its ends; may be empty.
        stage: Where the mapping leads; None where the path names the stage after the base path.
    """

    domain: str
    base_path: str = ""
    stage: str | None = None


@dataclass(frozen=True, kw_only=True)
class UsagePlan:
    """What the holders of some API keys may call, and how often.

    Attributes:
        keys: Ids of the API keys.
        stages: Stages of this API that the plan covers, each with its throttles by resource path and HTTP method.
        quota: How many requests in a period; None is no quota.
        period: `DAY`, `WEEK` or `MONTH`.
        offset: How many requests less in the first period.
    """

    id: str
    keys: frozenset[str] = frozenset()
    stages: Mapping[str, Mapping[tuple[str, str], Throttle]] = field(default_factory=dict)
    throttle: Throttle | None = None
    quota: int | None = None
    period: str = "MONTH"
    offset: int = 0


@dataclass(frozen=True)
class ApiKey:
    """An API key and its secret value."""

    id: str
    value: str
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Api:
    """A REST API.

    Attributes:
        keys: API keys by value.
        key_source: `HEADER` or `AUTHORIZER`.
        problems: What of its definition the front does not serve, one sentence each.
    """

    id: str
    name: str
    stack: str
    logical_id: str
    account: str
    region: str
    resources: Sequence[Resource] = ()
    stages: Mapping[str, Stage] = field(default_factory=dict)
    mappings: Sequence[BasePathMapping] = ()
    gateway_responses: Mapping[str, GatewayResponse] = field(default_factory=dict)
    usage_plans: Sequence[UsagePlan] = ()
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    key_source: str = "HEADER"
    binary_media_types: frozenset[str] = frozenset()
    problems: Sequence[str] = ()
