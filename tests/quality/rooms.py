"""Prints which rooms of the package one job passes through: `python -m tests.quality.rooms`.

One job of the eager client, which is the real service, runner and store in one process. A room is
a folder of the package, or a module at its root; `testing` is left out.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

import parrot_async
from parrot_async import JobCancelledError, current_job, job
from parrot_async.testing import EagerClient

PACKAGE = Path(parrot_async.__file__).parent
PREFIX = f"{PACKAGE}/"
QUIET = 0.3
"""Seconds after which nothing of a trip is under way any more."""


@dataclass
class Trip:
    """The functions of the package that were called while somebody did something."""

    calls: int = 0
    functions: set[CodeType] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)
    rooms: set[str] = field(default_factory=set)
    moves: int = 0
    """Calls that went from one room to another, on one thread."""
    _last: dict[int, str] = field(default_factory=dict)

    def enter(self, code: CodeType) -> None:
        """Count a call of a function of the package."""
        path = Path(code.co_filename).relative_to(PACKAGE)
        room = path.parts[0].removesuffix(".py")
        if room == "testing":
            return
        self.calls += 1
        self.functions.add(code)
        self.files.add(path)
        self.rooms.add(room)
        thread = threading.get_ident()
        self.moves += self._last.get(thread, room) != room
        self._last[thread] = room


class Tracer:
    """Traces the package's functions, on every thread that starts while it is on."""

    def __init__(self) -> None:
        """Trace nothing yet."""
        self._trip: Trip | None = None

    def __enter__(self) -> Self:
        """Start; clients must be opened afterwards."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and self._trip is not None:
            code = frame.f_code
            if code.co_filename.startswith(PREFIX):
                self._trip.enter(code)

    async def trip(self, work: Callable[[], Awaitable[Any]], *, rest: float = 0.0) -> Trip:
        """Trace some work, and what it leaves under way for `rest` seconds."""
        self._trip = trip = Trip()
        await work()
        await asyncio.sleep(rest)
        self._trip = None
        return trip


@job
async def says(percent: float) -> str:
    """Make progress."""
    current_job().progress(percent)
    return "done"


@job
async def rests() -> None:
    """Wait to be cancelled."""
    await asyncio.sleep(3600)


@job
async def moves(seconds: float) -> None:
    """Make progress after a while."""
    await asyncio.sleep(seconds)
    current_job().progress(50)
    await asyncio.sleep(3600)


async def trips() -> dict[str, Trip]:
    """Trace four trips through the package, each with one job of its own."""
    found: dict[str, Trip] = {}
    with Tracer() as tracer:
        async with EagerClient(slots=4) as client:
            await client.run(says, 1)  # what is imported and made once has been
            await asyncio.sleep(QUIET)

            async def result() -> None:
                await (await client.submit(says, 10))

            found["submit"] = await tracer.trip(lambda: client.submit(says, 5))
            await asyncio.sleep(QUIET)
            found["submit and result"] = await tracer.trip(result)
            found["cancel"] = await tracer.trip(await _cancel(client))
            found["progress"] = await tracer.trip(await _progress(client))
    return found


async def _cancel(client: EagerClient) -> Callable[[], Awaitable[Any]]:
    handle = await client.submit(rests)
    await asyncio.sleep(QUIET)

    async def cancel() -> None:
        await handle.cancel()
        with suppress(JobCancelledError):
            await handle

    return cancel


async def _progress(client: EagerClient) -> Callable[[], Awaitable[Any]]:
    handle = await client.submit(moves, 2 * QUIET)
    await asyncio.sleep(QUIET)

    async def progress() -> None:
        while handle.progress < 50:  # noqa: ASYNC110 - what a person does who watches
            await asyncio.sleep(0.01)

    return progress


def main() -> None:
    """Print a table, or the rooms as JSON."""
    if "--json" in sys.argv:
        print(json.dumps({n: sorted(t.rooms) for n, t in asyncio.run(trips()).items()}))
        return
    print(f"{'trip':18} calls functions files rooms moves  rooms")
    for name, trip in asyncio.run(trips()).items():
        numbers = trip.calls, len(trip.functions), len(trip.files), len(trip.rooms), trip.moves
        print("{:18}{:6}{:10}{:6}{:6}{:6}  ".format(name, *numbers) + " ".join(sorted(trip.rooms)))


if __name__ == "__main__":
    main()
