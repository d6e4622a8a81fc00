import concurrent.futures
import json
import threading
import time

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


def test_while_calls_end_nobody_is_let_in_beyond_the_places():
    places = lambda_concurrency.Places(2, standstill=0.5)
    inside, most, lock = 0, 0, threading.Lock()

    def call(_):
        nonlocal inside, most
        places.take()
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.1)
        with lock:
            inside -= 1
        places.leave()

    # All of them together take longer than a standstill.
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(call, range(20)))

    assert most == 2


def test_where_everybody_waits_for_somebody_outside_one_more_is_let_in_at_a_time():
    places = lambda_concurrency.Places(2, standstill=0.1)
    started = time.monotonic()
    let_in = []

    for _ in range(4):
        places.take()  # and nobody leaves
        let_in.append(time.monotonic() - started)

    assert let_in[1] < 0.1 <= let_in[2]
    assert let_in[3] - let_in[2] >= 0.1
