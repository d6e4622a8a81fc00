import json
from datetime import timedelta

FAILING = "def handler(event, context):\n    raise ValueError('no')"
CALLBACK = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "HeartbeatSeconds": 1,
            "TimeoutSeconds": 3,
            "Parameters": {"MessageBody.$": "$$.Task.Token"},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "End": True,
        },
        "Caught": {"Type": "Pass", "End": True},
    },
}


def retrying(function, **retry):
    retry = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 4, "BackoffRate": 1, **retry}
    return {
        "StartAt": "Try",
        "States": {"Try": {"Type": "Task", "Resource": function, "Retry": [retry], "End": True}},
    }


def asking(side, name):
    definition = json.loads(json.dumps(CALLBACK))
    queue = side.sqs.create_queue(QueueName=name)["QueueUrl"]
    definition["States"]["Ask"]["Parameters"]["QueueUrl"] = queue
    return definition, queue


def took(execution):
    return execution["stopDate"] - execution["startDate"]


def test_the_bare_emulator_ignores_the_longest_delay(bare):
    execution = bare.execution(retrying(bare.function(FAILING), MaxDelaySeconds=1))

    assert took(execution) > timedelta(seconds=4)


def test_the_bare_emulator_ignores_missing_heartbeats(bare):
    definition, _ = asking(bare, "quiet")

    execution = bare.execution(definition)

    assert json.loads(execution["output"])["Error"] == "States.Timeout"


def test_a_retry_waits_no_longer_than_the_longest_delay(closed):
    execution = closed.execution(retrying(closed.function(FAILING), MaxDelaySeconds=1))

    assert timedelta(seconds=1) < took(execution) < timedelta(seconds=4)


def test_a_task_that_sends_no_heartbeat_fails(closed):
    definition, _ = asking(closed, "quiet")

    execution = closed.execution(definition)

    assert json.loads(execution["output"])["Error"] == "States.HeartbeatTimeout"


def test_a_time_out_may_be_an_expression(closed):
    state = {
        "QueryLanguage": "JSONata",
        "Type": "Task",
        "Resource": closed.function("import time\ndef handler(e, c): time.sleep(5)"),
        "TimeoutSeconds": "{% $states.input.limit %}",
        "End": True,
    }

    execution = closed.execution({"StartAt": "Slow", "States": {"Slow": state}}, {"limit": 1})

    assert (execution["status"], execution["error"]) == ("FAILED", "States.Timeout")
