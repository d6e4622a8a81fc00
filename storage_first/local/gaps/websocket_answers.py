"""A WebSocket API answers a message if its route has a route response, and tells nobody how a function failed.

The emulator knows no route responses: CloudFormation refuses the type, and every route answers. When a function fails,
it sends the text of the exception, where API Gateway sends a message of its own.
"""

import json
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import new_uuid
from ministack.services import apigateway
from ministack.services.cloudformation import provisioners


def close() -> None:
    """Let routes answer as API Gateway does."""
    get_worker = lambda_runtime.get_or_create_worker  # only WebSocket APIs use it
    invoke = apigateway._invoke_ws_lambda

    def get_discreet_worker(*args: Any, **kwargs: Any) -> Any:
        return _Discreet(get_worker(*args, **kwargs))

    async def invoke_and_answer(*args: Any, **kwargs: Any) -> Any:
        answer = await invoke(*args, **kwargs)
        route, event_type = args[3], args[6]
        asked = route.get("routeResponseSelectionExpression") is not None
        if event_type != "MESSAGE" or asked or isinstance(answer, _Failure):
            return answer
        return None

    lambda_runtime.get_or_create_worker = get_discreet_worker
    apigateway._invoke_ws_lambda = invoke_and_answer
    # That the route says so is enough: it does whenever there is a response for it.
    provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::RouteResponse"] = {
        "create": lambda *_: (new_uuid()[:8], {}),
        "delete": lambda *_: None,
    }


class _Failure(dict[str, Any]):
    """What API Gateway sends when an integration fails."""


class _Discreet:
    """A worker whose failures say nothing of what is inside."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def invoke(self, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._worker.invoke(event, request_id)
        if answer.get("status") != "error":
            return answer
        connection = event["requestContext"]["connectionId"]
        body = {"message": "Internal server error", "connectionId": connection, "requestId": request_id}
        return {"status": "ok", "result": _Failure(statusCode=500, body=json.dumps(body))}
