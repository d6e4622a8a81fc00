"""What a device publishes reaches a queue as it was, with no gap to close, if the rule asks for it in base64.

`encode(*, 'base64')` is what AWS's guide, "Working with binary payloads", has for payloads of any kind. A plain
`SELECT *` writes JSON anew, and loses what is no text.
"""

import base64
import json

import pytest

from storage_first.local.aws import client
from tests.local.sides import ROLE, eventually, unique

PAYLOADS = {
    "spaces and numbers": b'{"b": 2,  "a":1.10, "n": 12345678901234567890, "e": 1e400}',
    "doubled key": b'{"a":1,"a":2}',
    "half a surrogate": rb'{"x":"\ud800"}',
    "unicode": '{"x":"é\u2028\U0001f600"}'.encode(),
    "no JSON": b"not json",
    "bytes": bytes(range(256)),
    "empty": b"",
}


def published(side, payload):
    """Publish as a device would, and return the message that a rule sends to a queue."""
    queue = side.sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    topic = unique("things")
    action = {"roleArn": ROLE, "queueUrl": queue, "useBase64": False}
    side.iot.create_topic_rule(
        ruleName=unique("rule").replace("-", "_"),
        topicRulePayload={
            "sql": "SELECT encode(*, 'base64') AS data, topic(2) AS thing FROM '%s/+'" % topic,  # noqa: S608, UP031
            "awsIotSqlVersion": "2016-03-23",
            "actions": [{"sqs": action}],
        },
    )
    client("iot-data", side.endpoint).publish(topic=f"{topic}/t-1", payload=payload)
    (message,) = eventually(lambda: side.sqs.receive_message(QueueUrl=queue).get("Messages"))
    return json.loads(message["Body"])


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_arrives_byte_for_byte(bare, payload):
    message = published(bare, payload)

    assert base64.b64decode(message["data"]) == payload
    assert message["thing"] == "t-1"
