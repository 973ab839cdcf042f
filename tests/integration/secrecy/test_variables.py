"""Variables that a notebook hands to its cluster: jobs have them, and nothing that is kept has."""

import os
from pathlib import Path

import pytest

from parrot_async import JobClient, Pools, job
from parrot_async.cluster import down, status
from parrot_async.errors import ClusterError

SMALL = Pools(cpu=1, gpu=0, io=4)


@job
def says(name: str) -> str:
    value = os.environ[name]
    print("it is", value)  # noqa: T201  what is printed is kept
    return value[::-1]


@job
async def says_in_a_loop(name: str) -> str:
    raise ValueError(f"{os.environ[name]} is wrong")


def contents_below(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


async def test_jobs_have_the_variables_and_nothing_that_is_kept_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = "zz71-Plover-4410"
    monkeypatch.setenv("MY_SITE", value)
    async with JobClient(name="handed", pools=SMALL, env=["MY_SITE"]) as client:
        monkeypatch.delenv("MY_SITE")

        handle = await client.submit(says, "MY_SITE")
        found = await handle
        failed = await client.submit(says_in_a_loop, "MY_SITE")
        with pytest.raises(ValueError, match=r"\*\*\* is wrong"):
            await failed

        running = await status("handed")
        assert running is not None
        files = contents_below(running.log_file.parent.parent)
        assert found == value[::-1]
        assert files
        assert not any(value.encode() in data for data in files)
    await down("handed")


async def test_a_cluster_with_other_values_is_not_joined_until_it_is_down() -> None:
    async with JobClient(name="torn", pools=SMALL, env={"MY_SITE": "one-of-these"}) as client:
        assert await client.run(says, "MY_SITE") == "eseht-fo-eno"

    with pytest.raises(ClusterError, match="other values of, MY_SITE"):
        await JobClient(name="torn", env={"MY_SITE": "another-one"})
    await down("torn")

    async with JobClient(name="torn", pools=SMALL, env={"MY_SITE": "another-one"}) as client:
        assert await client.run(says, "MY_SITE") == "eno-rehtona"
    await down("torn")
