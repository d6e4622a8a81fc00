import json

import pytest

from storage_first.dlq import hand
from storage_first.dlq.place import place
from storage_first.local.emulator import Emulator
from tests.local.sides import Side, unique


class Cloud(Side):
    """An emulator, with queues whose messages have been given up."""

    def queue(self, name=None, *, fifo=False, **attributes):
        name = (name or unique("q")) + (".fifo" if fifo else "")
        settings = {"FifoQueue": "true"} if fifo else {}
        return self.sqs.create_queue(QueueName=name, Attributes=settings | attributes)["QueueUrl"]

    def arn(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def source_of(self, dead, *, name=None, fifo=False, **attributes):
        """A queue whose messages go to `dead` when they were received once."""
        policy = {"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": 1}
        return self.queue(name, fifo=fifo, RedrivePolicy=json.dumps(policy), **attributes)

    def give_up(self, source, *bodies, **message):
        """Send messages, and fail to process them."""
        for number, body in enumerate(bodies):
            more = {key: value(number) if callable(value) else value for key, value in message.items()}
            self.sqs.send_message(QueueUrl=source, MessageBody=body, **more)
        self.fail(source, len(bodies))

    def fail(self, source, times):
        """Receive messages and process none, until all are given up."""
        for _ in range(times):
            self.sqs.receive_message(QueueUrl=source, VisibilityTimeout=0)
        assert self.sqs.receive_message(QueueUrl=source).get("Messages", []) == []

    def contents(self, url):
        """All messages of a queue that are visible, and they stay so."""
        taken = []
        while some := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages"):
            taken += some
        for message in taken:
            self.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return taken

    def bodies(self, url):
        return [message["Body"] for message in self.contents(url)]

    def consume(self, url):
        """Receive and delete everything, as a consumer does, and return the bodies."""
        bodies = []
        while some := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in some:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    with Emulator(directory=tmp_path_factory.mktemp("dlq"), persist=False) as emulator:
        yield Cloud(emulator.endpoint)


@pytest.fixture(autouse=True)
def _no_long_polls(monkeypatch):
    """The emulator has one server: an empty answer means an empty queue."""
    monkeypatch.setattr(hand, "_LONG_POLL", 0)


@pytest.fixture
def dead(cloud):
    """A dead-letter queue."""
    return cloud.queue()


@pytest.fixture
def source(cloud, dead):
    """The queue whose messages end in `dead`."""
    return cloud.source_of(dead)


@pytest.fixture
def here(cloud):
    return place(endpoint=cloud.endpoint, profile=None, region=None)
