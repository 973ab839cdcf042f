"""Waits for what sets no event: another process, another thread, Dask."""

from collections.abc import Callable

import anyio


async def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so; TimeoutError after so many seconds."""
    with anyio.fail_after(seconds):
        while not holds():  # noqa: ASYNC110 - nobody would set the event
            await anyio.sleep(0.01)
