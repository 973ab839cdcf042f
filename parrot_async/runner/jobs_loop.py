"""The loop on which a worker runs async jobs, apart from the one that talks to the scheduler."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from parrot_async.jobs.slot import JobStopped

MOST_BLOCKING = 512
"""Threads for what async jobs do with `asyncio.to_thread`."""


def end_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Let everything on a loop clean up, and stop it."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    ended = asyncio.gather(*tasks, return_exceptions=True)
    ended.add_done_callback(lambda _: loop.stop())


def loop_in_thread() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    """Start a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(MOST_BLOCKING, thread_name_prefix="parrot-aside"))
    thread = threading.Thread(target=_run_loop, args=[loop], name="parrot-jobs", daemon=True)
    thread.start()
    return loop, thread


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Run until stopped; a JobStopped that hits between two steps of a job is nobody's."""
    while True:
        try:
            loop.run_forever()
        except JobStopped:
            continue
        return
