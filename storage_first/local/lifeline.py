"""How a process of the local cloud ends with the one that started it, however that one ends.

The parent holds the other end of its child's standard input and never writes to it. The system closes that end when
the parent ends, kill -9 included, and the child's read returns. (Linux's PR_SET_PDEATHSIG would fire as soon as the
*thread* that started the child ends, and exists nowhere else.)

Run as a program, this module ties a command that knows nothing of lifelines to its parent:
`python lifeline.py GRACE COMMAND ARGUMENT...`. It imports the standard library only, so that it starts at once.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


def end_with_parent(grace: float) -> None:
    """End this process, and all of its process group, once the parent is gone.

    SIGTERM comes first, so that state is saved.

    Args:
        grace: How many seconds this process may take to end by itself.
    """
    lifeline = os.dup(sys.stdin.fileno())
    threading.Thread(target=_watch, args=(lifeline, grace), name="lifeline", daemon=True).start()


def end_group() -> None:
    """Kill every process of this process's own group, and with it this one."""
    if os.getpgrp() == os.getpid():  # never the group of a caller who started this process without one of its own
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _watch(lifeline: int, grace: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(lifeline, 64):
            pass
    deadline = threading.Timer(grace, end_group)
    deadline.daemon = True
    deadline.start()
    os.kill(os.getpid(), signal.SIGTERM)


def _main(grace: float, command: list[str]) -> int:
    """Run `command` until it ends, or the parent does, or SIGTERM comes."""
    stopped = threading.Event()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(*_: object) -> None:
        stopped.set()
        child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    end_with_parent(grace)
    code = child.wait()
    if stopped.is_set():
        end_group()  # what the command has started may not have heard of it
    return code


if __name__ == "__main__":
    code = _main(float(sys.argv[1]), sys.argv[2:])
    sys.exit(code if code >= 0 else 128 - code)
