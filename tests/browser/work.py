"""The jobs that the tests watch; the text of this file is a cell of their notebooks."""

import asyncio
from pathlib import Path

from parrot_async import current_job, job


@job
async def pass_gates(gates: list[Path]) -> int:
    """Take one step more whenever the file appears that the step waits for."""
    async for gate in current_job().track(gates, "waiting"):
        while not gate.exists():
            await asyncio.sleep(0.02)
    return len(gates)


@job
async def pass_all(groups: list[list[Path]]) -> int:
    """Have a child for each group."""
    passed = await (await current_job().map(pass_gates, groups)).results()
    return sum(passed)


@job
def divide(a: float, b: float) -> float:
    """Fail, where b is 0."""
    print(f"dividing {a} by {b}")
    return a / b
