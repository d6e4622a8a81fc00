"""A function that is told the address of a WebSocket API of this cloud finds it here.

A template makes the address out of the API's id (`https://ID.execute-api.REGION.amazonaws.com/STAGE`), and on AWS the
emulator's ids belong to somebody else. In the environment of a function, the address becomes that of the emulator.
"""

import os
import re
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.services import apigateway

_ADDRESS: Final = re.compile(r"\b(?P<scheme>http|ws)s://(?P<id>[0-9a-z]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com")


def close() -> None:
    """Give functions an environment with addresses of this machine."""
    spawn = lambda_runtime.Worker._spawn

    def spawn_here(self: Any) -> None:
        config = self.config
        environment = config.get("Environment") or {}
        variables = {name: _ADDRESS.sub(_here, value) for name, value in environment.get("Variables", {}).items()}
        self.config = {**config, "Environment": {**environment, "Variables": variables}}
        try:
            spawn(self)
        finally:
            self.config = config

    lambda_runtime.Worker._spawn = spawn_here


def _here(address: re.Match[str]) -> str:
    if apigateway._api_protocol(address["id"]) != "WEBSOCKET":
        return address[0]
    return f"{address['scheme']}://127.0.0.1:{os.environ['GATEWAY_PORT']}/_aws/execute-api/{address['id']}"
