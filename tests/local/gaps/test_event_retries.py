import json

import pytest

from tests.local.sides import eventually, unique

FAILING_AT_FIRST = """
import json, os, pathlib

def handler(event, context):
    calls = pathlib.Path(os.environ["CALLS"])
    with calls.open("a") as lines:
        lines.write(json.dumps(event["detail"]) + "\\n")
    if len(calls.read_text().splitlines()) < 3:
        raise ValueError("not yet")
"""


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


def deliver(side, calls):
    """Send one event through a rule to a function that fails twice."""
    function = side.function(FAILING_AT_FIRST, Environment={"Variables": {"CALLS": str(calls)}})
    source = unique("source")
    side.events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    side.events.put_targets(Rule=source, Targets=[{"Id": "f", "Arn": function}])
    entry = {"Source": source, "DetailType": "Any", "Detail": '{"n": 1}'}
    assert side.events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_the_bare_emulator_delivers_an_event_once(bare, calls):
    deliver(bare, calls)
    eventually(calls.read_text)

    # The next event arrives; a retry of the first, which would come after 1 s, does not.
    bare.execution({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": True}}})

    assert calls.read_text().splitlines() == ['{"n": 1}']


def test_a_rule_s_function_that_fails_is_tried_twice_more(closed, calls):
    deliver(closed, calls)

    eventually(lambda: calls.read_text().splitlines() == ['{"n": 1}'] * 3)
