"""A disk that is full for a while: refused is what was not accepted, and nothing else is lost."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobStatus, job
from parrot_async.errors import StoreFullError
from parrot_async.store import open_store
from tests.disks import small_disk
from tests.nemesis.checker import check
from tests.nemesis.history import mark, read
from tests.nemesis.service import service_at

LIMIT = 30


@job(io=1)
async def writes_much(file: str, data: bytes, seconds: float) -> bytes:
    mark(file)
    await anyio.sleep(seconds)
    return data


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes, where this user may mount one."""
    with small_disk(tmp_path / "disk", "4m") as folder:
        yield folder


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


async def submit_for_ever(client: JobClient, file: str, data: bytes) -> None:
    while True:
        await client.submit(writes_much, file, data, 0)


async def test_a_full_disk_costs_nothing_that_was_accepted(disk: Path, tmp_path: Path) -> None:
    file, data = str(tmp_path / "executions"), bytes(50_000)
    async with service_at(disk) as (scheduler, _), JobClient(scheduler.address) as client:
        with anyio.fail_after(LIMIT):
            handle = await client.submit(writes_much, file, data, 0.5)
            fill(disk / "filler")
            with pytest.raises(StoreFullError):
                await submit_for_ever(client, file, data)
            await anyio.sleep(1)
            with pytest.raises(StoreFullError):  # though the end of the first one waits before it
                await client.submit(writes_much, file, data, 0)
            meanwhile = handle.status
            (disk / "filler").unlink()
            assert await handle == data
            assert await client.run(writes_much, file, data, 0) == data
            roots = [row.id for row in await client.jobs()]
            for root_id in roots:
                assert await (await client.attach(root_id)).wait() is JobStatus.COMPLETED

    assert not meanwhile.terminal
    with closing(open_store(f"sqlite:///{disk / 'jobs.db'}")) as store:
        assert check(read(store, roots, roots, Path(file))) == []
