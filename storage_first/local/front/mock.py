"""Integrations of type MOCK: no backend; the rendered request says which status it would have answered."""

import re

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.http import Response
from storage_first.local.front.integration_request import BackendRequest

# The CDK's CORS methods write { statusCode: 204 }, which is no JSON; API Gateway takes it.
_STATUS = re.compile(r"""["']?statusCode["']?\s*:\s*["']?(?P<status>\d{3})\b""")


def mock_answer(request: BackendRequest) -> Response:
    """Make the answer of a mock integration.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where the rendered request has no `statusCode`.
    """
    text = request.body.decode(errors="replace")
    match = _STATUS.search(text)
    if not match:
        raise GatewayError("API_CONFIGURATION_ERROR", log=f"the request template gave no statusCode: {text!r}")
    return Response(status=int(match["status"]))
