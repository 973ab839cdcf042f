"""The commands that need your cluster, and start it where it does not run: `retry`, ..."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from parrot_async.cli.completing import job_id
from parrot_async.cli.running import run
from parrot_async.cli.source import Place, at_a_place, found, opened

if TYPE_CHECKING:
    from parrot_async.client.client import JobClient


@click.command()
@click.argument("job", metavar="ID", shell_complete=job_id)
@click.option("--failed-only", is_flag=True, help="Take the results of what had completed.")
@at_a_place
def retry(place: Place, job: str, failed_only: bool) -> None:
    """Run a job that has ended again, as a new job; prints the id of that."""
    run(lambda: _retry(place, job, failed_only))


@click.command()
@click.argument("jobs", nargs=-1, metavar="[ID...]", shell_complete=job_id)
@click.option("--accept-changes", is_flag=True, help="Run functions that were edited meanwhile.")
@at_a_place
def recover(place: Place, jobs: Sequence[str], accept_changes: bool) -> None:
    """Resume all jobs that a crash interrupted, or those that are named.

    What had completed gives its stored result, and only the rest runs again.
    """
    run(lambda: _recover(place, jobs, accept_changes))


@click.command()
@click.option("--older-than", metavar="TIME", help="Those that ended so long ago, such as 30d.")
@click.option("--keep", type=click.IntRange(0), help="All but so many, the last that ended.")
@click.option("--size", type=click.IntRange(0), help="The oldest, until the store is so small.")
@at_a_place
def gc(place: Place, older_than: str | None, keep: int | None, size: int | None) -> None:
    """Delete jobs that have ended, with all below them and their results.

    Without options, only what is left over of jobs that were deleted before.
    """
    run(lambda: _gc(place, older_than, keep, size))


def _client(place: Place) -> "JobClient":
    from parrot_async.client.client import JobClient

    return JobClient(place.cluster, name=place.name, store=place.store)


async def _retry(place: Place, text: str, failed_only: bool) -> None:
    async with opened(place) as source:
        job = await found(source, text)
    async with _client(place) as client:
        handle = await (await client.attach(job)).retry(failed_only)
        click.echo(handle.id)


async def _recover(place: Place, texts: Sequence[str], accept_changes: bool) -> None:
    async with opened(place) as source:
        ids = [await found(source, text) for text in texts]
    async with _client(place) as client:
        handles = await client.recover(ids, changed="accept" if accept_changes else "error")
        for handle in handles:
            click.echo(f"Resumed {handle.id}")
    if not handles:
        click.echo("Nothing was interrupted.")


async def _gc(place: Place, older_than: str | None, keep: int | None, size: int | None) -> None:
    async with _client(place) as client:
        pruned = await client.gc(older_than, keep=keep, size=size)
    click.echo(
        f"Deleted {pruned.trees:,} jobs, {pruned.results:,} results, {pruned.files:,} files."
    )


COMMANDS = (retry, recover, gc)
