"""What SQS and Lambda ask of a queue and its consumer, checked where the mistake is.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from aws_cdk import Duration, Token
from aws_cdk import aws_sqs as sqs

from constructs_lib._limits import require_between, require_duration

if TYPE_CHECKING:
    from constructs_lib._consumers import Consumer

_TIMEOUTS: Final = 6
_BATCH_WITHOUT_WINDOW: Final = 10
_LONGEST_VISIBILITY = Duration.hours(12)
_SQS_S_VISIBILITY = Duration.seconds(30)  # of a queue that is given none


def is_fifo(queue: sqs.IQueue | None, *, asked: bool) -> bool:
    """Tell whether a queue, existing or not, is FIFO.

    Raises:
        ValueError: If an existing one is not what was asked for.
    """
    if queue is None:
        return asked
    if asked and not queue.fifo:
        raise ValueError("fifo=True was given with a queue that is not FIFO. Leave fifo out, or let a new one be made.")
    return queue.fifo


def check_batches(batch_size: int, window: Duration | None, *, fifo: bool) -> None:
    """Check how messages are gathered for the consumer.

    Raises:
        ValueError: If Lambda would refuse it.
    """
    if window:
        require_duration("batching_window", window, Duration.seconds(0), Duration.minutes(5))
    gathers = window is not None and (window.is_unresolved() or window.to_seconds() > 0)
    if fifo and gathers:
        raise ValueError("batching_window is not for a FIFO queue, whose messages Lambda does not gather.")
    if fifo:
        require_between("batch_size", batch_size, 1, _BATCH_WITHOUT_WINDOW, because="The queue is FIFO.")
        return
    require_between("batch_size", batch_size, 1, 10_000)
    if not gathers:
        most = _BATCH_WITHOUT_WINDOW
        require_between("batch_size", batch_size, 1, most, because="Larger batches need a batching_window of 1 second.")


def check_receives(argument: str, count: float) -> None:
    """Check how often a message is received before it is put aside.

    Raises:
        ValueError: If that is too soon, or SQS would refuse it.
    """
    require_between(argument, count, 5, 1_000, because="Fewer put aside what a throttled consumer never saw.")


def needed_visibility(consumer: Consumer, window: Duration | None) -> Duration | None:
    """Tell how long messages must stay hidden while they are worked on; None if nobody knows yet."""
    durations = [consumer.timeout, window or Duration.seconds(0)]
    if any(duration is None or duration.is_unresolved() for duration in durations):
        return None
    timeout, gathering = (cast("Duration", duration).to_seconds() for duration in durations)
    return Duration.seconds(_TIMEOUTS * timeout + gathering)


def derive_visibility(consumer: Consumer, window: Duration | None) -> Duration:
    """Choose the visibility timeout of a new queue.

    Raises:
        ValueError: If it is not known, or longer than SQS can.
    """
    needed = needed_visibility(consumer, window)
    if needed is None:
        raise ValueError(
            "visibility_timeout is needed, because the timeout of the consumer is not known here: "
            f"give {_TIMEOUTS} times that, and the batching_window."
        )
    if needed.to_seconds() > _LONGEST_VISIBILITY.to_seconds():
        raise ValueError(
            f"consumer may take too long: {_TIMEOUTS} times its timeout and the batching_window are "
            f"{needed.to_human_string()}, and SQS hides a message for {_LONGEST_VISIBILITY.to_human_string()} at most."
        )
    return needed


def check_visibility(argument: str, given: Duration, needed: Duration | None) -> None:
    """Check that no message is delivered again while it is worked on.

    Raises:
        ValueError: If `given` is too short, or longer than SQS can.
    """
    require_duration(argument, given, Duration.seconds(0), _LONGEST_VISIBILITY)
    if needed and not given.is_unresolved() and given.to_seconds() < needed.to_seconds():
        raise ValueError(
            f"{argument} must be at least {_TIMEOUTS} times the consumer's timeout and the batching_window, "
            f"{needed.to_human_string()}, got {given.to_human_string()}: "
            "messages would be delivered again while they are worked on."
        )


def visibility_of(queue: sqs.IQueue) -> Duration | None:
    """Look up the visibility timeout of a queue that this app defines; None of any other."""
    defined = queue.node.default_child
    if not isinstance(defined, sqs.CfnQueue):
        return None
    seconds = defined.visibility_timeout
    if seconds is None:
        return _SQS_S_VISIBILITY
    return None if Token.is_unresolved(seconds) else Duration.seconds(seconds)


def dead_letters_of(queue: sqs.IQueue, given: sqs.IQueue | None) -> sqs.IQueue:
    """Look up where an existing queue puts aside what cannot be processed.

    Args:
        queue: The existing queue.
        given: What the caller says it is; only of an imported queue.

    Raises:
        ValueError: If there is no such place, or messages get there too soon.
    """
    if not isinstance(queue, sqs.Queue):
        if given is None:
            raise ValueError("dead_letter_queue is needed with an imported queue, which does not tell its own.")
        return given
    refuse("dead_letter_queue", given, "is for an imported queue; this one tells its own")
    if queue.dead_letter_queue is None:
        raise ValueError(
            "queue must have a dead-letter queue: without one, what cannot be processed is tried until SQS deletes it."
        )
    check_receives("queue's max_receive_count", queue.dead_letter_queue.max_receive_count)
    return queue.dead_letter_queue.queue


def refuse(argument: str, value: object, reason: str) -> None:
    """Refuse an argument that others leave no room for.

    Raises:
        ValueError: If it was given.
    """
    if value is not None:
        raise ValueError(f"{argument} {reason}.")
