import threading

import pytest
from botocore.exceptions import ReadTimeoutError

from lambdas.consumers import run_execution
from tests.lambdas.consumers.world import batch, failures, message, record
from tests.lambdas.jobs.world import refusal


def test_a_message_is_done_when_its_execution_has_succeeded(express, context):
    result = run_execution.handler(batch(message("m-1", '{"n": 1.0}')), context)

    assert result == {"batchItemFailures": []}
    assert express.inputs == {"m-1": '{"id":"m-1","key":null,"body":{"n": 1.0}}'}


@pytest.mark.parametrize(
    "end", ["FAILED", "TIMED_OUT", refusal("ThrottlingException"), ReadTimeoutError(endpoint_url="http://127.0.0.1")]
)
def test_a_message_whose_execution_does_not_succeed_comes_again(express, context, end):
    express.ends = {"m-2": end}

    result = run_execution.handler(batch(message("m-1"), message("m-2"), message("m-3")), context)

    assert result == failures(message("m-2"))
    assert express.inputs.keys() == {"m-1", "m-2", "m-3"}


def test_a_message_that_is_no_json_comes_again_and_runs_nothing(express, context):
    result = run_execution.handler(batch(message("m-1", "gopher")), context)

    assert result == failures(message("m-1"))
    assert express.inputs == {}


def test_a_record_is_done_when_its_execution_has_succeeded(express, context):
    result = run_execution.handler(batch(record(1)), context)

    assert result == {"batchItemFailures": []}
    assert len(express.inputs) == 1


def test_a_whole_batch_runs_side_by_side(express, context):
    express.together = threading.Barrier(run_execution.MAX_AT_ONCE)

    result = run_execution.handler(
        batch(*(message(f"m-{number}") for number in range(run_execution.MAX_AT_ONCE))), context
    )

    assert result == {"batchItemFailures": []}


def test_the_client_outwaits_an_execution_and_leaves_repeating_to_the_queue():
    config = run_execution.stepfunctions().meta.config

    assert config.read_timeout > 5 * 60
    assert config.retries["total_max_attempts"] == 1
