"""Where a job and its neighbours are, under any stage and custom domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs_lib.storage_first_api.integrations import Answer, accepted
from constructs_lib.storage_first_api.problems import RETRY_AFTER_SECONDS
from constructs_lib.storage_first_api.templates import Raw, Vtl, client_text, fragment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.storage_first_api.route import Route
    from constructs_lib.storage_first_api.templates import Value

JOBS = "/jobs"
_STATUS = Vtl("$item.status.S")
_LINKS: list[Mapping[str, Value]] = [{"rel": "job", "href": Vtl("$href")}]


def base_path(route: Route) -> str:
    """Set `$base`: the stage, or the base path of a custom domain, is what stands before the route's own segments."""
    return (
        """#set($base = "$context.path")#set($base = $base.replaceAll('/+$', ''))"""
        f"#foreach($segment in [1..{route.segments}])"
        '#set($base = $base.substring(0, $base.lastIndexOf("/")))#end'
    )


def accepted_job(route: Route, *, setup: str) -> Answer:
    """Answer 202 with a link to the job, whose item `setup` sets as `$item`."""
    return accepted("$!item.id.S", status=_STATUS, links=_LINKS, setup=setup, found=_follow(route))


def accepted_already(route: Route) -> Raw:
    """Tell the same of a `$job` that needs no write."""
    body = fragment({"id": client_text("$id"), "status": _STATUS, "links": _LINKS}).source
    return Raw(f"#set($item = $job)#set($id = $item.id.S){_follow(route)}{body}")


def _follow(route: Route) -> str:
    return (
        f'{base_path(route)}#set($href = "$base{JOBS}/$id")#set($context.responseOverride.header.Location = $href)'
        f'#set($context.responseOverride.header.Retry-After = "{RETRY_AFTER_SECONDS}")\n'
    )
