"""`$context`: what API Gateway tells templates, logs and functions about a request."""

import base64
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from storage_first.local.front.domains import Place
from storage_first.local.front.http import Request
from storage_first.local.front.model import Api

# Not strftime's %b, which depends on the locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Short names of the months, in English."""


def new_context(api: Api, place: Place, request: Request) -> dict[str, Any]:
    """Start the `$context` of a request; the steps add what they find out."""
    now = time.time()
    mapping = place.mapping
    domain = mapping.domain if mapping else request.header("host") or f"127.0.0.1:{request.port}"
    return {
        "accountId": api.account,
        "apiId": api.id,
        "customDomain": {"basePathMatched": mapping.base_path if mapping else None},
        "deploymentId": place.stage.deployment,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "endpointType": "REGIONAL",
        "extendedRequestId": base64.b64encode(secrets.token_bytes(11)).decode(),
        "httpMethod": request.method,
        "identity": {"sourceIp": request.client, "userAgent": request.header("user-agent")},
        "path": request.raw_path,
        "protocol": request.protocol,
        # Clients can set this one on AWS too, so nothing may rely on it.
        "requestId": request.header("x-amzn-requestid") or str(uuid.uuid4()),
        "requestTime": common_log_time(now),
        "requestTimeEpoch": int(now * 1000),
        "stage": place.stage.name,
    }


def common_log_time(seconds: float) -> str:
    """Write a time as the Common Log Format does: `21/Nov/2026:20:12:29 +0000`."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.day:02}/{MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} +0000"
