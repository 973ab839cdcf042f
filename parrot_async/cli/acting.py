"""The commands that act on jobs, at every cluster of yours that runs: `cancel`, `pause`, ..."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import click

from parrot_async.cli.completing import job_id
from parrot_async.cli.running import run
from parrot_async.cli.source import Place, at_a_place, found, opened

if TYPE_CHECKING:
    from parrot_async.client.client import JobClient

_jobs = click.argument("jobs", nargs=-1, metavar="ID...", shell_complete=job_id)
_queue = click.option("--queue", metavar="QUEUE", help="Instead of jobs: all of this queue.")
_all = click.option("--all", "everything", is_flag=True, help="Instead of jobs: every queue.")


@click.command()
@click.argument("jobs", nargs=-1, required=True, metavar="ID...", shell_complete=job_id)
@at_a_place
def cancel(place: Place, jobs: Sequence[str]) -> None:
    """Stop jobs and all below them; what has ended stays as it is."""
    run(lambda: _cancel(place, jobs))


@click.command()
@_jobs
@_queue
@_all
@at_a_place
def pause(place: Place, jobs: Sequence[str], queue: str | None, everything: bool) -> None:
    """Hold jobs and all below them, or queues; `resume` lets them go on.

    What has not started does not; what runs holds at its next step. A queue stays paused, also for
    jobs to come.
    """
    _check(jobs, queue, everything)
    run(lambda: _hold(place, jobs, queue, holds=True))


@click.command()
@_jobs
@_queue
@_all
@at_a_place
def resume(place: Place, jobs: Sequence[str], queue: str | None, everything: bool) -> None:
    """Let jobs and all below them, or queues, go on after `pause`."""
    _check(jobs, queue, everything)
    run(lambda: _hold(place, jobs, queue, holds=False))


def _check(jobs: Sequence[str], queue: str | None, everything: bool) -> None:
    if sum([bool(jobs), queue is not None, everything]) != 1:
        raise click.UsageError("Say which: ID..., --queue QUEUE or --all.")


async def _cancel(place: Place, texts: Sequence[str]) -> None:
    ids = await _under_way(place, texts)
    async for client in _services(place):
        await client.cancel(ids)
    _say("Cancelled", ids)


async def _hold(place: Place, texts: Sequence[str], queue: str | None, *, holds: bool) -> None:
    ids = await _under_way(place, texts) if texts else None
    async for client in _services(place):
        act = client.pause if holds else client.resume
        await act(ids, queue=queue)
    whole = [f"the queue {queue}" if queue else "every queue"]
    _say("Paused" if holds else "Resumed", whole if ids is None else ids)


def _say(done: str, what: Sequence[str]) -> None:
    for one in what:
        click.echo(f"{done} {one}")


async def _under_way(place: Place, texts: Sequence[str]) -> list[str]:
    """Find jobs, and say which have ended already."""
    ids: list[str] = []
    async with opened(place) as source:
        for text in texts:
            one = await found(source, text)
            status = (await source.tree(one))[one].status
            if status.terminal:
                click.echo(f"{one} has ended: {status}", err=True)
            else:
                ids.append(one)
    return ids


async def _services(place: Place) -> "AsyncIterator[JobClient]":
    """Connect to the cluster that was named, or to each that runs here, whatever its version."""
    from parrot_async.client.client import JobClient
    from parrot_async.cluster import running
    from parrot_async.errors import ClusterError

    if place.cluster is not None:
        async with JobClient(place.cluster) as client:
            yield client
        return
    clusters = await running(place.name, store=place.store)
    if not clusters:
        raise ClusterError(
            "no cluster of yours runs here, so that nothing runs: `parrot-async recover` resumes"
            " what was interrupted, `--cluster ADDRESS` names another cluster"
        )
    for one in clusters:
        async with JobClient(one.record.address, security=one.security()) as client:
            yield client


COMMANDS = (cancel, pause, resume)
