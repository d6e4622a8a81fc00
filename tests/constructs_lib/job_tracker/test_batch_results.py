"""What a batch tells of its items, evaluated: the JSONata of `job_tracker.batch.expressions`."""

import itertools
import json

import pytest

from constructs_lib.job_tracker.batch import expressions, limits

stepfunctions = pytest.importorskip("ministack.services.stepfunctions")

TAIL = {
    "ExecutionArn": "arn:aws:states:us-east-1:123456789012:execution:Add:b-1.7",
    "Input": json.dumps({"input": {"note": '"StopDate":1'}}),
    "InputDetails": {"Included": True},
    "Name": "b-1.7",
    "StartDate": 1790676767025,
    "StopDate": 1790676767071,
}


def evaluate(expression, *, batch=None, result=None, error=None, items=(), index=0, id="b"):
    context = {
        "Execution": {"Input": {"id": id, "tenant": "default", "input": {"items": list(items)}}, "Name": f"{id}-1"},
        "Map": {"Item": {"Index": index, "Value": index}},
        "variables": {"batch": batch},
    }
    text = expression.removeprefix("{%").removesuffix("%}")
    return plain(stepfunctions._evaluate_jsonata(text, {}, context, result, error))


def plain(value):
    return json.loads(json.dumps(value))


def failed(error, cause=None):
    told = {"Error": error} if cause is None else {"Error": error, "Cause": cause}
    return evaluate(expressions.FAILED, error=told, index=7)["error"]


def ended(**described):
    """The failure of a task that waited for an execution."""
    return failed("States.TaskFailed", json.dumps(dict(sorted({**TAIL, **described}.items())), separators=(",", ":")))


# One item


def test_an_item_is_given_as_it_was_sent():
    items = [{"a": [1]}, [5], "x", 7, {"n": {"m": [[1]]}}, [[1], [2]]]

    assert [evaluate(expressions.ITEM, items=items, index=index) for index in range(6)] == items


def test_the_only_item_is_given_as_it_was_sent():
    assert evaluate(expressions.ITEM, items=[{"a": [1]}]) == {"a": [1]}


def test_an_item_has_an_id_that_no_job_has():
    assert evaluate(expressions.ID, index=7) == "b.7"
    assert evaluate(expressions.KEY, index=7) == "default#b.7"


def test_the_longest_name_of_an_execution_is_not_too_long():
    name = evaluate(expressions.EXECUTION_NAME, index=999, id="x" * 64)

    assert len(name) <= 80


def test_the_record_names_the_execution_that_is_started():
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:Add"

    arn = evaluate(expressions.execution_arn(machine), index=7)

    assert arn == "arn:aws:states:us-east-1:123456789012:execution:Add:b-1.7"


def test_an_execution_that_failed_tells_its_own_error():
    assert ended(Status="FAILED", Error="Bad", Cause="It is bad.") == {"code": "Bad", "message": "It is bad."}


def test_an_execution_that_failed_without_a_cause_has_no_message():
    assert ended(Status="FAILED", Error="Bad") == {"code": "Bad", "message": ""}


@pytest.mark.parametrize(
    ("status", "code"),
    [("TIMED_OUT", "ExecutionTimedOut"), ("ABORTED", "ExecutionAborted"), ("FAILED", "ExecutionFailed")],
)
def test_an_execution_that_tells_no_error_has_that_of_its_status(status, code):
    assert ended(Status=status) == {"code": code, "message": f"The execution ended as {status}."}


def test_a_description_that_was_cut_is_told_as_it_is():
    cut = '{"Cause":"It is bad.","Error":"Bad","Input":"{\\"note\\":\\"\\\\\\"StopDate\\\\\\":1'

    assert failed("States.TaskFailed", cut) == {"code": "States.TaskFailed", "message": cut}


@pytest.mark.parametrize(("cause", "message"), [("No such name.", "No such name."), (None, ""), ("", "")])
def test_a_state_that_failed_tells_its_own_error(cause, message):
    assert failed("StepFunctions.InvalidNameException", cause) == {
        "code": "StepFunctions.InvalidNameException",
        "message": message,
    }


def test_long_words_are_cut():
    error = ended(Status="FAILED", Error="E" * 300, Cause="m" * 5000)

    assert error == {"code": "E" * 64, "message": "m" * 256}


# All items


def succeeded(index):
    return evaluate(expressions.SUCCEEDED, index=index)


def entry(index, *, id="b", code="Bad", message=""):
    error = {"code": code, "message": message}
    return {"index": index, "id": f"{id}.{index}", "status": "Failed", "error": error}


def run(items, work, *, max_concurrency=10):
    """Go through a batch like its states: `work` gives the result of an index. Yield `batch` after each chunk."""
    batch = evaluate(expressions.begun(max_concurrency), items=[{}] * items)
    while evaluate(expressions.IS_UNFINISHED, batch=batch):
        chunk = evaluate(expressions.CHUNK, batch=batch)
        batch = evaluate(expressions.WITH_CHUNK, batch=batch, result=[work(index) for index in chunk])
        yield batch


def last(iterator):
    *_, final = iterator
    return final


@pytest.mark.parametrize(
    ("items", "max_concurrency"), list(itertools.product([1, 2, 19, 20, 21, 81, 999, 1000], [1, 10, 40]))
)
def test_every_item_is_worked_on_once_and_progress_is_written_twenty_times_at_most(items, max_concurrency):
    seen = []

    chunks = list(
        run(items, lambda index: seen.append(index) or {"status": "Succeeded"}, max_concurrency=max_concurrency)
    )

    assert seen == list(range(items))
    assert len(chunks) <= 20


def test_progress_is_told_by_count():
    told = [
        (evaluate(expressions.PERCENT, batch=batch), evaluate(expressions.PROGRESS, batch=batch))
        for batch in run(50, lambda index: entry(index) if index == 25 else succeeded(index))
    ]

    assert told == [("40", "20 of 50 items"), ("80", "40 of 50 items, 1 failed"), ("100", "50 of 50 items, 1 failed")]


@pytest.mark.parametrize("items", [1, 3])
def test_the_result_tells_of_every_item(items):
    batch = last(run(items, lambda index: entry(index, message="So.") if index == 0 else succeeded(index)))

    result = evaluate(expressions.RESULT, batch=batch)

    assert result["results"] == [entry(0, message="So."), *(succeeded(index) for index in range(1, items))]
    assert (result["items"], result["succeeded"], result["failed"]) == (items, items - 1, 1)
    assert json.loads(evaluate(expressions.RESULT_TEXT, batch=batch)) == result
    assert evaluate(expressions.FAILURE, batch=batch) == f"1 of {items} items failed"


WORST = [
    pytest.param("x", id="ascii"),
    pytest.param("ü", id="two bytes"),
    pytest.param("😀", id="four bytes"),
    pytest.param('"', id="escaped"),
    pytest.param("\x01", id="control"),
]


def in_bytes(value):
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.parametrize("length", [1, 36, 64])  # the shorter the ids, the more room there is for words
@pytest.mark.parametrize("character", WORST)
def test_the_largest_results_fit_into_a_payload_and_beside_the_largest_body(character, length):
    id, code, message = "x" * length, character * limits.MAX_CODE, character * limits.MAX_MESSAGE

    def work(index):
        return entry(index, id=id, code=code, message=message)

    *_, batch = chunks = list(run(1000, work))

    payload, item = 256 * 1024, 400 * 1024
    assert all(in_bytes(chunk) <= payload for chunk in chunks), "a variable"
    assert in_bytes([work(999)] * 2 * limits.MAX_CONCURRENCY) <= payload, "what a Map state puts out"
    result = evaluate(expressions.RESULT, batch=batch)
    assert in_bytes(evaluate(expressions.RESULT_TEXT, batch=batch)) + 2 * 1024 <= payload, "among arguments"
    assert in_bytes(result) + limits.MAX_BODY_BYTES + 6 * 1024 <= item
    assert [each["index"] for each in result["results"]] == list(range(1000))
    assert result["failed"] == 1000


def test_37_failures_of_1000_are_told_in_full_whatever_they_say():
    bad = set(range(5, 1000, 27))

    batch = last(
        run(1000, lambda index: entry(index, id="x" * 64, message="ü" * 256) if index in bad else succeeded(index))
    )

    told = [each["error"]["message"] for each in batch["results"] if each["status"] == "Failed"]
    assert told == ["ü" * 256] * 37


def test_when_not_all_words_fit_the_first_are_told():
    batch = last(run(1000, lambda index: entry(index, message="m" * 256)))

    told = [each["error"] for each in batch["results"]]
    assert told[0] == {"code": "Bad", "message": "m" * 256}
    assert told[-1] == limits.UNTOLD
