"""What the machine has found, step by step."""

from datetime import timedelta

import pytest

from tests.lifecycle.callers import Name
from tests.lifecycle.history import text
from tests.lifecycle.wire import Fault
from tests.lifecycle.world import BODY

OTHER_BODY = '{"name": "Phil"}'
GOPHER = Name("acme", "k-1", "add-gopher")
HOLE, OTHER_HOLE = Name("acme", "k-2", "dig-hole"), Name("emca", "k-1", "dig-hole")
BURROW = Name("acme", "k-3", "map-burrow")


@pytest.fixture
def world(new_world):
    world = new_world()
    yield world
    world.close()


def status(world, job):
    return text(world.table.item(job.key), "status")


def expire(world):
    world.wait(timedelta(hours=2))
    world.reap()


def test_a_job_under_a_key_that_is_free_again_is_worked_on(world):
    world.callers.submit(GOPHER, BODY)
    world.read_all()
    world.finish_all()
    expire(world)

    world.callers.submit(GOPHER, OTHER_BODY)
    world.come_to_rest(reader=True, ends=True)

    assert status(world, GOPHER) == "Succeeded"
    assert sum(world.history.effects.values()) == 2


def test_a_late_record_starts_no_job_that_has_the_same_key_by_now(world):
    world.callers.submit(GOPHER, BODY)
    (late,) = world.table.stream.next_batch([GOPHER.key], 1)
    world.callers.cancel(GOPHER)
    expire(world)
    world.callers.submit(GOPHER, OTHER_BODY)

    world.read_again([late])

    assert status(world, GOPHER) == "Pending"
    world.come_to_rest(reader=True, ends=True)
    assert status(world, GOPHER) == "Succeeded"


def test_an_execution_that_was_never_stopped_does_not_end_a_later_job_with_the_same_key(world):
    world.callers.submit(GOPHER, BODY)
    world.read_all()
    world.callers.cancel(GOPHER)
    world.table.stream.finish(world.table.stream.next_batch([GOPHER.key], 9), lost=True)
    expire(world)
    world.callers.submit(GOPHER, OTHER_BODY)
    world.read([GOPHER.key], 1, [Fault(1, "killed before")])  # claimed, and not started

    world.finish_all()

    assert status(world, GOPHER) == "In Progress"
    world.come_to_rest(reader=True, ends=True)
    assert status(world, GOPHER) == "Succeeded"


def lose(world, job):
    """Have the reader give up on all that it has not read of a job."""
    world.table.stream.finish(world.table.stream.next_batch([job.key], 9), lost=True)


def test_a_stop_that_fails_once_is_not_the_last_try(world):
    world.callers.submit(GOPHER, BODY)
    world.read_all()
    world.callers.cancel(GOPHER)
    lose(world, GOPHER)
    world.wait(timedelta(minutes=2))

    world.reconcile([Fault(0, "refused")])
    assert world.states.running
    world.read_all()
    world.wait(timedelta(minutes=7))
    world.reconcile()

    assert not world.states.running


@pytest.mark.parametrize("job", [GOPHER, HOLE])
@pytest.mark.parametrize("reader", [True, False])
def test_the_attempt_after_one_that_was_cancelled_and_not_stopped_runs_alone(world, job, reader):
    world.callers.submit(job, BODY)
    world.read_all()
    world.callers.cancel(job)
    lose(world, job)

    world.callers.retry(job)
    if reader:
        world.read_all()
    world.wait(timedelta(minutes=7))
    world.reconcile()

    assert [execution.attempt.number for execution in world.states.running] == [2]


def test_what_is_started_by_one_who_dies_after_the_cancel_was_read_is_stopped(world):
    def cancel():
        world.callers.cancel(GOPHER)
        world.read_all()

    world.callers.submit(GOPHER, BODY)
    world.read([GOPHER.key], 1, [Fault(1, "killed before")])  # claimed, and not started
    world.table.stream.finish(world.table.stream.next_batch([GOPHER.key], 1))
    world.wait(timedelta(minutes=12))
    world.reconcile([Fault(2, cancel), Fault(3, "killed before")])  # started, and not looked at again
    assert world.states.running

    world.wait(timedelta(minutes=7))
    world.reconcile()

    assert not world.states.running


def test_a_late_record_fails_no_job_that_has_the_same_key_by_now(world):
    world.callers.submit(GOPHER, "no JSON")
    (late,) = world.table.stream.next_batch([GOPHER.key], 1)
    world.callers.cancel(GOPHER)
    expire(world)
    world.callers.submit(GOPHER, BODY)

    world.read_again([late])

    assert status(world, GOPHER) == "Pending"


def test_a_late_record_leaves_no_slot_of_a_job_that_has_the_same_key_by_now(world):
    world.callers.submit(HOLE, BODY)
    world.read_all()
    world.callers.cancel(HOLE)
    (late,) = world.table.stream.next_batch([HOLE.key], 9)[-1:]
    world.read_all()
    expire(world)
    world.callers.submit(HOLE, BODY)
    world.callers.submit(OTHER_HOLE, BODY)
    world.read_all()

    world.read_again([late])
    world.read_all()

    assert [status(world, HOLE), status(world, OTHER_HOLE)].count("In Progress") == 1
    world.come_to_rest(reader=True, ends=True)
    assert [status(world, HOLE), status(world, OTHER_HOLE)] == ["Succeeded", "Succeeded"]


@pytest.mark.parametrize("end", ["cancel", "succeed"])
def test_the_end_of_an_existing_machine_s_execution_is_written_once(world, end):
    world.callers.submit(BURROW, BODY)
    world.read_all()
    if end == "cancel":
        world.callers.cancel(BURROW)
        world.read_all()
    else:
        world.finish_all()
        world.tell_end(world.states.ends[-1])
    ended = world.table.item(BURROW.key)

    world.tell_end(world.states.ends[-1])

    assert world.table.item(BURROW.key) == ended


def test_a_job_of_a_machine_that_was_replaced_keeps_its_slot(world):
    world.callers.submit(HOLE, BODY)
    world.callers.submit(OTHER_HOLE, BODY)
    (stored,) = world.table.stream.next_batch([HOLE.key], 1)
    world.read_all()
    world.deploy("with dig-hole replaced")

    world.read_again([stored])
    world.read_all()
    world.reconcile()

    assert [status(world, HOLE), status(world, OTHER_HOLE)] == ["In Progress", "Pending"]
