import os
import pty
import signal
import subprocess
import sys

import pytest

from tests.local.sides import eventually

TIMEOUT = 60


@pytest.fixture
def start(api):
    """Start the real command, in a process of its own and with a clock that runs."""
    started = []

    def start(*arguments, **streams):
        environ = {**os.environ, "STORAGE_FIRST_URL": api.url, "TERM": "xterm", "COLUMNS": "120"}
        process = subprocess.Popen(
            [sys.executable, "-m", "storage_first.cli", "jobs", *arguments], env=environ, **streams
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_an_interrupted_run_and_the_next_one_retry_each_job_once(api, start):
    for number in range(8):
        api.add(f"g-{number}", status="Failed")
    arguments = ("retry", "--status", "Failed", "--yes", "--rate")
    first = start(*arguments, "4", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: any(job["attempt"] == 2 for job in api.jobs.values()), timeout=TIMEOUT)

    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=TIMEOUT)
    between = [job["attempt"] for job in api.jobs.values()]
    second = start(*arguments, "1000").wait(TIMEOUT)

    assert (first.returncode, second) == (130, 0)
    assert "storage-first: Interrupted; run it again to retry the rest." in err
    assert set(between) == {1, 2}
    assert [job["attempt"] for job in api.jobs.values()] == [2] * 8


def test_a_terminal_shows_a_live_bar(api, start):
    api.add(
        "gus",
        {"status": "In Progress", "progress": {"percent": 40, "message": "Searching for [b]holes"}},
        {"status": "Succeeded"},
    )
    ours, theirs = pty.openpty()

    process = start("watch", "gus", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = read_all(ours)

    assert process.wait(TIMEOUT) == 0
    assert "In Progress: Searching for [b]holes" in shown
    assert "40%" in shown
    assert "\x1b[?25l" in shown  # the cursor is hidden while the bar moves, and comes back
    assert "\x1b[?25h" in shown
    assert "The job gus has succeeded." in shown


def test_an_interrupted_watch_says_so_and_leaves_the_job_alone(api, start):
    api.add("gus")
    process = start("watch", "gus", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "  0% Pending\n"

    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=TIMEOUT)

    assert process.returncode == 130
    assert "storage-first: Interrupted." in err
    assert api.jobs["gus"]["status"] == "Pending"


def read_all(terminal):
    """What a program writes to its terminal until it ends."""
    with os.fdopen(terminal, "rb", 0) as output:
        written = b""
        try:
            while chunk := output.read(4096):
                written += chunk
        except OSError:  # so Linux says that nobody has the other side open any more
            pass
    return written.decode()
