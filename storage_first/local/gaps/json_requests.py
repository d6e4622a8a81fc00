"""A request whose JSON holds half a surrogate pair is the caller's error (400), not the service's (500).

Such a text has no form in UTF-8, and the emulator's DynamoDB and Kinesis fail when they count its bytes. AWS's
references do not say how it is refused; `SerializationException` is what their protocol has for JSON that it cannot
read.
"""

import json
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import dynamodb, kinesis


def close() -> None:
    """Refuse what cannot be written as UTF-8."""
    for service in (dynamodb, kinesis):
        service.handle_request = _readable(service.handle_request)


def _readable(handle: Any) -> Any:
    async def handle_readable(method: str, path: str, headers: dict[str, str], body: str | bytes, query: Any) -> Any:
        # Step Functions' integrations hand over text, HTTP bytes.
        text = body if isinstance(body, str) else body.decode(errors="replace")
        if "\\ud" in text.lower() and not _is_unicode(text):
            return error_response_json("SerializationException", "Unpaired surrogate in a string", 400)
        return await handle(method, path, headers, body, query)

    return handle_readable


def _is_unicode(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except ValueError:
        pass  # the service itself says what is wrong
    return True
