"""The commands for the clusters of this machine: `up`, `down`, and `status` without a job."""

from typing import TYPE_CHECKING

import click

from parrot_async.cli.job_source import Location, open_source
from parrot_async.cli.printing import document, row_line
from parrot_async.cli.running import given, run

if TYPE_CHECKING:
    from parrot_async.cluster import ClusterStatus

SHOWN_JOBS = 10
"""Jobs that `status` lists, the newest."""
_name = click.option("--name", metavar="NAME", help="A local cluster's name.  [default: default]")


_store = click.option("--store", metavar="URL", help="That of this job store."
                      "  [env: PARROT_STORE; default: a file of its own]")  # fmt: skip


@click.command()
@click.option("--cpu", type=click.IntRange(0), help="Workers of one job each.  [default: cores]")
@click.option("--gpu", type=click.IntRange(0), help="Workers of a device each.  [default: devices]")
@click.option("--io", type=click.IntRange(0), help="Jobs that wait at once.  [default: 512]")
@_name
@_store
def up(name: str | None, store: str | None, **pools: int | None) -> None:
    """Start your cluster on this machine, unless it runs; it ends by itself when idle."""
    run(lambda: _up(name, store, given(pools)))


@click.command()
@click.option("--all", "everything", is_flag=True,
              help="Stop those of other environments, versions and stores as well.")  # fmt: skip
@click.option("--database", is_flag=True, help="Stop the embedded PostgreSQL as well.")
@_name
@_store
def down(name: str | None, store: str | None, everything: bool, database: bool) -> None:
    """Stop your cluster on this machine; `recover` resumes what it was running."""
    run(lambda: _down(name, store, everything, database))


async def _up(name: str | None, store: str | None, counts: dict[str, int]) -> None:
    from parrot_async.cluster import Pools, ensure

    pools = Pools.found().model_copy(update=counts) if counts else None
    cluster = await ensure(name, pools, store=store)
    done = "Started" if cluster.started_by_us else "Already running, left as it is"
    has = cluster.pools
    click.echo(f"{done}: {has.cpu} cpu and {has.gpu} gpu workers, {has.io} io slots")
    click.echo(f"Scheduler {cluster.address}, process {cluster.pid}, log {cluster.log_file}")


async def _down(name: str | None, store: str | None, everything: bool, database: bool) -> None:
    from parrot_async import cluster

    if everything:
        count = await cluster.down_all(name)
        click.echo(f"Stopped: {count}." if count else "No cluster of yours ran here.")
    else:
        stopped = await cluster.down(name, store=store)
        click.echo("Stopped." if stopped else "No cluster of yours ran here.")
        if others := [one for one in await cluster.running(name, store=store) if not one.own]:
            click.echo(f"{_others(others)}: `parrot-async down --all` stops them too.")
    if database:
        await _stop_database()


def _others(others: "list[ClusterStatus]") -> str:
    processes = ", ".join(str(one.record.pid) for one in others)
    return f"Still running, of other environments, versions or stores: process {processes}"


async def _stop_database() -> None:
    from anyio import to_thread

    from parrot_async.ingest.vectors.server import stop_server

    stopped = await to_thread.run_sync(stop_server)
    click.echo("PostgreSQL stopped." if stopped else "PostgreSQL did not run.")


async def show(location: Location, json: bool) -> None:
    """Show the clusters of a location, and its latest jobs."""
    from parrot_async.cluster import running

    if location.cluster is not None:
        await _show_far(location, location.cluster, json)
        return
    found = await running(location.name, store=location.store)
    if json:
        document([one.model_dump() for one in found])
        return
    for one in found:
        click.echo(_described(one))
    if not any(one.own for one in found):
        click.echo(_none_runs(location.name))
    for line in await _latest_jobs(location):
        click.echo(line)


async def _show_far(location: Location, address: str, json: bool) -> None:
    """Show a cluster that was named by its address.

    Raises ClusterError, which names the clusters that run here, if there is none.
    """
    from parrot_async.errors import ClusterError

    try:
        async with open_source(location) as source:
            rows = await source.jobs(limit=SHOWN_JOBS)
    except ClusterError as exc:
        raise ClusterError(f"{exc}\n{_running_here()}") from exc
    if json:
        document([{"address": address}])
        return
    lines = [f"  {row_line(row, interrupted=False)}" for row in rows]
    shown = ["Latest jobs:", *lines] if lines else ["No jobs yet."]
    click.echo("\n".join([f"A job service answers at {address}.", *shown]))


def _none_runs(name: str | None) -> str:
    """Return a sentence: no cluster of this name runs, and which do."""
    which = f" under the name {name}" if name else ""
    start = f"`parrot-async up{f' --name {name}' if name else ''}`"
    said = f"No cluster of yours runs here{which}; the next job, or {start}, starts one."
    return f"{said} {_running_here()}" if _names() else said


def _running_here() -> str:
    """Return a sentence with the options that name the clusters of this machine."""
    options = ", ".join(f"`--name {name}`" for name in _names())
    return f"Your clusters on this machine: {options or 'none runs'}."


def _names() -> list[str]:
    from parrot_async.cluster.folder import Folder

    return Folder.names()


def _described(found: "ClusterStatus") -> str:
    record = found.record
    since = record.started.astimezone().strftime("%Y-%m-%d %H:%M")
    workers = ", ".join(f"{count} {pool}" for pool, count in found.workers.items() if count)
    whose = "" if found.own else f", of another environment, version or store ({record.version})"
    return "\n".join(
        [
            f"Running since {since}{whose}: workers {workers or 'starting'}",
            f"Scheduler {record.address}, process {record.pid}, log {found.log_file}",
            f"It ends by itself after {record.idle_timeout / 60:g} minutes without anything to do.",
        ]
    )


async def _latest_jobs(location: Location) -> list[str]:
    from parrot_async.errors import StoreError

    try:
        async with open_source(location) as source:
            rows = await source.jobs(limit=SHOWN_JOBS)
            interrupted = await source.interrupted()
    except StoreError as exc:
        return [f"No jobs: {exc}."]
    lines = [f"  {row_line(row, row.id in interrupted)}" for row in rows]
    hint = ["`parrot-async recover` resumes what was interrupted."] if interrupted else []
    return ["Latest jobs:", *lines, *hint] if lines else ["No jobs yet."]


COMMANDS = (up, down)
