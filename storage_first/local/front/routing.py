"""Route: which resource and method of an API a path is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.front.model import Resource


@dataclass
class _Node:
    static: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "tuple[str, _Node] | None" = None
    greedy: tuple[str, Resource] | None = None
    resource: Resource | None = None


class Router:
    """Finds resources by path: a literal segment before `{parameter}` before `{proxy+}`."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        """Prepare to route.

        Args:
            resources: Those that have methods.
        """
        self._root = _Node()
        for resource in resources:
            self._add(resource)

    def route(self, exchange: Exchange) -> None:
        """Find the resource and the method that a request's path names.

        A trailing slash makes no difference. Where a path matches a resource that lacks the method, a less specific
        resource is not tried.

        Args:
            exchange: The request, and where to note them.

        Raises:
            GatewayError: MISSING_AUTHENTICATION_TOKEN, as AWS answers whatever it does not know.
        """
        path = exchange.path
        segments = path.rstrip("/").removeprefix("/").split("/") if path.strip("/") else []
        found = _find(self._root, segments)
        method = None
        if found:
            resource, parameters = found
            method = resource.methods.get(exchange.request.method) or resource.methods.get("ANY")
        if not found or method is None:
            raise GatewayError("MISSING_AUTHENTICATION_TOKEN")
        exchange.resource = resource
        exchange.method = method
        exchange.raw_path_parameters = parameters
        exchange.context |= {"resourceId": resource.id, "resourcePath": resource.path}

    def _add(self, resource: Resource) -> None:
        node = self._root
        for segment in filter(None, resource.path.split("/")):
            if segment.endswith("+}"):
                node.greedy = (segment[1:-2], resource)
                return
            if segment.startswith("{"):
                node.parameter = node.parameter or (segment[1:-1], _Node())
                node = node.parameter[1]
            else:
                node = node.static.setdefault(segment, _Node())
        node.resource = resource


def _find(node: _Node, segments: Sequence[str]) -> tuple[Resource, dict[str, str]] | None:
    if not segments:
        return (node.resource, {}) if node.resource else None
    first, *rest = segments
    child = node.static.get(first) or node.static.get(unquote(first))
    if child and (found := _find(child, rest)):
        return found
    if node.parameter and first:
        name, child = node.parameter
        if found := _find(child, rest):
            resource, parameters = found
            return resource, {name: first, **parameters}
    if node.greedy:
        name, resource = node.greedy
        return resource, {name: "/".join(segments)}
    return None
