"""The emulator's own process: ministack's application, with the gaps closed before it serves.

Internal: `storage_first.local.emulator` starts it, with the listening socket and all settings in its environment.
"""

import asyncio
import logging
import os
import signal
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app
from ministack.core import lambda_runtime

from storage_first.local import gaps
from storage_first.local.gaps import persistence
from storage_first.local.lifeline import end_group, end_with_parent

_GRACE = 15.0


async def _serve(listener: int) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    config = Config()
    config.bind = [f"fd://{listener}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1  # idle keep-alive connections are no reason to wait

    async def stop() -> None:
        await stopping.wait()
        await asyncio.to_thread(persistence.quiesce)

    await serve(app, config, shutdown_trigger=stop)


def main() -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parent = os.getppid()
    end_with_parent(_GRACE)
    gaps.close_all()
    asyncio.run(_serve_and_end(int(sys.argv[1]), parent))


async def _serve_and_end(listener: int, parent: int) -> None:
    await _serve(listener)
    # Ends here and now: the interpreter, and asyncio before it, would wait for every thread that runs a handler,
    # sleeps in a Wait state or waits for a stack.
    lambda_runtime.reset()
    logging.shutdown()
    if os.getppid() != parent:
        end_group()  # nobody else is left to sweep up what handlers may have started
    os._exit(0)


if __name__ == "__main__":
    main()
