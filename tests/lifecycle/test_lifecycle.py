"""Whatever happens to jobs, in whatever order: a machine that looks for the order that breaks a promise.

What writes and reads jobs is the real thing: the templates, the expressions of the workflows and the handlers, on the
table as synthesized. Only the services around them are models. The promises are in `history`, which judges each change
of an item as it is written, in `callers`, which judges each answer, and in `world`.

`LIFECYCLE_EXAMPLES=2000 pytest tests/lifecycle` looks for longer, at another place each time; a failure prints the
shortest way to it that was found. `python -m tests.lifecycle.mutants` shows that the machine notices defects.
"""

import os
import sys
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.lifecycle.callers import Name
from tests.lifecycle.wire import FAULTS, Fault
from tests.lifecycle.world import BODY

LONG = int(os.environ.get("LIFECYCLE_EXAMPLES", "0"))
PHASES = [phase for phase in Phase if phase is not Phase.shrink or "LIFECYCLE_SHRINK" not in os.environ]
EXAMPLES, STEPS = 25, 30

# Two tenants with the same key, and jobs of each kind.
JOBS = [
    Name("acme", "k-1", "add-gopher"),
    Name("acme", "k-2", "dig-hole"),
    Name("emca", "k-1", "dig-hole"),
    Name("acme", "k-3", "map-burrow"),
    Name("acme", "k-4", "paint-hole"),
]
OTHER_BODIES = ['{"name": "Phil"}', "no JSON"]
WAITS = [timedelta(minutes=minutes) for minutes in (1, 2, 12, 12, 12, 65, 5 * 60, 26 * 60)]

# Of those that a run is about: the fewer they are, the more happens to each.
jobs = st.runner().flatmap(lambda machine: st.sampled_from(machine.jobs))
fates = st.sampled_from(["sent"] * 5 + ["throttled", "failed", "lost"])
bodies = st.sampled_from([BODY] * 4 + OTHER_BODIES)
looks = st.none() | st.integers(0, 3)
OTHERS = ("cancel", "retry", "submit", "read", "reconcile", "work", "abort")
troubles = st.sampled_from(FAULTS) | st.tuples(st.sampled_from(OTHERS), jobs)


class Lifecycle(RuleBasedStateMachine):
    """Lets things happen in a world, and puts it to rest at the end."""

    def __init__(self, new_world, *, reader, ends):
        super().__init__()
        self.world = new_world()
        self.has_reader = reader
        self.has_ends = ends
        self.jobs = []

    @initialize(chosen=st.lists(st.sampled_from(JOBS), min_size=1, max_size=2, unique=True), are_running=st.booleans())
    def begin(self, chosen, are_running):
        self.jobs = chosen
        for job in chosen:
            self.world.callers.submit(job, BODY)
        if are_running:
            self.start_all()

    @rule(job=jobs, body=bodies, fate=fates)
    def submit(self, job, body, fate):
        self.world.callers.submit(job, body, fate)

    @rule(job=jobs, fate=fates)
    def cancel(self, job, fate):
        self.world.callers.cancel(job, fate)

    @rule(job=jobs, fate=fates)
    def retry(self, job, fate):
        self.world.callers.retry(job, fate)

    @precondition(lambda self: self.has_reader and self.world.table.stream.waiting)
    @rule(data=st.data(), most=st.integers(1, 5), looks=looks)
    def read(self, data, most, looks):
        keys = data.draw(st.permutations(self.world.table.stream.waiting), label="keys")
        self.world.read(keys, most, self.draw_faults(data), looks)

    @precondition(lambda self: self.world.table.stream.read)
    @rule(data=st.data())
    def read_again(self, data):
        read = self.world.table.stream.read
        places = st.lists(st.integers(0, len(read) - 1), min_size=1, max_size=3)
        batch = [read[place] for place in data.draw(places, label="places")]
        self.world.read_again(batch, self.draw_faults(data))

    @precondition(lambda self: self.world.table.stream.waiting)
    @rule(data=st.data(), most=st.integers(1, 3))
    def lose(self, data, most):
        """Give up what the reader could not get through, or did not for a day."""
        stream = self.world.table.stream
        stream.finish(stream.next_batch([data.draw(st.sampled_from(stream.waiting))], most), lost=True)

    @precondition(lambda self: self.world.states.running)
    @rule(
        data=st.data(),
        error=st.sampled_from([None, None, "Boom"]),
        trouble=st.sampled_from([None, None, None, "refused", "unanswered"]),
    )
    def work(self, data, error, trouble):
        execution = data.draw(st.sampled_from(self.world.states.running))
        self.world.work(execution, error=error, trouble=trouble)

    @precondition(lambda self: self.world.states.running)
    @rule(
        data=st.data(),
        end=st.sampled_from([("ABORTED", {}), ("FAILED", {"error": "States.DataLimitExceeded", "cause": "Large."})]),
    )
    def end(self, data, end):
        """End an execution from without, or so that no Catch sees it."""
        status, outcome = end
        self.world.states.end(data.draw(st.sampled_from(self.world.states.running)), status, **outcome)

    @precondition(lambda self: self.has_ends and self.world.states.ends)
    @rule(data=st.data(), whole=st.booleans())
    def tell_end(self, data, whole):
        """Tell of an end that may have been told of before."""
        end = data.draw(st.sampled_from(self.world.states.ends))
        self.world.tell_end(end, self.draw_faults(data), whole=whole)

    @rule(data=st.data(), looks=looks)
    def reconcile(self, data, looks):
        self.world.reconcile(self.draw_faults(data), looks)

    @rule()
    def go_well(self):
        """For a moment nothing goes wrong, so that what comes later in a job's life is reached sooner."""
        self.start_all()
        self.world.finish_all()

    @rule(time=st.sampled_from(WAITS), reaped=st.booleans())
    def wait(self, time, reaped):
        """Let time go by, after which expired jobs may be deleted, or not yet."""
        self.world.wait(time)
        if reaped:
            self.world.reap()

    @rule(what=st.sampled_from(["all", "without dig-hole", "with dig-hole replaced"]))
    def deploy(self, what):
        self.world.deploy(what)

    @invariant()
    def what_holds_at_every_moment(self):
        self.world.check()
        for job in self.jobs:
            self.world.callers.look(job)

    @rule(job=jobs, asked=st.sampled_from([{}, {"status": "Pending"}, {"status": "Cancelled"}, {"type": "dig-hole"}]))
    def list_all(self, job, asked):
        self.world.callers.list_all(job, **asked)

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:  # what has failed already need not come to rest
                self.world.come_to_rest(reader=self.has_reader, ends=self.has_ends)
        finally:
            self.world.close()

    def start_all(self):
        if self.has_reader:
            self.world.read_all()
        else:
            self.world.wait(timedelta(minutes=2))
            self.world.reconcile()

    def draw_faults(self, data):
        """Choose what goes wrong, and what others do in the midst of it."""
        drawn = data.draw(st.lists(st.tuples(st.integers(0, 5), troubles), max_size=2), label="faults")
        return [Fault(at, kind if isinstance(kind, str) else partial(self.meanwhile, *kind)) for at, kind in drawn]

    def meanwhile(self, what, job):
        """Do what somebody else may do at any moment."""
        world, execution = self.world, self.world.newest(job)
        match what:
            case "cancel":
                world.callers.cancel(job)
            case "retry":
                world.callers.retry(job)
            case "submit":
                world.callers.submit(job, BODY)
            case "read" if self.has_reader:  # of other keys
                world.read_all()
            case "reconcile":
                world.reconcile()
            case "work" if execution:
                world.work(execution)
            case "abort" if execution:
                world.states.end(execution, "ABORTED")


@pytest.mark.timeout(0 if LONG else 300)
@pytest.mark.parametrize(
    ("reader", "ends"),
    [
        pytest.param(True, True, id="with everything"),
        pytest.param(True, False, id="with no word of the ends of executions"),
        pytest.param(False, False, id="with the reconciler alone"),
    ],
)
def test_every_accepted_job_ends_and_no_attempt_does_its_work_twice(new_world, reader, ends):
    run_state_machine_as_test(
        lambda: Lifecycle(new_world, reader=reader, ends=ends),
        settings=settings(
            max_examples=LONG or EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not LONG,
            database=None,
            deadline=None,
            phases=PHASES,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
