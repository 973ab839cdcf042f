"""The end of an event loop that ran in a thread of its own."""

import asyncio
from threading import Thread


def end(loop: asyncio.AbstractEventLoop, thread: Thread) -> None:
    """Wait for the thread of a loop that was stopped, and leave nothing of the loop behind."""
    thread.join()
    loop.run_until_complete(_end_tasks())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _end_tasks() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
