"""A nanny's guard notices that the worker's process is another one, and ends what that one left."""

import asyncio
import os
import pickle
import subprocess
from types import SimpleNamespace
from typing import Any, cast

from distributed import Nanny, Status

from parrot_async.runner.nanny import LOOK, ProcessGuard
from parrot_async.runner.process_search import WORKER, worker_mark
from tests.integration.waiting import until
from tests.processes import living, new_sign


def nanny(pid: int | None) -> Any:
    return SimpleNamespace(pid=pid, status=Status.running)


def sleeping() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "10"])


def started_by(pid: int) -> tuple[str, "subprocess.Popen[bytes]"]:
    """A process of a worker of this number, with its sign."""
    sign, env = new_sign(), {**os.environ, WORKER: worker_mark(pid)}
    return sign, subprocess.Popen(["sleep", sign], env=env)


async def test_what_a_dead_worker_left_is_ended() -> None:
    with sleeping() as worker:
        beside = nanny(worker.pid)
        sign, left = await asyncio.to_thread(started_by, worker.pid)
        guard = ProcessGuard()
        await guard.setup(cast("Nanny", beside))
        await asyncio.sleep(2 * LOOK)
        lived = await asyncio.to_thread(living, sign)

        worker.kill()
        beside.pid = None
        await until(lambda: not living(sign))

    await guard.teardown(cast("Nanny", beside))
    assert len(lived) == 1
    assert left.wait(10) < 0


async def test_a_nanny_that_closes_ends_what_its_worker_has_started() -> None:
    with sleeping() as worker:
        beside = nanny(worker.pid)
        sign, left = await asyncio.to_thread(started_by, worker.pid)
        guard = ProcessGuard()
        await guard.setup(cast("Nanny", beside))
        await asyncio.sleep(LOOK)

        beside.status = Status.closing
        await guard.teardown(cast("Nanny", beside))

        assert not await asyncio.to_thread(living, sign)
        assert worker.poll() is None
        worker.kill()
    left.wait(10)


async def test_a_guard_that_is_replaced_ends_nothing() -> None:
    with sleeping() as worker:
        sign, left = await asyncio.to_thread(started_by, worker.pid)
        guard: ProcessGuard = pickle.loads(pickle.dumps(ProcessGuard()))  # noqa: S301 - our own
        await guard.setup(cast("Nanny", nanny(worker.pid)))
        await asyncio.sleep(LOOK)

        await guard.teardown(cast("Nanny", nanny(worker.pid)))

        assert len(await asyncio.to_thread(living, sign)) == 1
        left.kill()
        worker.kill()
    left.wait(10)
