"""A queue with everything that it needs so that no message of it is lost unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib._consumers import Consumer, consumer_of
from constructs_lib._limits import require_between
from constructs_lib.alarms import AlarmTopic, create_alarm
from constructs_lib.stored_queue import rules

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_stepfunctions as sfn

_RETENTION = Duration.days(14)  # the longest there is
_PERIOD: Final = Duration.minutes(1)


class StoredQueue(Construct):
    """A queue, its dead-letter queue, its alarms, and what works on it.

    A message ends in one of two ways: its consumer succeeds, or it moves to the dead-letter queue, where an alarm
    tells of it and it can be sent again. Consumers get each message at least once, and always answer with partial
    batch responses: a function that returns nothing has succeeded with all of them.

    A state machine gets `{"id", "key", "body"}`: the message's id, its message group if it has one, and its body,
    which must be JSON. A Standard one is started under the message's id as its execution's name, so that a message
    that is delivered twice starts one execution; from there on the execution answers for it, and alarms tell of those
    that fail or time out. FIFO messages are started in their order, and may overlap. Of an Express one the message
    waits for its success. An imported state machine is taken for a Standard one.

    Attributes:
        queue: Where messages are stored.
        dead_letter_queue: Where messages go that were received `max_receive_count` times; they keep for 14 days.
        mapping: What hands messages to the consumer, a batch at a time; None without a consumer.
        dead_letter_alarm: Raised while the dead-letter queue is not empty.
        age_alarm: Raised while the oldest message waits for longer than `alarm_age`.
    """

    def __init__(  # noqa: PLR0913  (props are keyword-only arguments)
        self,
        scope: Construct,
        id: str,
        *,
        fifo: bool = False,
        queue: sqs.IQueue | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        consumer: lambda_.IFunction | sfn.IStateMachine | None = None,
        batch_size: int = 10,
        batching_window: Duration | None = None,
        max_concurrency: int | None = None,
        max_receive_count: int = 5,
        visibility_timeout: Duration | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_age: Duration | None = None,
        alarm_topic: sns.ITopic | AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define the queue, or take an existing one, and wire it.

        Args:
            scope: Where to define it.
            id: The construct's id.
            fifo: Whether a new queue keeps the order within each message group, and drops duplicates.
            queue: An existing queue, which must have a dead-letter queue. `visibility_timeout`, `encryption_key` and
                `max_receive_count` are its own then.
            dead_letter_queue: The dead-letter queue of an imported `queue`, which cannot be told from it.
            consumer: What works on the messages; None if something else does.
            batch_size: How many messages the consumer gets at most at once: 1 to 10,000, of a FIFO queue 10. More
                than 10 need a `batching_window`. An Express state machine takes at most 10, of a FIFO queue 1.
            batching_window: How long to gather a batch, at most 5 minutes; not for FIFO.
            max_concurrency: How many batches may be worked on at once, 2 to 1,000; None for as many as Lambda can.
            max_receive_count: How often a message is received before it goes to the dead-letter queue, 5 to 1,000:
                a receive counts even if a throttled consumer never saw the message.
            visibility_timeout: How long a received message stays hidden, and so how long a failed one waits for its
                next try. By default what Lambda asks for: six times the consumer's timeout, and the window.
            encryption_key: Encrypts the new queues. By default SQS does with keys of its own, which cost nothing and
                need no grants.
            alarm_age: How long the oldest message may wait. By default 15 minutes, or twice the visibility timeout
                if that is longer, because one retry is no news.
            alarm_topic: Who is told of alarms, such as an `AlarmTopic`.
            removal_policy: What happens to new queues and logs when they leave the stack.

        Raises:
            ValueError: If SQS or Lambda would refuse a value, or a combination would lose messages.
        """
        fifo = rules.is_fifo(queue, asked=fifo)
        rules.check_batches(batch_size, batching_window, fifo=fifo)
        rules.check_receives("max_receive_count", max_receive_count)
        if max_concurrency is not None:
            require_between("max_concurrency", max_concurrency, 2, 1_000)
        super().__init__(scope, id)
        worker: Consumer | None = None
        if consumer:
            worker = consumer_of(self, consumer, alarm_topic=alarm_topic, removal_policy=removal_policy)
            worker.check_batch_size(batch_size, in_order=fifo)
        self.queue: sqs.IQueue
        self.dead_letter_queue: sqs.IQueue
        if queue is None:
            rules.refuse("dead_letter_queue", dead_letter_queue, "is for an existing queue; a new one gets its own")
            visibility = _visibility(visibility_timeout, worker, batching_window)
            self.dead_letter_queue = self._define_dead_letters(encryption_key, removal_policy, fifo=fifo)
            redrive = sqs.DeadLetterQueue(queue=self.dead_letter_queue, max_receive_count=max_receive_count)
            self.queue = self._define_queue(visibility, redrive, encryption_key, removal_policy, fifo=fifo)
        else:
            rules.refuse("visibility_timeout", visibility_timeout, "is up to the existing queue")
            rules.refuse("encryption_key", encryption_key, "is up to the existing queue")
            visibility = rules.visibility_of(queue)
            if visibility and worker:
                needed = rules.needed_visibility(worker, batching_window)
                rules.check_visibility("queue's visibility_timeout", visibility, needed)
            self.dead_letter_queue = rules.dead_letters_of(queue, dead_letter_queue)
            self.queue = queue
        self.dead_letter_alarm = create_alarm(
            self,
            "DeadLettersAlarm",
            metric=self.metric_dead_letters(),
            threshold=1,
            description="Messages could not be processed. See why in the consumer's logs, mend it, and redrive them.",
            topic=alarm_topic,
        )
        self.age_alarm = create_alarm(
            self,
            "AgeAlarm",
            metric=self.metric_age_of_oldest(),
            threshold=(alarm_age or _patience(visibility)).to_seconds(),
            description="Messages wait for too long. The consumer is slow, throttled, switched off or failing.",
            topic=alarm_topic,
        )
        self.mapping = worker and self._map(worker, batch_size, batching_window, max_concurrency)

    def metric_depth(self) -> cloudwatch.Metric:
        """How many messages wait, each minute's most."""
        return self.queue.metric_approximate_number_of_messages_visible(
            period=_PERIOD, statistic=cloudwatch.Stats.MAXIMUM
        )

    def metric_in_flight(self) -> cloudwatch.Metric:
        """How many messages are being worked on, or wait for their next try; each minute's most."""
        return self.queue.metric_approximate_number_of_messages_not_visible(
            period=_PERIOD, statistic=cloudwatch.Stats.MAXIMUM
        )

    def metric_age_of_oldest(self) -> cloudwatch.Metric:
        """How long the oldest message has waited, in seconds."""
        return self.queue.metric_approximate_age_of_oldest_message(period=_PERIOD, statistic=cloudwatch.Stats.MAXIMUM)

    def metric_dead_letters(self) -> cloudwatch.Metric:
        """How many messages wait in the dead-letter queue, each minute's most."""
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(
            period=_PERIOD, statistic=cloudwatch.Stats.MAXIMUM
        )

    def _define_dead_letters(self, key: kms.IKey | None, removal_policy: RemovalPolicy, *, fifo: bool) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "DeadLetters",
            fifo=fifo or None,
            enforce_ssl=True,
            encryption=_encryption(key),
            encryption_master_key=key,
            retention_period=_RETENTION,
            removal_policy=removal_policy,
        )
        acknowledge(
            queue, "Serverless::Serverless-SQSRedrivePolicy", reason="It is the end of the line, and has an alarm."
        )
        return queue

    def _define_queue(
        self,
        visibility: Duration | None,
        redrive: sqs.DeadLetterQueue,
        key: kms.IKey | None,
        removal_policy: RemovalPolicy,
        *,
        fifo: bool,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            "Queue",
            fifo=fifo or None,
            # An API sends one message per call, and a FIFO queue without this takes 300 calls a second.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
            enforce_ssl=True,
            encryption=_encryption(key),
            encryption_master_key=key,
            visibility_timeout=visibility,
            retention_period=_RETENTION,
            dead_letter_queue=redrive,
            removal_policy=removal_policy,
        )

    def _map(
        self, worker: Consumer, batch_size: int, window: Duration | None, max_concurrency: int | None
    ) -> lambda_.EventSourceMapping:
        mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=worker.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch_size,
            max_batching_window=window,
            max_concurrency=max_concurrency,
            report_batch_item_failures=True,
        )
        acknowledge(
            mapping,
            "Serverless::Serverless-LambdaEventSourceMappingDestination",
            reason="What fails goes to the dead-letter queue; Lambda has no other destination for messages of SQS.",
        )
        # Lambda refuses a mapping whose function may not read from the queue yet.
        self.queue.grant_consume_messages(worker.function).apply_before(mapping)
        return mapping


def _encryption(key: kms.IKey | None) -> sqs.QueueEncryption:
    return sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED


def _visibility(given: Duration | None, worker: Consumer | None, window: Duration | None) -> Duration | None:
    if given is None:
        return rules.derive_visibility(worker, window) if worker else None
    needed = rules.needed_visibility(worker, window) if worker else None
    rules.check_visibility("visibility_timeout", given, needed)
    return given


def _patience(visibility: Duration | None) -> Duration:
    """Allow for one retry."""
    retry = 0 if visibility is None or visibility.is_unresolved() else 2 * visibility.to_seconds()
    return Duration.seconds(max(retry, Duration.minutes(15).to_seconds()))
