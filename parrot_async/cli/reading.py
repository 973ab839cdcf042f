"""The commands that read jobs, and start no cluster: `jobs`, `status`, `results`, `logs`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from parrot_async.cli import clusters
from parrot_async.cli.completing import job_id
from parrot_async.cli.job_source import JobSource, Location, find_job, location_options, open_source
from parrot_async.cli.printing import (
    as_json,
    clock,
    document,
    jsonable,
    lines_of,
    node_document,
    row_line,
)
from parrot_async.cli.running import FAILED, run

if TYPE_CHECKING:
    from parrot_async.model.models import JobNode, LogLine

# The names of `models.JobStatus`, which takes too long to import for `--help`.
STATUSES = (
    "planning", "queued", "running", "waiting_for_children", "paused", "completed", "failed",
    "cancelled",
)  # fmt: skip


@click.command()
@click.option("--status", type=click.Choice(STATUSES), help="Only jobs in this state.")
@click.option("--queue", metavar="QUEUE", help="Only jobs of this queue.")
@click.option("--function", metavar="MODULE:NAME", help="Only jobs of this function.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@location_options
@as_json
def jobs(location: Location, json: bool, **filters: Any) -> None:
    """List the newest jobs: id, time of submission, state, cost, title.

    It reads the job store, whether a cluster runs or not. "interrupted" is a job that has not
    ended and that nothing runs any more: `parrot-async recover` resumes it.
    """
    run(lambda: _jobs(location, json, filters))


async def _jobs(location: Location, json: bool, filters: dict[str, Any]) -> None:
    async with open_source(location) as source:
        rows = await source.jobs(**filters)
        interrupted = await source.interrupted()
    if json:
        document([{**row.plain(), "interrupted": row.id in interrupted} for row in rows])
    else:
        click.echo("\n".join(row_line(row, row.id in interrupted) for row in rows) or "No jobs.")


@click.command()
@click.argument("job", metavar="[ID]", required=False, shell_complete=job_id)
@click.option("--once", is_flag=True, help="Show a job's tree as it is now, and do not wait.")
@location_options
@as_json
def status(location: Location, job: str | None, once: bool, json: bool) -> None:
    """Show a job's tree, live until it ends; without ID, your clusters on this machine.

    The tree is live on a terminal; Ctrl-C leaves it, and the job goes on. Elsewhere, with --once
    and with --json, it is shown once. Without ID, --cluster tells whether a service answers there.
    """
    if job is None:
        run(lambda: clusters.show(location, json))
    else:
        run(lambda: _status(location, job, once, json))


async def _status(location: Location, text: str, once: bool, json: bool) -> None:
    from parrot_async.report import text as tree_text

    async with open_source(location) as source:
        job_id = await find_job(source, text)
        if not (once or json) and sys.stdout.isatty():
            await _watch(source, job_id)
            return
        tree = await source.tree(job_id)
    if json:
        document(node_document(tree, tree[job_id]))
    else:
        click.echo(tree_text(tree, job_id))


async def _watch(source: JobSource, job_id: str) -> None:
    from parrot_async.cli.watching import watch_events
    from parrot_async.model.models import root_of

    tree = await watch_events(source.follow(job_id))
    if root_of(job_id) in await source.interrupted():
        click.echo("Nothing runs it any more: `parrot-async recover` resumes it.")
    elif tree[job_id].error is not None:
        sys.exit(FAILED)


@click.command()
@click.argument("job", metavar="ID", shell_complete=job_id)
@click.option("--report", is_flag=True, help="Print the whole tree's report, in Markdown.")
@location_options
@as_json
def results(location: Location, job: str, report: bool, json: bool) -> None:
    """Print a job's result, or its error; the exit status is 1 where there is no result.

    With --json, what JSON has no form for is the text of its `repr`.
    """
    sys.exit(run(lambda: _results(location, job, report, json)))


async def _results(location: Location, text: str, report: bool, json: bool) -> int:
    from parrot_async.report import markdown

    async with open_source(location) as source:
        job_id = await find_job(source, text)
        tree = await source.tree(job_id)
        if report:
            click.echo(markdown(tree, job_id))
            return 0
        value, error = await _value(source, job_id)
    node = tree[job_id]
    if json:
        said = {"id": job_id, "title": node.title, "status": node.status}
        document({**said, "result": jsonable(value), "error": node.error or _plain(error)})
    else:
        click.echo(_shown(value, error, node), err=error is not None)
    return FAILED if error is not None else 0


async def _value(source: JobSource, job_id: str) -> tuple[Any, Exception | None]:
    try:
        return await source.result(job_id), None
    except Exception as exc:  # noqa: BLE001 - a job's body raises what it likes
        return None, exc


def _plain(error: Exception | None) -> dict[str, str] | None:
    return None if error is None else {"type_name": type(error).__name__, "message": str(error)}


def _shown(value: Any, error: Exception | None, node: "JobNode") -> str:
    from pprint import pformat

    from parrot_async.report.wording import plain

    if error is None:
        return plain(value if isinstance(value, str) else pformat(value, width=100))
    if node.error is not None:
        return plain(node.error.traceback or node.error.message)
    return f"parrot-async: {error}"


@click.command()
@click.argument("job", metavar="ID", shell_complete=job_id)
@click.option("--follow", "-f", is_flag=True, help="Go on printing until the job has ended.")
@location_options
@as_json
def logs(location: Location, job: str, follow: bool, json: bool) -> None:
    """Print what a job and all below it printed, logged and warned: the last 200 lines of each."""
    run(lambda: _logs(location, job, follow, json))


async def _logs(location: Location, text: str, follow: bool, json: bool) -> None:
    async with open_source(location) as source:
        job_id = await find_job(source, text)
        if follow and not json:
            await _follow(source, job_id)
            return
        tree = await source.tree(job_id)
    written = lines_of(tree, job_id)
    if json:
        document([{"job": n.id, "at": w.at, "level": w.level, "text": w.text} for n, w in written])
    else:
        for node, line in written:
            click.echo(_log_line(node, line))


async def _follow(source: JobSource, job_id: str) -> None:
    from parrot_async.model.events import Logged
    from parrot_async.model.tree import JobTree

    tree = JobTree()
    async for event in source.follow(job_id):
        tree.apply(event)
        if isinstance(event, Logged) and f"{event.id}.".startswith(f"{job_id}."):
            for line in event.lines:
                click.echo(_log_line(tree[event.id], line))


def _log_line(node: "JobNode", written: "LogLine") -> str:
    from parrot_async.report.wording import line

    at = clock(written.at, "%H:%M:%S")
    return f"{at}  {written.level:<7}  {line(node.title, 30)}: {line(written.text, 2000)}"


COMMANDS = (jobs, status, results, logs)
