import json

from tests.local.sides import eventually

WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}}


def put(table, key, **more):
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Parameters": {"TableName": table, "Item": {"pk": {"S": key}}},
        **more,
    }


def slow_branch(table):
    """A machine that notes its start, waits, and would note that it went on."""
    branch = {
        "StartAt": "Begin",
        "States": {
            "Begin": put(table, "begun", Next="Wait"),
            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "GoOn"},
            "GoOn": put(table, "went on", End=True),
        },
    }
    work = {
        "Type": "Parallel",
        "Branches": [branch],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "Next": "After",
    }
    states = {"Work": work, "After": put(table, "after", End=True), "Caught": put(table, "caught", End=True)}
    return {"StartAt": "Work", "States": states}


def status_events(side):
    """A queue that receives the events of executions, and a reader of what it got."""
    queue = side.sqs.create_queue(QueueName="events-" + side.machine(WAIT)[-10:])["QueueUrl"]
    arn = side.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"]}
    side.events.put_rule(Name=queue[-10:], EventPattern=json.dumps(pattern))
    side.events.put_targets(Rule=queue[-10:], Targets=[{"Id": "q", "Arn": arn}])
    seen = []

    def statuses(execution):
        for message in side.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            seen.append(json.loads(message["Body"])["detail"])
            side.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [event["status"] for event in seen if event["executionArn"] == execution]

    return statuses


def keys(side, table):
    return sorted(item["pk"]["S"] for item in side.items(table))


def start(side, definition):
    return side.stepfunctions.start_execution(stateMachineArn=side.machine(definition))["executionArn"]


def test_the_bare_emulator_ignores_time_outs(bare):
    execution = bare.execution(
        {"TimeoutSeconds": 1, **WAIT, "States": {"Wait": {**WAIT["States"]["Wait"], "Seconds": 2}}}
    )

    assert execution["status"] == "SUCCEEDED"


def test_the_bare_emulator_goes_on_in_the_branches_of_a_stopped_execution(bare):
    table = bare.table()
    execution = start(bare, slow_branch(table))
    eventually(lambda: keys(bare, table) == ["begun"])

    bare.stepfunctions.stop_execution(executionArn=execution)

    eventually(lambda: "went on" in keys(bare, table))


def test_an_execution_that_takes_too_long_times_out_and_says_so(closed):
    statuses = status_events(closed)
    execution = start(closed, {"TimeoutSeconds": 1, **WAIT})

    described = closed.ended(execution)

    assert described["status"] == "TIMED_OUT"
    eventually(lambda: statuses(execution) == ["RUNNING", "TIMED_OUT"])


def test_nothing_of_a_stopped_execution_goes_on(closed):
    table = closed.table()
    statuses = status_events(closed)
    execution = start(closed, slow_branch(table))
    eventually(lambda: keys(closed, table) == ["begun"])

    closed.stepfunctions.stop_execution(executionArn=execution, error="Stopped", cause="by an operator")
    closed.execution({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 2, "End": True}}})

    assert keys(closed, table) == ["begun"]
    assert closed.ended(execution)["status"] == "ABORTED"
    assert statuses(execution) == ["RUNNING", "ABORTED"]
