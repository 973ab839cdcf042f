"""The loop on which a worker runs async jobs, apart from the one that talks to the scheduler."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import Context
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar, cast

from parrot_async.errors import OptionsError
from parrot_async.jobs.context import JobContext, current_context
from parrot_async.jobs.slot import JobStopped

T = TypeVar("T")

MOST_BLOCKING = 512
"""Threads for what async jobs do with `asyncio.to_thread`."""

BLOCKED = "another job blocked the event loop that it ran on"
BROKEN = "the event loop that it ran on broke"
LOOP_LOST = frozenset({BLOCKED, BROKEN})
"""Why attempts are lost with the loop that they ran on."""

logger = logging.getLogger(__name__)

Stray = Callable[[JobContext | None, BaseException], None]
"""Is called with what escaped from a job's tasks or callbacks, and with the job, where known."""


class _SharedLoop(asyncio.SelectorEventLoop):
    """An event loop that no job can stop or close, since others run on it."""

    stray: Stray

    def stop(self) -> None:
        """Stop, unless a job asks for it: that is told, and the loop goes on."""
        if (job := current_context.get(None)) is None:
            super().stop()
        else:
            self.stray(job, RuntimeError("it stopped the event loop, which other jobs run on"))

    def close(self) -> None:
        """Close; raises RuntimeError in a job."""
        _refuse_job("close the event loop, which other jobs run on")
        super().close()

    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        """Shut the threads of `to_thread` down; raises RuntimeError in a job."""
        _refuse_job("shut down the threads of `asyncio.to_thread`, which other jobs use")
        await super().shutdown_default_executor(*timeout)

    def set_default_executor(self, executor: Executor) -> None:
        """Set the threads of `to_thread`; raises OptionsError in a job."""
        if current_context.get(None) is not None:
            raise OptionsError(
                "a job cannot set the threads of `asyncio.to_thread`, which other jobs use: pass "
                "its own to `loop.run_in_executor(executor, ...)`"
            )
        super().set_default_executor(cast("ThreadPoolExecutor", executor))


def _refuse_job(what: str) -> None:
    if current_context.get(None) is not None:
        raise RuntimeError(f"a job cannot {what}")


class JobsLoop:
    """An event loop in a thread of its own, from its making until `stop` or `abandon`.

    A stray `sys.exit()` in a task, or a job that stops the loop, does not end it.

    Runs on: any thread; what it is given runs on its own.
    """

    def __init__(
        self,
        stray: Stray = lambda *_: None,
        broken: "Callable[[JobsLoop], None]" = lambda _: None,
    ) -> None:
        """Start the loop.

        On its thread `stray` is called with what escaped from jobs, and `broken` with this one
        when the loop cannot go on.
        """
        self.loop = _SharedLoop()
        self.loop.stray = self._stray = stray
        self._broken = broken
        self.context = Context()
        """What each job finds in its own context."""
        threads = ThreadPoolExecutor(MOST_BLOCKING, thread_name_prefix="parrot-aside")
        self.loop.set_default_executor(threads)
        self.thread = Thread(target=self._run, name="parrot-jobs", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        Context().run(self.thread.start)

    def _run(self) -> None:
        try:
            while self._goes_on():
                pass
        except BaseException:
            logger.exception("the event loop of the async jobs is broken: another takes its place")
            self._broken(self)

    def _goes_on(self) -> bool:
        """Run the loop; False after it was stopped, raises what is no job's but the loop's own."""
        try:
            self.loop.run_forever()
        except JobStopped:  # it hit between two steps of a job, so that nobody caught it
            return True
        except BaseException as exc:
            handle = _escaped_from(exc.__traceback__)
            if handle is None:
                raise
            context: Context = cast("Any", handle)._context  # noqa: SLF001 - the only way to know whose it was
            job = context.get(current_context)
            logger.warning("%r escaped from a task or callback of %s", exc, job and job.id)
            self._stray(job, exc)
            return True
        return False

    @property
    def busy(self) -> bool:
        """Whether there is anything on the loop; from any thread."""
        return bool(self._tasks)

    def start(self, run: Callable[[T], Coroutine[object, None, None]], each: Iterable[T]) -> None:
        """Make a task of `run(one)` for each one, in a context of its own."""
        self.loop.call_soon_threadsafe(self._start, run, each, context=Context())

    def _start(self, run: Callable[[T], Coroutine[object, None, None]], each: Iterable[T]) -> None:
        # A job may have set a factory or a handler, which would go on in other jobs.
        self.loop.set_task_factory(None)
        self.loop.set_exception_handler(None)
        for one in each:
            task = self.loop.create_task(run(one), context=self.context.copy())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Stop the loop as soon as the code that runs on it awaits something."""
        self.loop.call_soon_threadsafe(self.loop.stop, context=Context())

    def close(self) -> None:
        """Stop the loop, and close it when its thread has ended, in a thread that waits for it."""
        self.stop()
        Thread(target=self._close, name="parrot-closing", daemon=True).start()

    def _close(self) -> None:
        self.thread.join()
        self.loop.close()

    def finish(self) -> None:
        """Cancel everything on the loop, let it clean up, and close the loop, aside."""
        self.abandon()
        Context().run(Thread(target=self._close, name="parrot-closing", daemon=True).start)

    def abandon(self) -> None:
        """Cancel everything on the loop, let it clean up, and stop the loop after that."""
        if self.thread.is_alive() and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._cancel_all, context=Context())

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        ended = asyncio.gather(*tasks, return_exceptions=True)
        ended.add_done_callback(lambda _: self.loop.stop())


def _escaped_from(trace: TracebackType | None) -> asyncio.Handle | None:
    """Return the callback, or the step of a task, that raised; None where the loop itself did."""
    while trace is not None:
        caller = trace.tb_frame.f_locals.get("self")
        if isinstance(caller, asyncio.Handle):
            return caller
        trace = trace.tb_next
    return None


def close_loop(loop: asyncio.AbstractEventLoop, thread: Thread) -> None:
    """Wait for the thread of a loop that was stopped, cancel what is left, and close the loop."""
    thread.join()
    loop.run_until_complete(_cancel_others())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _cancel_others() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
