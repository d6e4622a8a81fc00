import concurrent.futures
import json

from storage_first.local.gaps import lambda_concurrency

BUSY = "import os, time\ndef handler(event, context):\n    time.sleep(0.5)\n    return os.getpid()"
BURST = 2 * lambda_concurrency.AT_ONCE


def workers(side):
    """How many processes answer a burst of calls."""
    function = side.function(BUSY)

    def call(_):
        return json.loads(side.lambda_.invoke(FunctionName=function, Payload=b"{}")["Payload"].read())

    with concurrent.futures.ThreadPoolExecutor(BURST) as pool:
        # Cold starts on a busy machine take longer than a call waits for its turn.
        list(pool.map(call, range(lambda_concurrency.AT_ONCE)))
        return len(set(pool.map(call, range(BURST))))


def test_the_bare_emulator_starts_a_process_for_each_call(bare):
    assert workers(bare) > lambda_concurrency.AT_ONCE


def test_a_burst_of_calls_waits_for_a_few_processes(closed):
    assert workers(closed) <= lambda_concurrency.AT_ONCE
