"""Watches a job in the terminal until it ends: the first Ctrl-C cancels it, the second leaves."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup, TaskStatus
from rich.console import Console

from parrot_async.cli.running import INTERRUPTED
from parrot_async.client.handle import JobHandle
from parrot_async.model.events import Event
from parrot_async.model.tree import JobTree
from parrot_async.report.terminal import TerminalTree

R = TypeVar("R")

TICK = 0.5
"""Seconds after which the times are drawn again even if nothing has happened."""


async def watch(handle: JobHandle[R], console: Console | None = None) -> None:
    """Show the job's tree as it changes, until the job has ended."""
    await watch_events(handle.events(), console)


async def watch_events(events: AsyncIterator[Event], console: Console | None = None) -> JobTree:
    """Show the tree of these events as they arrive; returns it after the last one."""
    tree = JobTree()
    with TerminalTree(console) as view:
        async with anyio.create_task_group() as group:

            async def tick() -> None:
                while True:
                    await anyio.sleep(TICK)
                    view.update(tree)

            group.start_soon(tick)
            async for event in events:
                tree.apply(event)
                view.update(tree)
            group.cancel_scope.cancel()
    return tree


async def watch_or_cancel(
    submit: Callable[[], Awaitable[JobHandle[R]]], console: Console | None = None
) -> tuple[JobHandle[R], bool]:
    """Submit a job, and watch it until it and all below it have ended.

    Returns its handle, and whether Ctrl-C or SIGTERM cancelled it. A second signal ends this
    process at once, with status 130, and leaves the cancelling to the cluster.
    """
    console = console or Console()
    async with anyio.create_task_group() as group:
        stopper = _Stopper(group, console)
        await group.start(stopper.listen)
        handle = await submit()
        stopper.attend(handle)
        await watch(handle, console)
        group.cancel_scope.cancel()
    return handle, stopper.asked


class _Stopper:
    """Cancels a job at the first signal, also one that is still being submitted.

    Runs on: the event loop, which receives the signals.
    """

    def __init__(self, group: TaskGroup, console: Console) -> None:
        self._group = group
        self._console = console
        self._handle: JobHandle[object] | None = None
        self.asked = False

    def attend(self, handle: JobHandle[R]) -> None:
        """Cancel this job at the next signal, or now if one has come already."""
        self._handle = handle
        if self.asked:
            self._group.start_soon(handle.cancel)

    async def listen(self, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                if self.asked:
                    self._leave()
                self.asked = True
                self._say("Cancelling the job; press Ctrl-C again to leave at once.")
                if self._handle is not None:
                    self._group.start_soon(self._handle.cancel)

    def _say(self, words: str) -> None:
        self._console.print(words, style="yellow", highlight=False)

    def _leave(self) -> None:
        self._console.show_cursor()
        self._say("Left; the cluster cancels the job by itself.")
        self._console.file.flush()
        os._exit(INTERRUPTED)
