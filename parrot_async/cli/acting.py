"""The commands that act on jobs: `cancel`, `pause`, `resume`, `retry`, `recover`, `gc`.

The first three ask every cluster of yours that runs; the others start your cluster if need be.
"""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import click

from parrot_async.cli.completing import job_id
from parrot_async.cli.job_source import Location, find_job, location_options, open_source
from parrot_async.cli.running import run

if TYPE_CHECKING:
    from parrot_async.client.client import JobClient

_jobs = click.argument("jobs", nargs=-1, metavar="ID...", shell_complete=job_id)
_queue = click.option("--queue", metavar="QUEUE", help="Instead of jobs: all of this queue.")
_all = click.option("--all", "everything", is_flag=True, help="Instead of jobs: every queue.")


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...", shell_complete=job_id)
@location_options
def cancel(location: Location, jobs: Sequence[str]) -> None:
    """Stop jobs and all below them; what has ended stays as it is."""
    run(lambda: _cancel(location, jobs))


@click.command()
@_jobs
@_queue
@_all
@location_options
def pause(location: Location, jobs: Sequence[str], queue: str | None, everything: bool) -> None:
    """Hold jobs and all below them, or queues; `resume` lets them go on.

    What has not started does not; what runs holds at its next step. A queue stays paused, also for
    jobs to come.
    """
    _check(jobs, queue, everything)
    run(lambda: _hold(location, jobs, queue, holds=True))


@click.command()
@_jobs
@_queue
@_all
@location_options
def resume(location: Location, jobs: Sequence[str], queue: str | None, everything: bool) -> None:
    """Let jobs and all below them, or queues, go on after `pause`."""
    _check(jobs, queue, everything)
    run(lambda: _hold(location, jobs, queue, holds=False))


@click.command()
@click.argument("job", metavar="ID", shell_complete=job_id)
@click.option("--failed-only", is_flag=True, help="Take the results of what had completed.")
@location_options
def retry(location: Location, job: str, failed_only: bool) -> None:
    """Run a job that has ended again, as a new job; prints the id of that."""
    run(lambda: _retry(location, job, failed_only))


@click.command()
@click.argument("jobs", nargs=-1, metavar="[ID...]", shell_complete=job_id)
@click.option("--accept-changes", is_flag=True, help="Run functions that were edited meanwhile.")
@location_options
def recover(location: Location, jobs: Sequence[str], accept_changes: bool) -> None:
    """Resume all jobs that a crash interrupted, or those that are named.

    What had completed gives its stored result, and only the rest runs again.
    """
    run(lambda: _recover(location, jobs, accept_changes))


@click.command()
@click.option("--older-than", metavar="TIME", help="Those that ended so long ago, such as 30d.")
@click.option("--keep", type=click.IntRange(0), help="All but so many, the last that ended.")
@click.option("--size", type=click.IntRange(0), help="The oldest, until the store is so small.")
@location_options
def gc(location: Location, older_than: str | None, keep: int | None, size: int | None) -> None:
    """Delete jobs that have ended, with all below them and their results.

    Without options, only what is left over of jobs that were deleted before.
    """
    run(lambda: _gc(location, older_than, keep, size))


def _check(jobs: Sequence[str], queue: str | None, everything: bool) -> None:
    if sum([bool(jobs), queue is not None, everything]) != 1:
        raise click.UsageError("Say which: ID..., --queue QUEUE or --all.")


async def _cancel(location: Location, texts: Sequence[str]) -> None:
    ids = await _unfinished(location, texts)
    async for client in _clients(location):
        await client.cancel(ids)
    _report("Cancelled", ids)


async def _hold(
    location: Location, texts: Sequence[str], queue: str | None, *, holds: bool
) -> None:
    ids = await _unfinished(location, texts) if texts else None
    async for client in _clients(location):
        act = client.pause if holds else client.resume
        await act(ids, queue=queue)
    whole = [f"the queue {queue}" if queue else "every queue"]
    _report("Paused" if holds else "Resumed", whole if ids is None else ids)


def _report(done: str, what: Sequence[str]) -> None:
    for one in what:
        click.echo(f"{done} {one}")


async def _unfinished(location: Location, texts: Sequence[str]) -> list[str]:
    """Return the jobs that have not ended; print which have."""
    ids: list[str] = []
    async with open_source(location) as source:
        for text in texts:
            one = await find_job(source, text)
            status = (await source.tree(one))[one].status
            if status.terminal:
                click.echo(f"{one} has ended: {status}", err=True)
            else:
                ids.append(one)
    return ids


async def _clients(location: Location) -> "AsyncIterator[JobClient]":
    """Connect to the cluster that was named, or to each that runs here, whatever its version.

    Raises ClusterError if none runs.
    """
    from parrot_async.client.client import JobClient
    from parrot_async.cluster import running
    from parrot_async.errors import ClusterError

    if location.cluster is not None:
        async with JobClient(location.cluster) as client:
            yield client
        return
    clusters = await running(location.name, store=location.store)
    if not clusters:
        raise ClusterError(
            "no cluster of yours runs here, so that nothing runs: `parrot-async recover` resumes"
            " what was interrupted, `--cluster ADDRESS` names another cluster"
        )
    for one in clusters:
        async with JobClient(one.record.address, security=one.security()) as client:
            yield client


def _client(location: Location) -> "JobClient":
    from parrot_async.client.client import JobClient

    return JobClient(location.cluster, name=location.name, store=location.store)


async def _retry(location: Location, text: str, failed_only: bool) -> None:
    async with open_source(location) as source:
        job = await find_job(source, text)
    async with _client(location) as client:
        handle = await (await client.attach(job)).retry(failed_only)
        click.echo(handle.id)


async def _recover(location: Location, texts: Sequence[str], accept_changes: bool) -> None:
    async with open_source(location) as source:
        ids = [await find_job(source, text) for text in texts]
    async with _client(location) as client:
        handles = await client.recover(ids, changed="accept" if accept_changes else "error")
        for handle in handles:
            click.echo(f"Resumed {handle.id}")
    if not handles:
        click.echo("Nothing was interrupted.")


async def _gc(
    location: Location, older_than: str | None, keep: int | None, size: int | None
) -> None:
    async with _client(location) as client:
        pruned = await client.gc(older_than, keep=keep, size=size)
    click.echo(
        f"Deleted {pruned.trees:,} jobs, {pruned.results:,} results, {pruned.files:,} files."
    )


COMMANDS = (cancel, pause, resume, retry, recover, gc)
