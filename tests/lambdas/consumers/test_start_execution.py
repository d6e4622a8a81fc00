import json
from io import StringIO

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas.clients import LONGEST_CALL_MS
from lambdas.consumers import messages, start_execution
from tests.lambdas.consumers.world import SHARD, batch, failures, message, record
from tests.lambdas.jobs.world import refusal

NOTHING_FAILED = {"batchItemFailures": []}
THROTTLED = refusal("ThrottlingException")
OUT_OF_REACH = EndpointConnectionError(endpoint_url="http://127.0.0.1")
NOT_JSON = ["", "gopher", "{", '{"n": NaN}', '1,"key":"evil"', '{}},"x":{', "[" * 100_000]

pytestmark = pytest.mark.usefixtures("executions")


def test_each_message_starts_an_execution_named_after_it(executions, context):
    result = start_execution.handler(batch(message("m-1"), message("m-2")), context)

    assert result == NOTHING_FAILED
    assert executions() == ["m-1", "m-2"]


def test_each_record_starts_an_execution_named_after_its_shard_and_number(executions, context):
    result = start_execution.handler(batch(record(7)), context)

    assert result == NOTHING_FAILED
    assert executions() == [f"{SHARD}-{7:056}"]
    assert len(executions()[0]) <= 80


@pytest.mark.parametrize("delivered", [message("m-1"), record(1)])
def test_what_is_delivered_again_starts_nothing_more(executions, context, delivered):
    start_execution.handler(batch(delivered), context)
    executions.end()

    result = start_execution.handler(batch(delivered), context)

    assert result == NOTHING_FAILED
    assert len(executions()) == 1


def test_an_execution_gets_the_body_of_its_message_verbatim(executions, context):
    body = '{ "b":1.10, "a":"\\u00fc\\"",\n "b": 100000000000000000000001, "€": "😀" }'

    start_execution.handler(batch(message("m-1", body, group="g-1")), context)

    assert executions.input() == f'{{"id":"m-1","key":"g-1","body":{body}}}'


def test_an_execution_gets_the_data_of_its_record_verbatim(executions, context):
    data = '{ "b":1.10, "€": "😀" }'

    start_execution.handler(batch(record(1, data.encode(), key='p"1')), context)

    assert executions.input() == f'{{"id":"{SHARD}-{1:056}","key":"p\\"1","body":{data}}}'


def test_a_number_of_any_length_is_json():
    delivered = messages.read(message("m-1", "9" * 10_000))

    assert delivered.execution_input().endswith("9" * 10_000 + "}")


@pytest.mark.parametrize("body", NOT_JSON)
def test_a_message_that_is_no_json_is_never_started(executions, context, body):
    poison = message("m-1", body)

    result = start_execution.handler(batch(poison, message("m-2")), context)

    assert result == failures(poison)
    assert executions() == ["m-2"]


@pytest.mark.parametrize("data", [b"\xff", b"gopher"])
def test_a_record_that_is_no_json_is_never_started(executions, context, data):
    poison = record(2, data)

    result = start_execution.handler(batch(record(1), poison, record(3)), context)

    assert result == failures(poison)
    assert len(executions()) == 2, "those behind it had their turn before Lambda may put them aside too"


@pytest.mark.parametrize("error", [THROTTLED, refusal("InvalidExecutionInput"), OUT_OF_REACH])
def test_a_start_that_fails_is_tried_again(context, step_functions_refuses, error):
    step_functions_refuses(error)

    result = start_execution.handler(batch(message("m-1")), context)

    assert result == failures(message("m-1"))


def test_what_is_behind_a_failed_message_of_a_fifo_queue_does_not_overtake_it(
    executions, context, step_functions_refuses
):
    first, second, third = (message(id, group="g") for id in ("m-1", "m-2", "m-3"))
    step_functions_refuses(THROTTLED, name="m-2")

    result = start_execution.handler(batch(first, second, third), context)

    assert result == failures(second, third)
    assert executions() == ["m-1"]


def test_a_failed_message_of_a_standard_queue_holds_nothing_up(executions, context, step_functions_refuses):
    step_functions_refuses(THROTTLED, name="m-1")

    result = start_execution.handler(batch(message("m-1"), message("m-2")), context)

    assert result == failures(message("m-1"))
    assert executions() == ["m-2"]


def test_a_batch_whose_first_record_fails_is_halved_until_that_one_is_alone(executions, context):
    poison = record(1, b"poison")

    with pytest.raises(start_execution.FirstRecordFailedError):
        start_execution.handler(batch(poison, record(2)), context)

    assert start_execution.handler(batch(poison), context) == failures(poison)
    assert len(executions()) == 1


def test_a_batch_that_runs_out_of_time_is_done_as_far_as_it_got(executions, context):
    delivered = [message(f"m-{number}") for number in range(3)]
    context.remaining_ms = LONGEST_CALL_MS - 1

    result = start_execution.handler(batch(*delivered), context)

    assert result == failures(*delivered[1:])
    assert executions() == ["m-0"]


def test_what_fails_is_logged_under_its_message_s_id(context, monkeypatch, step_functions_refuses):
    log = StringIO()
    monkeypatch.setattr(start_execution.logger.registered_handler, "stream", log)
    step_functions_refuses(THROTTLED)

    start_execution.handler(batch(message("m-1")), context)

    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert line["correlation_id"] == "m-1"
