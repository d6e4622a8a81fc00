"""A failed Lambda function reports what AWS reports: Retry and Catch match by the exception's class name.

The emulator names every Python exception `Runtime.HandlerError`. AWS's runtime answers
`{"errorMessage", "errorType": <class name>, "requestId", "stackTrace"}`, and Step Functions takes the error's name
from `errorType` and its cause from the whole document.
"""

import threading
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_REPORTED: Final = '"trace": traceback.format_exc()}'
_REPORTED_IN_FULL: Final = (
    '"trace": traceback.format_exc(), "type": type(e).__name__, '
    '"stack": traceback.format_list(traceback.extract_tb(e.__traceback__)[1:])}'
)
_INIT_FAILED: Final = "Worker init failed: "
_last = threading.local()


def close() -> None:
    """Let Python functions fail under their exception's own name."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_REPORTED) != 1:
        raise RuntimeError("ministack's Python worker reports errors in another way than in the pinned version")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_REPORTED, _REPORTED_IN_FULL)

    invoke_worker = lambda_runtime.Worker.invoke
    execute = lambda_svc._execute_function_warm

    def invoke_and_remember(self: Any, *args: Any, **kwargs: Any) -> Any:
        _last.answer = invoke_worker(self, *args, **kwargs)
        return _last.answer

    def execute_with_error_name(func: dict[str, Any], event: object, request_id: str) -> Any:
        _last.answer = None
        result = execute(func, event, request_id)
        if result.get("error") and isinstance(result.get("body"), dict):
            config = func.get("config") or func
            result["body"] = _as_on_aws(result["body"], _last.answer, config.get("Handler", ""), request_id)
        return result

    lambda_runtime.Worker.invoke = invoke_and_remember
    lambda_svc._execute_function_warm = execute_with_error_name


def _as_on_aws(body: dict[str, Any], answer: dict[str, Any] | None, handler: str, request_id: str) -> dict[str, Any]:
    message = str(body.get("errorMessage", ""))
    if answer is None and message.startswith(_INIT_FAILED):
        module = handler.rpartition(".")[0]
        reason = message.removeprefix(_INIT_FAILED)
        return {
            "errorMessage": f"Unable to import module '{module}': {reason}",
            "errorType": "Runtime.ImportModuleError",
            "requestId": request_id,
            "stackTrace": [],
        }
    if answer is not None and "type" in answer:
        return {
            "errorMessage": message,
            "errorType": answer["type"],
            "requestId": request_id,
            "stackTrace": answer["stack"],
        }
    if message == "Worker process died":
        return {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
        }
    return body
