"""Jobs are read from a store or from a service, alike, and found by a part of their id."""

from pathlib import Path

import anyio
import click
import pytest
from click.testing import CliRunner

from parrot_async import job
from parrot_async.cli.job_source import (
    JobSource,
    Location,
    ServiceJobSource,
    find_job,
    location_options,
    open_source,
)
from parrot_async.errors import JobNotFoundError, NotEndedError, StoreError
from parrot_async.model.events import Completed, Submitted
from parrot_async.model.models import JobStatus
from parrot_async.testing import EagerClient
from tests.unit.stores import BODY, row, write
from tests.unit.stories import completed, started, submitted


@job
def double(number: int) -> int:
    return 2 * number


@click.command()
@location_options
def show(location: Location) -> None:
    click.echo(location)


@pytest.mark.parametrize(
    ("args", "environment", "location"),
    [
        ((), {}, Location()),
        (("--name", "mine"), {}, Location(name="mine")),
        ((), {"PARROT_CLUSTER": "tcp://a:1"}, Location(cluster="tcp://a:1")),
        (
            ("--store", "sqlite:///a.db"),
            {"PARROT_CLUSTER": "tcp://a:1"},
            Location(store="sqlite:///a.db"),
        ),
    ],
)
def test_a_store_that_is_named_counts_more_than_a_cluster_of_the_environment(
    args: tuple[str, ...], environment: dict[str, str], location: Location
) -> None:
    result = CliRunner().invoke(show, args, env=environment)

    assert result.output == f"{location}\n"


async def test_a_store_is_read_without_a_cluster(url: str) -> None:
    async with open_source(Location(store=url)) as source:
        rows = await source.jobs(status="completed")
        tree = await source.tree("sums")
        value = await source.result("sums.0")
        interrupted = await source.interrupted()

    assert [found.id for found in rows] == ["sums"]
    assert tree["sums.1"].status is JobStatus.COMPLETED
    assert value == 3
    assert interrupted == {"lost"}


async def test_there_is_no_store_where_nobody_made_one(home: Path) -> None:
    with pytest.raises(StoreError):
        async with open_source(Location()):
            pass


async def test_a_job_is_found_by_a_part_of_its_id_that_no_other_has(url: str) -> None:
    async with open_source(Location(store=url)) as source:
        found = [await find_job(source, text) for text in ("sums", "su", "ms.1", "bro")]

    assert found == ["sums", "sums", "sums.1", "broken"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("x", "no job x is known here"), ("o", "o may be 2 jobs: o"), ("", "may be 5 jobs")],
)
async def test_a_part_of_an_id_that_says_too_little_is_an_error(
    url: str, text: str, message: str
) -> None:
    for job_id in ("one", "other"):
        write(url, submitted(job_id), values={}, row=row(job_id))

    async with open_source(Location(store=url)) as source:
        with pytest.raises(JobNotFoundError, match=message):
            await find_job(source, text)


async def test_an_id_that_is_the_beginning_of_another_is_found(url: str) -> None:
    write(url, submitted("sums2"), values={}, row=row("sums2"))

    async with open_source(Location(store=url)) as source:
        assert await find_job(source, "sums.0") == "sums.0"


async def test_a_job_is_followed_until_it_has_ended(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.cli.job_source.POLL", 0.01)
    write(url, submitted("new", spec=BODY), started("new"), values={})
    seen: list[object] = []

    async with open_source(Location(store=url)) as source:
        with anyio.fail_after(20):
            async for event in source.follow("new"):
                seen.append(type(event))
                if len(seen) == 2:
                    write(url, completed("new"), values={})

    assert seen[0] is Submitted
    assert seen[-1] is Completed
    assert len(seen) == 3


async def test_a_job_that_nothing_runs_is_followed_to_its_last_event(url: str) -> None:
    async with open_source(Location(store=url)) as source:
        with anyio.fail_after(20):
            events = [event async for event in source.follow("lost")]

    assert len(events) == 2


async def test_a_service_is_read_as_a_store_is() -> None:
    async with EagerClient() as client:
        source: JobSource = ServiceJobSource(client)
        handle = await client.submit(double, 21)
        with anyio.fail_after(20):
            events = [event async for event in source.follow(handle.id)]
        rows = await source.jobs(limit=5)
        tree = await source.tree(handle.id)

        assert isinstance(events[-1], Completed)
        assert [found.id for found in rows] == [handle.id]
        assert tree[handle.id].status is JobStatus.COMPLETED
        assert await source.result(handle.id) == 42
        assert await source.interrupted() == set()


async def test_a_job_that_a_service_still_runs_has_no_result() -> None:
    @job
    async def endless() -> None:
        await anyio.sleep(1000)

    async with EagerClient() as client:
        handle = await client.submit(endless)

        with pytest.raises(NotEndedError, match="has no result yet"):
            await ServiceJobSource(client).result(handle.id)
