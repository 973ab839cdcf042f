"""The slot that a job occupies on a worker: how its body waits without it, is held, and stops."""

import asyncio
import concurrent.futures
from concurrent.futures import FIRST_COMPLETED, Future
from typing import Any, Protocol


class JobStopped(BaseException):
    """Raised inside a sync job that was told to stop; let it pass, as KeyboardInterrupt."""


class Slot(Protocol):
    """A job's slot: taken while the job runs, free for other jobs while it waits.

    Runs on: any thread; a job may wait on several threads at once.
    """

    @property
    def stopped(self) -> "Future[None]":
        """A future that is done when the job is told to stop."""

    @property
    def held(self) -> "Future[None] | None":
        """While the job is paused, a future that is done when it is resumed."""

    def free_slot(self, *, paused: bool = False) -> None:
        """Let another job have the slot, since this one waits or is paused; calls may nest."""

    def take_slot(self) -> "Future[None] | None":
        """Queue for a slot again; return what to wait for, None where there is a slot at once."""


def wait_without_slot(slot: Slot, future: "Future[Any]", *, paused: bool = False) -> None:
    """Block a sync job until the future is done and the job is not held, with its slot free.

    Raises JobStopped when the job is told to stop.
    """
    slot.free_slot(paused=paused)
    _block(slot, future)
    # A pause may come while the job waits: it takes no slot before it is resumed.
    while (held := slot.held) is not None:
        _block(slot, held)
    if (queued := slot.take_slot()) is not None:
        _block(slot, queued)


def _block(slot: Slot, future: "Future[Any]") -> None:
    concurrent.futures.wait([future, slot.stopped], None, FIRST_COMPLETED)
    if slot.stopped.done():
        raise JobStopped


async def wait_without_slot_async(
    slot: Slot, future: "Future[Any]", *, paused: bool = False
) -> None:
    """Suspend an async job until the future is done and the job is not held, with its slot free."""
    slot.free_slot(paused=paused)
    try:
        await asyncio.wait([asyncio.wrap_future(future)])
        while (held := slot.held) is not None:
            await asyncio.wait([asyncio.wrap_future(held)])
    finally:
        # Also when it is cancelled: every `free_slot` has its `take_slot`.
        queued = slot.take_slot()
    if queued is not None:
        await asyncio.wait([asyncio.wrap_future(queued)])


def stop_or_hold(slot: Slot) -> None:
    """Raise JobStopped if the job was told to stop; block a sync job while it is paused.

    An async job is not blocked, since other jobs run on its loop: it awaits `hold`.
    """
    if slot.stopped.done():
        raise JobStopped
    if (held := slot.held) is not None and not has_loop():
        wait_without_slot(slot, held, paused=True)


async def hold(slot: Slot) -> None:
    """Suspend an async job while it is paused."""
    if (held := slot.held) is not None:
        await wait_without_slot_async(slot, held, paused=True)


def has_loop() -> bool:
    """Return whether an event loop runs in this thread, so that nothing may block it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
