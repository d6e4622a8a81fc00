"""Find the stage that a request is meant for: named in its path, or mapped to a custom domain's base path.

A custom domain is served on its API's own port, to requests whose Host header names it:
`curl -H "Host: api.example.com" http://127.0.0.1:8080/orders/7`.
"""

from dataclasses import dataclass
from urllib.parse import unquote

from storage_first.local.front.http import Request
from storage_first.local.front.model import Api, BasePathMapping, Stage


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in an API a request goes.

    Attributes:
        path: The path that is left to route by, as on the wire.
        mapping: How it came there, if by a custom domain.
    """

    stage: Stage
    path: str
    mapping: BasePathMapping | None = None


def find_place(api: Api, request: Request) -> Place | None:
    """Find where a request goes, or None where API Gateway would not let it in."""
    host = (request.header("host") or "").partition(":")[0].lower()
    mappings = [mapping for mapping in api.mappings if mapping.domain == host]
    if not mappings:
        return _in_stage(api, request.raw_path, None)
    for mapping in sorted(mappings, key=lambda mapping: len(mapping.base_path), reverse=True):
        base = f"/{mapping.base_path}" if mapping.base_path else ""
        if f"{request.raw_path}/".startswith(f"{base}/"):
            path = request.raw_path.removeprefix(base) or "/"
            if mapping.stage is None:
                return _in_stage(api, path, mapping)
            stage = api.stages.get(mapping.stage)
            return Place(stage=stage, path=path, mapping=mapping) if stage else None
    return None


def _in_stage(api: Api, path: str, mapping: BasePathMapping | None) -> Place | None:
    name, _, rest = path.removeprefix("/").partition("/")
    stage = api.stages.get(unquote(name))
    return Place(stage=stage, path=f"/{rest}", mapping=mapping) if stage else None
