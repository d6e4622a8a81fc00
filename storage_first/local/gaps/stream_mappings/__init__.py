"""Stream mappings, of tables and of Kinesis, keep Lambda's promises about failed records.

The emulator counts a partial batch response as success and so loses the records that it names, retries a poison batch
for ever whatever the mapping says, and reads all mappings and shards on one thread, so that a slow function or a poison
record stops the others. It knows no ParallelizationFactor, no batching window and no AT_TIMESTAMP.

Here, as on AWS: a raised error bisects the batch where the mapping wants it, a returned list of failures moves the
checkpoint to the lowest of them, retries and age are finite where the mapping says so, what is given up goes to the
on-failure destination and its shard goes on, and the records of one key stay in order while other shards and keys are
worked on beside them. (Tumbling windows are not there.)
"""

import threading
from typing import Final

from ministack.core.responses import request_scope
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from storage_first.local.gaps.stream_mappings.delivery import deliver, next_batch
from storage_first.local.gaps.stream_mappings.lanes import anchor, lanes_of, with_stream_settings

_paused: Final = threading.Event()


def close() -> None:
    """Read streams as Lambda does."""
    lambda_svc._poll_dynamodb_streams = _poll
    lambda_svc._poll_kinesis = lambda: False  # the other one polls both
    lambda_svc._init_stream_position = anchor
    lambda_svc._create_esm = with_stream_settings(lambda_svc._create_esm)
    provisioners._lambda_esm_create = with_stream_settings(provisioners._lambda_esm_create)
    provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]["create"] = provisioners._lambda_esm_create


def pause() -> None:
    """Start no more invocations."""
    _paused.set()


def _poll() -> bool:
    """Start a batch for each lane that has one due and none in flight; the emulator's poll loop calls this."""
    if _paused.is_set():
        return False
    for account, region, mapping in lambda_svc._iter_all_esms():
        with request_scope(account, region):
            for lane in lanes_of(mapping):
                # Only this thread starts batches, so that none can come in between.
                if lane.id not in lambda_svc._esm_inflight and (batch := next_batch(lane)):
                    lambda_svc._dispatch_esm_batch(lane.id, deliver, lane, batch)
    return False  # a finished batch wakes the loop
