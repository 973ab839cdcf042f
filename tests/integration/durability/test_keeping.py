"""What is kept: old trees go by a policy, and their files with them, and nothing else does."""

import os
import time
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, job, result_of
from parrot_async.errors import JobNotFoundError, OptionsError
from tests.integration.services import service_on
from tests.integration.traces import is_there

BIG = 200_000


@job
def makes(count: int) -> bytes:
    return b"x" * count


@job
def measures(data: bytes) -> int:
    return len(data)


@job
async def waits_for(folder: str, name: str) -> str:
    while not is_there(folder, name):  # noqa: ASYNC110 - of the test
        await anyio.sleep(0.01)
    return name


@job(cache=True)
def shares(count: int) -> bytes:
    return b"y" * count


def files(home: Path) -> list[Path]:
    return [path for path in (home / "results").rglob("*") if path.is_file()]


async def finished(client: JobClient, *sizes: int) -> list[str]:
    """Submit jobs and wait for each; returns their ids."""
    handles = [await client.submit(makes, size) for size in sizes]
    await client.gather(handles)
    return [handle.id for handle in handles]


async def known(client: JobClient, ids: list[str]) -> list[bool]:
    rows = {row.id for row in await client.jobs()}
    return [job_id in rows for job_id in ids]


async def test_what_ended_long_ago_goes_with_its_files(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        old = await finished(client, 1, BIG)
        assert len(files(tmp_path)) == 1
        between = time.time()
        young = await finished(client, BIG)

        pruned = await client.gc(time.time() - between)

        assert (pruned.trees, pruned.results, pruned.files) == (2, 2, 1)
        assert await known(client, [*old, *young]) == [False, False, True]
        assert len(files(tmp_path)) == 1
    async with service_on(tmp_path) as client:
        with pytest.raises(JobNotFoundError):
            await client.attach(old[0])
        assert len(await (await client.attach(young[0]))) == BIG


async def test_the_newest_are_kept_by_count(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        ids = [await finished(client, 1) for _ in range(5)]

        pruned = await client.gc(keep=2)

        assert pruned.trees == 3
        assert await known(client, [one for (one,) in ids]) == [False] * 3 + [True] * 2
        assert (await client.gc(keep=2)).trees == 0


async def test_the_oldest_go_until_the_store_is_small(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        await finished(client, *[60_000] * 300)

        some = await client.gc(size=12_000_000)
        left = len(await client.jobs(limit=1000))
        rest = await client.gc(size=0)

        assert 0 < some.trees < 300
        assert left == 300 - some.trees
        assert rest.trees == left


async def test_without_a_policy_nothing_that_is_known_goes(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        ids = await finished(client, 1, BIG)

        pruned = await client.gc()

        assert (pruned.trees, pruned.files) == (0, 0)
        assert await known(client, ids) == [True, True]


async def test_files_that_no_job_names_go_when_they_are_old(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        (job_id,) = await finished(client, BIG)
        (named,) = files(tmp_path)
        old, young = named.with_name("old.1.pickle"), named.with_name("young.1.pickle")
        for path in (old, young):
            path.touch()
        long_ago = time.time() - 7200
        for path in (old, named):
            os.utime(path, (long_ago, long_ago))

        pruned = await client.gc()

        assert pruned.files == 1
        assert sorted(files(tmp_path)) == sorted([named, young])
        assert len(await (await client.attach(job_id))) == BIG


async def test_a_file_that_two_jobs_share_goes_with_the_second(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        await client.run(shares, BIG)
        between = time.time()
        second = await client.submit(shares, BIG)
        await second
        assert len(files(tmp_path)) == 1

        first = await client.gc(time.time() - between)

        assert (first.trees, first.files) == (1, 0)
        assert len(await second) == BIG
        assert (await client.gc("0s")).files == 1
        assert files(tmp_path) == []


async def test_what_runs_keeps_what_it_needs(tmp_path: Path) -> None:
    async with service_on(tmp_path) as client:
        made = await client.submit(makes, BIG)
        await made
        gate = await client.submit(waits_for, str(tmp_path), "gate")
        fn = measures.options(depends_on=[gate])
        needs = await client.submit(fn, result_of(made))

        pruned = await client.gc("0s")
        (tmp_path / "gate").touch()

        assert pruned.trees == 0
        assert await needs == BIG


async def test_a_service_prunes_by_itself_what_is_past_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service_on(tmp_path) as client:
        ids = await finished(client, BIG)
    async with service_on(tmp_path) as client:
        await anyio.sleep(0.2)
        assert await known(client, ids) == [True]

    monkeypatch.setenv("PARROT_KEEP_FOR", "1ms")
    async with service_on(tmp_path) as client:
        with anyio.fail_after(5):
            while await known(client, ids) == [True] or files(tmp_path):  # noqa: ASYNC110
                await anyio.sleep(0.02)

    monkeypatch.setenv("PARROT_KEEP_FOR", "a while")
    with pytest.raises(OptionsError, match="a while"):
        async with service_on(tmp_path):
            pass
