"""An EventBridge target that is a Lambda function gets Lambda's two retries.

EventBridge invokes functions asynchronously, and Lambda tries a failed asynchronous invocation twice more before it
gives it to the function's on-failure destination. The emulator tries once.
"""

import json
from typing import Any

from ministack.services import eventbridge, lambda_svc


def close() -> None:
    """Let rules invoke functions as asynchronous invocations."""

    def dispatch(arn: str, payload: str) -> None:
        func, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not func or not config:
            eventbridge.logger.warning("EventBridge target %s does not exist", name)
            return
        record: dict[str, Any] = lambda_svc._execution_record_for_config(func, config)
        # The record of one execution lacks the function's own retry settings.
        settings = {key: func[key] for key in ("event_invoke_config", "event_invoke_configs") if key in func}
        lambda_svc.invoke_async_with_retry({**record, **settings}, _event(payload))

    eventbridge._dispatch_to_lambda = dispatch


def _event(payload: str) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload
