"""Connections, their clients and the jobs that they follow, as the handlers' tests see them."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from lambdas import clients
from lambdas.notifications import connections, fan_out
from tests.lambdas.jobs.world import Context, image, refusal

CONNECTIONS = "connections"
JOBS = "jobs"


class CrashError(Exception):
    """The function ended here."""


def connect(id: str = "c-1", **authorizer: Any) -> int:
    known = {"connectionId": id, "eventType": "CONNECT", "routeKey": "$connect"}
    if authorizer:
        known["authorizer"] = {"principalId": "p", **authorizer}
    return connections.handler({"requestContext": known}, Context())["statusCode"]


def disconnect(id: str = "c-1") -> None:
    known = {"connectionId": id, "eventType": "DISCONNECT", "routeKey": "$disconnect"}
    connections.handler({"requestContext": known}, Context())


def send(message: Any, id: str = "c-1", route: str = "$default") -> dict[str, Any]:
    """Send a message over a connection, and return the answer."""
    body = message if isinstance(message, str) else json.dumps(message)
    known = {"connectionId": id, "eventType": "MESSAGE", "routeKey": route}
    answer = connections.handler({"requestContext": known, "body": body}, Context())
    assert answer["statusCode"] == 200
    return json.loads(answer["body"])


def subscribe(job: str | None = None, id: str = "c-1") -> dict[str, Any]:
    return send({"action": "subscribe", **({"job": job} if job else {})}, id)


def unsubscribe(job: str | None = None, id: str = "c-1") -> dict[str, Any]:
    return send({"action": "unsubscribe", **({"job": job} if job else {})}, id)


def put(job: dict[str, Any]) -> None:
    clients.dynamodb().put_item(TableName=JOBS, Item=image(job))


def changed(id: str = "j-1", *, tenant: str = "default", version: int = 3, **more: Any) -> dict[str, Any]:
    """An event of the bus, as EventBridge hands it to the function."""
    detail = {"id": id, "tenant": tenant, "version": version, "status": "In Progress", **more}
    return {"source": "storage-first", "detail-type": "Job Progressed", "detail": detail}


def tell(event: dict[str, Any]) -> None:
    fan_out.handler(event, Context())


def remembered() -> set[tuple[str, str]]:
    """What is known of connections: (topic, connection) of each subscription, and (id, id) of each connection."""
    items = clients.dynamodb().scan(TableName=CONNECTIONS)["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]) for item in items}


@dataclass
class Sockets:
    """What API Gateway does with calls about connections."""

    heard: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)  # cannot even be disconnected
    waits: threading.Barrier | None = None

    def post_to_connection(self, ConnectionId: str, Data: str) -> None:  # noqa: N803  (as AWS spells it)
        if self.waits:
            self.waits.wait(5)
        if ConnectionId in self.gone:
            raise refusal("GoneException")
        if ConnectionId in self.slow | self.deaf:
            raise refusal("LimitExceededException")
        self.heard.setdefault(ConnectionId, []).append(json.loads(Data))

    def delete_connection(self, ConnectionId: str) -> None:  # noqa: N803
        if ConnectionId in self.deaf:
            raise refusal("ForbiddenException")
        if ConnectionId in self.gone:
            raise refusal("GoneException")
        self.gone.add(ConnectionId)
