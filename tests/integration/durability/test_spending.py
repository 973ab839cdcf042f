"""Money that was spent is counted, although the worker dies right after it, and counted once."""

import os
import signal
import time
from decimal import Decimal

import anyio
import pytest

from parrot_async import JobClient, current_job, job
from parrot_async.errors import JobLostError
from parrot_async.model.events import Spent


@job(cpu=1)
def spends_and_dies(pause: float) -> None:
    for _ in range(2):
        current_job().spend(input_tokens=1, cost="0.5")
        time.sleep(pause)
    os.kill(os.getpid(), signal.SIGKILL)


@job
async def spends_unpriced() -> None:
    current_job().spend(input_tokens=10)


async def test_what_a_killed_worker_had_spent_is_counted(client: JobClient) -> None:
    handle = await client.submit(spends_and_dies, 0.02)

    with anyio.fail_after(60), pytest.raises(JobLostError):
        await handle

    attempts = len(handle.node.attempts)
    bills = [event async for event in handle.events() if isinstance(event, Spent)]
    assert handle.cost == Decimal(attempts)
    assert len({(bill.attempt, bill.number) for bill in bills}) == len(bills)


async def test_a_cost_that_is_not_known_is_not_shown_as_nothing(client: JobClient) -> None:
    handle = await client.submit(spends_unpriced)
    await handle

    (row,) = [row for row in await client.jobs() if row.id == handle.id]
    assert handle.cost is None
    assert row.cost is None
    assert "$0.00" not in handle.report()
    assert "not known (10 tokens)" in handle.report()
