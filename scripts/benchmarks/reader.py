"""Times the stream reader, in a process that has its environment.

`python -m scripts.benchmarks.reader TYPE SIZE ROUNDS FILE`
"""

import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lambdas import clients
from lambdas.jobs import stream_reader
from lambdas.jobs.workflows import workflow_of
from scripts.benchmarks.handlers.put_item import job_item
from scripts.benchmarks.rounds import interleave

_BODY = json.dumps({"text": "x" * 1000})

Images = Sequence[Mapping[str, Any]]


class _Context:
    """What Lambda tells of an invocation."""

    function_name = "reader"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:reader"
    memory_limit_in_mb = 512
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def main(job_type: str, size: int, rounds: int, output: Path) -> None:
    """Write the seconds that each record took, by the handler and by the three calls that it makes.

    Args:
        job_type: The type of the jobs.
        size: How many records are a batch.
        rounds: How many batches there are.
        output: Where to write.
    """
    # Stored beforehand: that is not what is timed. The first of each opens connections.
    handled, called = ([_stored(job_type, size) for _ in range(rounds + 1)] for _ in range(2))
    actions = {"handler": lambda: _handle(handled.pop()), "calls": lambda: _call(called.pop())}
    interleave(range(1), actions)
    times = interleave(range(rounds), actions)
    output.write_text(
        json.dumps({name: [seconds / size for seconds in taken.seconds] for name, taken in times.items()})
    )


def _stored(job_type: str, size: int) -> Images:
    """Store as many jobs as are a batch."""
    images = [{**job_item(str(uuid.uuid4()), _BODY), "type": {"S": job_type}} for _ in range(size)]
    for image in images:
        clients.dynamodb().put_item(TableName=os.environ["JOBS_TABLE"], Item=image)
    return images


def _handle(images: Images) -> None:
    records = [
        {"eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": str(number)}}
        for number, image in enumerate(images)
    ]
    failed = stream_reader.handler({"Records": records}, _Context())  # type: ignore[arg-type]
    if failed["batchItemFailures"]:
        raise SystemExit(f"The stream reader failed {len(failed['batchItemFailures'])} records.")


def _call(images: Images) -> None:
    for image in images:
        job_type = image["type"]["S"]
        workflow = workflow_of(job_type)
        name = f"{image['id']['S']}-1"
        clients.dynamodb().update_item(
            TableName=os.environ["JOBS_TABLE"],
            Key={"pk": image["pk"]},
            UpdateExpression="SET #status = :status, executionArn = :execution",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": {"S": "In Progress"},
                ":execution": {"S": workflow.execution_arn(name)},
            },
        )
        known = {"id": image["id"]["S"], "tenant": "default", "type": job_type, "attempt": 1, "input": _BODY}
        clients.stepfunctions().start_execution(stateMachineArn=workflow.machine, name=name, input=json.dumps(known))
        entry = {"Source": "bench", "DetailType": "Job", "Detail": "{}", "EventBusName": os.environ["EVENT_BUS"]}
        clients.eventbridge().put_events(Entries=[entry])  # type: ignore[list-item]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
