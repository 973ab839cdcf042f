"""The jobs that the tests watch; the text of this file is a cell of their notebooks."""

from contextlib import suppress

import anyio

from parrot_async import JobCancelledError, current_job, job


@job
async def pass_gates(gates: list[str]) -> int:
    """Take one step more whenever the file appears that the step waits for."""
    async for gate in current_job().track(gates, "waiting"):
        while not await anyio.Path(gate).exists():  # noqa: ASYNC110 - another process makes it
            await anyio.sleep(0.02)
    return len(gates)


@job
async def pass_all(groups: list[list[str]]) -> int:
    """Have a child for each group, and go on without those that somebody cancels."""
    passed = 0
    async for child in (await current_job().map(pass_gates, groups)).as_completed():
        with suppress(JobCancelledError):
            passed += await child
    return passed


@job
def divide(a: float, b: float) -> float:
    """Fail, where b is 0."""
    print(f"dividing {a} by {b}")  # noqa: T201
    return a / b


@job
async def counts_aloud(most: int) -> None:
    """Only print, ten times a second."""
    for number in range(most):
        print(f"number {number}")  # noqa: T201
        await anyio.sleep(0.1)


@job
async def survives(a: float) -> str:
    """Complete, though a child of a child fails."""
    with suppress(ZeroDivisionError):
        await current_job().run(divide, a, 0)
    return "all the same"


@job
async def knows_nothing(a: float) -> str:
    """Complete with a child that completes."""
    return await current_job().run(survives, a)
