"""One request on its way through the front."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from storage_first.local.front.http import Request, Response, decoded
from storage_first.local.front.model import Api, Method, Resource, Stage


@dataclass(kw_only=True)
class Exchange:
    """What the steps know of a request, and tell each other.

    Attributes:
        path: The path in the API, as on the wire: without the stage, or a custom domain's base path.
        event_path: What events of Lambda functions have for it; a custom domain's base path stays there.
        context: `$context`, nested.
        raw_path_parameters: Path parameters as on the wire.
        usage_key: The API key that the authorizer answered with, where the API takes keys from there.
        reply: What the integration's backend answered.
    """

    api: Api
    stage: Stage
    request: Request
    path: str
    event_path: str
    context: dict[str, Any]
    resource: Resource | None = None
    method: Method | None = None
    raw_path_parameters: Mapping[str, str] = field(default_factory=dict)
    usage_key: str | None = None
    reply: Response | None = None

    @cached_property
    def path_parameters(self) -> Mapping[str, str]:
        """Path parameters, decoded."""
        return decoded(self.raw_path_parameters)

    @property
    def place(self) -> str:
        """Where in the API this is, for messages to the developer."""
        path = self.resource.path if self.resource else self.request.raw_path
        return f"{self.request.method} {path} of {self.api.name} ({self.stage.name})"
