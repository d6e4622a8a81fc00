import json

import pytest

FAILING = """
class GopherError(Exception):
    pass

def handler(event, context):
    raise GopherError("two\\nlines")
"""


def invoke(side, source, **settings):
    answer = side.lambda_.invoke(FunctionName=side.function(source, **settings), Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    return json.loads(answer["Payload"].read())


def catching(function, error):
    return {
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task",
                "Resource": function,
                "Catch": [{"ErrorEquals": [error], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "End": True},
        },
    }


def test_the_bare_emulator_hides_the_exception_class(bare):
    error = invoke(bare, FAILING)

    assert error["errorType"] == "Runtime.HandlerError"


def test_a_failed_function_reports_its_exception_as_on_aws(closed):
    error = invoke(closed, FAILING)

    assert error["errorType"] == "GopherError"
    assert error["errorMessage"] == "two\nlines"
    assert error["requestId"]
    assert any('raise GopherError("two' in line for line in error["stackTrace"])


def test_catch_matches_the_exception_class(closed):
    execution = closed.execution(catching(closed.function(FAILING), "GopherError"))

    assert execution["status"] == "SUCCEEDED"
    caught = json.loads(execution["output"])
    assert caught["Error"] == "GopherError"
    assert json.loads(caught["Cause"])["errorMessage"] == "two\nlines"


def test_an_uncaught_exception_names_the_execution_s_error(closed):
    execution = closed.execution(catching(closed.function(FAILING), "OtherError"))

    assert execution["status"] == "FAILED"
    assert execution["error"] == "GopherError"


@pytest.mark.parametrize(
    ("source", "error_type", "message"),
    [
        ("import nowhere", "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'nowhere'"),
        ("import os\ndef handler(e, c): os.kill(os.getpid(), 9)", "Runtime.ExitError", "signal: killed"),
        ("import time\ndef handler(e, c): time.sleep(60)", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ],
    ids=["import", "kill", "time-out"],
)
def test_a_function_that_cannot_answer_fails_under_the_runtime_s_own_name(closed, source, error_type, message):
    error = invoke(closed, source, timeout=1)

    assert error["errorType"] == error_type
    assert message in error["errorMessage"]
