"""Dead-letter queues: which there are, and whose messages they hold."""

import difflib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from storage_first.dlq.errors import DlqError, code_of
from storage_first.dlq.place import Place

_READERS: Final = 8  # fewer than a client's ten connections
_UNKNOWN: Final = frozenset({"NonExistentQueue", "QueueDoesNotExist"})
_MOST_METRICS: Final = 500  # of one GetMetricData
_AGE_WINDOW: Final = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """An SQS queue.

    Attributes:
        url: Its URL.
        attributes: What GetQueueAttributes says of it.
    """

    url: str
    attributes: Mapping[str, str]

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.attributes["QueueArn"]

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rpartition(":")[2]

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return self.name.endswith(".fifo")

    @property
    def messages(self) -> int:
        """About how many messages it holds, those in flight included."""
        names = ("", "NotVisible", "Delayed")
        return sum(int(self.attributes.get(f"ApproximateNumberOfMessages{name}", 0)) for name in names)

    @property
    def in_flight(self) -> int:
        """About how many messages somebody has received and not yet deleted."""
        return int(self.attributes.get("ApproximateNumberOfMessagesNotVisible", 0))

    @property
    def dead_letters_go_to(self) -> str | None:
        """The ARN of its dead-letter queue, if it has one."""
        policy: dict[str, str] = json.loads(self.attributes.get("RedrivePolicy") or "{}")
        return policy.get("deadLetterTargetArn")


def read_queue(place: Place, url: str) -> Queue:
    """Read a queue's attributes."""
    answer = place.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return Queue(url=url, attributes=answer["Attributes"])


def queue_of_arn(place: Place, arn: str) -> Queue | None:
    """The queue with this ARN, or `None` if it is gone."""
    account, name = arn.split(":")[4:6]
    sqs = place.client("sqs")
    try:
        return read_queue(place, sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])
    except ClientError as error:
        if code_of(error) in _UNKNOWN:
            return None
        raise


def find_queue(place: Place, wanted: str) -> Queue | None:
    """The queue that `wanted` names (its name, URL or ARN), or `None`."""
    name = wanted.rpartition("/")[2] if "://" in wanted else wanted.rpartition(":")[2]
    sqs = place.client("sqs")
    try:
        queue = read_queue(place, sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except ClientError as error:
        if code_of(error) in _UNKNOWN | {"InvalidParameterValue", "InvalidAddress"}:
            return None
        raise
    # A URL or ARN may be of another account or Region, where the name is another queue's.
    return queue if wanted in {queue.name, queue.url, queue.arn} else None


def unknown(place: Place, wanted: str, *, among: Iterable[str]) -> DlqError:
    """Say that nothing is called `wanted`, and what is called almost so."""
    names = sorted(among)
    part = [name for name in names if wanted.lower() in name.lower()]
    close = list(dict.fromkeys([*part, *difflib.get_close_matches(wanted, names, cutoff=0.5)]))[:3]
    hint = f"; the closest: {', '.join(close)}" if close else "; storage-first dlq list shows what there is"
    return DlqError(f"There is no dead-letter queue {wanted!r} in {place.name}{hint}")


def all_queues(place: Place) -> list[Queue]:
    """Every queue of the account in the Region.

    RedrivePolicy, read of each queue, tells all dead-letter queues and their sources: ListDeadLetterSourceQueues would
    have to be asked of each queue too, and knows less.
    """
    pages = place.client("sqs").get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1000})
    return _read(place, [url for page in pages for url in page.get("QueueUrls", [])])


def queues_of_stack(place: Place, resources: Iterable[Mapping[str, Any]]) -> list[Queue]:
    """The queues among a stack's resources."""
    return _read(place, [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::SQS::Queue"])


def stack_resources(place: Place, stack: str) -> list[dict[str, Any]]:
    """All resources of a stack that exist.

    Raises:
        DlqError: If there is no such stack.
    """
    pages = place.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    try:
        return [each for page in pages for each in page["StackResourceSummaries"] if each.get("PhysicalResourceId")]
    except ClientError as error:
        if code_of(error) != "ValidationError":
            raise
        raise DlqError(f"There is no stack {stack!r} in {place.name}") from None


def sources_of(place: Place, queue: Queue) -> list[str]:
    """The ARNs of the queues whose dead letters go to `queue`."""
    pages = place.client("sqs").get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=queue.url)
    try:
        urls = [url for page in pages for url in page.get("queueUrls", [])]
    except ClientError as error:
        if code_of(error) != "InvalidAction":  # the emulator's answer to what it does not know
            raise
        return by_dead_letter_queue(all_queues(place)).get(queue.arn, [])
    return [source.arn for source in _read(place, urls)]


def by_dead_letter_queue(queues: Iterable[Queue]) -> dict[str, list[str]]:
    """The ARNs of the queues whose dead letters go somewhere, by where they go."""
    sources = defaultdict(list)
    for queue in queues:
        if queue.dead_letters_go_to:
            sources[queue.dead_letters_go_to].append(queue.arn)
    return dict(sources)


def oldest(place: Place, names: Sequence[str]) -> dict[str, float]:
    """The age of the oldest message in seconds, for the queues that CloudWatch knows it of.

    Only receiving all messages would tell otherwise, and counts as a receive of each. In a dead-letter queue it is the
    time since the message was moved there: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/
    SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    now = datetime.now(UTC)
    ages: dict[str, float] = {}
    for start in range(0, len(names), _MOST_METRICS):
        some = names[start : start + _MOST_METRICS]
        try:
            answer = place.client("cloudwatch").get_metric_data(
                StartTime=now - _AGE_WINDOW,
                EndTime=now,
                ScanBy="TimestampDescending",
                MetricDataQueries=[_age(f"q{number}", name) for number, name in enumerate(some)],
            )
        except ClientError:
            return ages  # it is no reason to tell nothing
        for result in answer["MetricDataResults"]:
            if result["Values"]:
                ages[some[int(result["Id"][1:])]] = result["Values"][0]
    return ages


def _age(id: str, queue: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
    }
    return {"Id": id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}


def _read(place: Place, urls: Sequence[str]) -> list[Queue]:
    place.client("sqs")  # made here: making clients is not safe in threads, using them is
    with ThreadPoolExecutor(_READERS) as readers:
        found = readers.map(lambda url: _read_if_there(place, url), urls)
        return [queue for queue in found if queue is not None]


def _read_if_there(place: Place, url: str) -> Queue | None:
    """A queue, or `None` if it was deleted since it was listed."""
    try:
        return read_queue(place, url)
    except ClientError as error:
        if code_of(error) in _UNKNOWN:
            return None
        raise
