"""Big arguments lie in the result folder as long as their tree is kept, and are needed there."""

import os
import time
from pathlib import Path

import pytest

from parrot_async import current_job, job
from parrot_async.errors import ParrotError
from tests.integration.services import service_on

BIG = 2_000_000


@job
def measures(data: bytes, fails_without: str = "") -> int:
    if fails_without and not Path(fails_without).exists():
        raise ValueError("not yet")
    return len(data)


@job
async def has_a_child(size: int) -> int:
    return await current_job().run(measures, b"c" * size)


def files(home: Path) -> list[Path]:
    return sorted((home / "results").rglob("*.arguments.pickle"))


def stored(home: Path) -> int:
    return sum(path.stat().st_size for path in home.glob("jobs.db*"))


async def test_big_arguments_lie_beside_the_store_and_not_in_it(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        before = stored(tmp_path)

        assert await client.run(measures, os.urandom(BIG)) == BIG
        assert await client.run(has_a_child, BIG) == BIG

        assert len(files(tmp_path)) == 2
        assert stored(tmp_path) - before < BIG


async def test_a_job_runs_again_with_its_big_arguments_after_its_tree_is_gone(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    async with service_on(tmp_path) as client:
        handle = await client.submit(measures, os.urandom(BIG), str(there))
        with pytest.raises(ValueError, match="not yet"):
            await handle
        there.touch()

        again = await handle.retry()
        assert await again == BIG
        await client.gc(keep=1)
        third = await again.retry()

        assert await third == BIG
        assert len(files(tmp_path)) == 2  # the first went with its tree


async def test_a_sweep_leaves_the_arguments_of_trees_that_are_kept(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        handle = await client.submit(measures, os.urandom(BIG))
        await handle
        long_ago = time.time() - 10_000
        os.utime(files(tmp_path)[0], (long_ago, long_ago))

        await client.gc()
        left = len(files(tmp_path))
        again = await (await handle.retry())
        await client.gc(keep=0)

        assert (left, again, files(tmp_path)) == (1, BIG, [])


async def test_arguments_that_somebody_has_deleted_are_named(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        handle = await client.submit(measures, os.urandom(BIG))
        await handle
        files(tmp_path)[0].unlink()

        with pytest.raises(ParrotError, match=r"arguments\.pickle"):
            await handle.retry()
