"""Breaks what jobs rely on, and shows that the machine notices: `python -m tests.lifecycle.mutants [NUMBER...]`."""

import os
import sys

from tests.hostile import mutants as runner
from tests.hostile.mutants import Mutant

JOBS = "lambdas/jobs"
ENDPOINTS = "constructs_lib/job_tracker/endpoints"
STATES = "constructs_lib/job_tracker/states.py"

MUTANTS = [
    # Who may start what, and how often.
    Mutant(f"{JOBS}/executions.py", 'name=arn.rpartition(":")[2], input=text', "input=text"),
    Mutant(
        f"{JOBS}/executions.py",
        "        if not jobs.claim(",
        "        stepfunctions().start_execution(stateMachineArn=workflow.machine, name=_name(job), input=text)\n"
        "        if not jobs.claim(",
    ),
    Mutant(f"{JOBS}/jobs.py", "        if not refused.item:\n            return False\n", "        return True\n"),
    Mutant(f"{JOBS}/executions.py", 'if status != "ABORTED" and _has_attempts_left(job):', 'if status != "ABORTED":'),
    Mutant(f"{JOBS}/executions.py", "if now is None or not job.is_same_attempt(now) or", "if False and"),
    Mutant(f"{JOBS}/slots.py", "size(#running) < :most", "size(#running) <= :most"),
    # What may follow what.
    Mutant(f"{JOBS}/jobs.py", '{"status": job.status, "attempt": job.attempt}', '{"attempt": job.attempt}'),
    Mutant(f"{JOBS}/jobs.py", "return job and replace(job, status=Status.IN_PROGRESS)", "return job"),
    Mutant(f"{JOBS}/jobs.py", '        seen["createdAt"] = job.created_at\n', "        pass\n"),
    Mutant(STATES, '"#status = :status AND', '"(#status = :status OR attribute_exists(pk)) AND'),
    Mutant(STATES, "executionArn = :execution", "(executionArn = :execution OR attribute_exists(executionArn))"),
    Mutant(f"{ENDPOINTS}/cancelling.py", "IN (:pending, :inProgress)", "IN (:pending, :inProgress, :cancelled)"),
    Mutant(
        f"{ENDPOINTS}/retrying.py",
        "#status IN (:failed, :cancelled) AND",
        "(#status IN (:failed, :cancelled) OR attribute_exists(#result)) AND",
    ),
    Mutant(f"{ENDPOINTS}/retrying.py", "#attempt = #attempt + :one", "#attempt = if_not_exists(#attempt, :one)"),
    Mutant(f"{ENDPOINTS}/retrying.py", "#executionArn, #progress", "#progress"),
    Mutant(f"{ENDPOINTS}/retrying.py", " AND #expiresAt > :epoch", " AND (#expiresAt > :epoch OR #status <> :pending)"),
    # Versions.
    Mutant(
        f"{JOBS}/jobs.py",
        '#checkAt = :check, #version = #version + :one "\n            "REMOVE #error',
        '#checkAt = :check, #version = if_not_exists(#version, :one) "\n            "REMOVE #error',
    ),
    Mutant(STATES, "#version = #version + :one REMOVE", "#version = if_not_exists(#version, :one) REMOVE"),
    Mutant(STATES, 'updatedAt = :now, #version = #version + :one"', 'updatedAt = :now, #version = :one"'),
    Mutant(f"{ENDPOINTS}/cancelling.py", "#version = #version + :one", "#version = #version + :one + :one"),
    # Who is looked after, and until when.
    Mutant("constructs_lib/job_tracker/store.py", '"open": arrival_digit(),', ""),
    Mutant(f"{ENDPOINTS}/retrying.py", "#open = :digit", "#openAgain = :digit"),
    Mutant(f"{ENDPOINTS}/cancelling.py", "#checkAt = :now, #expiresAt", "#expiresAt"),
    Mutant(f"{ENDPOINTS}/cancelling.py", "REMOVE #waitingFor", "REMOVE #waitingFor, #open, #checkAt"),
    Mutant(f"{JOBS}/reconciler.py", "            executions.stop(job)  # the stream", "            pass  # the stream"),
    Mutant(f"{JOBS}/reconciler.py", "        jobs.leave_index(job)\n", ""),
    Mutant(f"{JOBS}/reconciler.py", "        _start(seen)  # claimed", "        return  # claimed"),
    Mutant(f"{JOBS}/reconciler.py", "        executions.close(job, execution)\n", "        pass\n"),
    Mutant(f"{JOBS}/reconciler.py", "            slots.audit(job_type)\n", ""),
    Mutant(f"{JOBS}/stream_reader.py", "is_over = executions.stop(job)", "is_over = True"),
    Mutant(f"{JOBS}/stream_reader.py", " and (was is None or not was.is_open)", ""),
    Mutant(f"{JOBS}/executions.py", "        _stop_earlier_attempt(job)\n", ""),
    # What is told, and shown.
    Mutant(f"{JOBS}/stream_reader.py", "    failed |= events.publish(changes)\n", "    events.publish(changes)\n"),
    Mutant(
        f"{JOBS}/stream_reader.py",
        'logger.exception("Could not start or stop a job now.", record=_number(record))\n'
        "            failed.add(_number(record))\n",
        'logger.exception("Could not start or stop a job now.", record=_number(record))\n',
    ),
    Mutant(f"{ENDPOINTS}/showing.py", "#expiresAt > :now", "#expiresAt <> :now"),
    Mutant(f"{ENDPOINTS}/reading.py", " && $gone", " && false"),
]


if __name__ == "__main__":
    runner.MUTANTS, runner.TESTS = MUTANTS, ["tests/lifecycle/test_found.py", "tests/lifecycle/test_lifecycle.py"]
    os.environ.setdefault("LIFECYCLE_EXAMPLES", "200")
    os.environ["LIFECYCLE_SHRINK"] = "no"  # that it is found is all that counts
    sys.exit(runner.main())
