"""The command `parrot-async`: ingest documents, search them, and see to the local cluster."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from parrot_async.errors import JobError, ParrotError

if TYPE_CHECKING:
    from parrot_async.cluster import ClusterStatus
    from parrot_async.ingest import Hit

T = TypeVar("T")

# Torch and Dask take seconds to import, so each command imports what it needs.
BACKENDS = ("auto", "openvino", "torch", "torch-fp32")
FAILED, INTERRUPTED = 1, 130
SNIPPET = 300
"""Characters of a passage that a search shows."""
SHOWN_JOBS = 10

_common = (
    click.option("--dsn", envvar="PARROT_DSN", metavar="DSN", help="A PostgreSQL with pgvector 0.8."
                 "  [env: PARROT_DSN; default: an embedded server of your own]"),
    click.option("--collection", default="default", show_default=True, help="Its name."),
    click.option("--model", metavar="MODEL",
                 help="A sentence-transformers model: a name of the hub, or a folder."
                 "  [default: all-MiniLM-L6-v2, which needs no network]"),
    click.option("--backend", type=click.Choice(BACKENDS), default="auto", show_default=True,
                 help="What computes the vectors; auto takes the fastest that is exact enough."),
)  # fmt: skip


def _on_collection(command: Callable[..., T]) -> Callable[..., T]:
    """Options of all commands that use a collection."""
    for option in reversed(_common):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="parrot-async")
def cli() -> None:
    """Jobs that outlive the notebook, and what they are good for: documents you can ask.

    Exit status: 0 when all went well, 1 after a failure, 130 after Ctrl-C.
    """


@cli.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_on_collection
@click.option(
    "--strict/--no-strict",
    default=False,
    show_default=True,
    help="Whether a document that cannot be stored makes the command fail, at the end.",
)
@click.option(
    "--prune/--keep",
    default=True,
    show_default=True,
    help="Whether what is stored of files that are gone from PATH is removed.",
)
@click.option(
    "--prune-empty",
    is_flag=True,
    help="Remove also what is stored of a PATH that has no file left at all.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out files and folders by name or path; may be given again.",
)
@click.option("--cluster", metavar="ADDRESS", envvar="PARROT_CLUSTER",
              help="Address of a Dask scheduler, such as tcp://host:8786."
              "  [default: your own cluster on this machine, started if need be]")  # fmt: skip
def ingest(paths: Sequence[str], cluster: str | None, **options: Any) -> None:
    """Load, chunk, embed and store documents, so that `search` finds them.

    PATH is a file, a folder or a glob of PDF, DOCX, HTML, Markdown and plain text. Run it again
    whenever you like: what did not change is not embedded again, what is gone is removed, and
    after a crash it goes on where it was. A file that cannot be read is named at the end and
    stops nothing else. Ctrl-C cancels.
    """
    sys.exit(_run(lambda: _ingest(paths, cluster, _given(options))))


@cli.command()
@click.argument("question")
@_on_collection
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many passages."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")  # fmt: skip
def search(question: str, as_json: bool, **options: Any) -> None:
    """Find the passages that answer QUESTION, best first, each with its source."""
    hits = _run(lambda: _search(question, _given(options)))
    if as_json:
        click.echo(json.dumps([_plain(hit) for hit in hits], ensure_ascii=False, indent=2))
    else:
        click.echo("\n\n".join(map(_shown, range(1, len(hits) + 1), hits)) or "Nothing is stored.")


@cli.command()
@click.option("--cpu", type=click.IntRange(0), help="Workers of one job each.  [default: cores]")
@click.option("--gpu", type=click.IntRange(0), help="Workers of a device each.  [default: devices]")
@click.option("--io", type=click.IntRange(0), help="Jobs that wait at once.  [default: 512]")
def up(**pools: int | None) -> None:
    """Start your cluster on this machine, unless it runs; it ends by itself when idle."""
    _run(lambda: _up({name: count for name, count in pools.items() if count is not None}))


@cli.command()
def status() -> None:
    """Show your cluster on this machine and its latest jobs."""
    _run(_status)


@cli.command()
@click.option("--database", is_flag=True, help="Stop the embedded PostgreSQL as well.")
def down(database: bool) -> None:
    """Stop your cluster on this machine; what it was running is lost, what is stored stays."""
    _run(lambda: _down(database))


def main() -> None:
    """Run the command."""
    cli(prog_name="parrot-async")


# Errors are sentences.


def _run(work: Callable[[], Awaitable[T]]) -> T:
    """Run to the end; every error on purpose is one sentence, and Ctrl-C is no error."""
    import anyio

    try:
        return anyio.run(work)
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except ParrotError as exc:
        _fail(_sentence(exc))
    except ImportError as exc:
        _fail(f"{exc}: install what this command needs with pip install 'parrot-async[ingest]'")


def _sentence(exc: BaseException) -> str:
    if isinstance(exc, JobError) and exc.info is not None:
        return exc.info.message
    return str(exc)


def _fail(message: str) -> NoReturn:
    click.echo(f"parrot-async: {message}", err=True)
    sys.exit(FAILED)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


# Ingest.


async def _ingest(paths: Sequence[str], address: str | None, options: dict[str, Any]) -> int:
    from parrot_async.client import JobClient
    from parrot_async.ingest import IncompleteError, IngestOptions
    from parrot_async.ingest import ingest as submit_ingest
    from parrot_async.live import watch_or_cancel

    wanted = IngestOptions(**options)
    async with JobClient(address) as client:
        handle, interrupted = await watch_or_cancel(lambda: submit_ingest(client, paths, wanted))
        if interrupted:
            click.echo("Cancelled: what was stored stays, the next run goes on from there.")
            return INTERRUPTED
        try:
            report = await handle
        except IncompleteError as exc:
            click.echo(exc.report)
            click.echo(f"parrot-async: {exc}", err=True)
            return FAILED
        except ParrotError:
            raise
        except Exception as exc:  # noqa: BLE001  a job's body raises what it likes
            _fail(f"the ingestion failed ({type(exc).__name__}: {exc})")
    click.echo(report)
    return 0


# Search.


async def _search(question: str, options: dict[str, Any]) -> "list[Hit]":
    from parrot_async.ingest import search as find

    return await find(question, **options)


def _plain(hit: "Hit") -> dict[str, Any]:
    return {
        "score": round(hit.score, 4),
        "path": hit.path,
        "page": hit.page,
        "title": hit.title,
        "kind": hit.kind,
        "text": hit.text,
    }


def _shown(number: int, hit: "Hit") -> str:
    text = " ".join(hit.text.split())
    snippet = text if len(text) <= SNIPPET else f"{text[:SNIPPET].rsplit(' ', 1)[0]} …"
    page = f", page {hit.page}" if hit.page else ""
    head = f"{number}. {hit.title}  ({hit.score:.3f})"
    return "\n".join([head, f"   {_near(hit.path)}{page}", f"   {snippet}"])


def _near(path: str) -> str:
    """`path` from here, where it lies below."""
    with suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path


# The local cluster.


async def _up(given: dict[str, int]) -> None:
    from parrot_async.cluster import Pools, ensure

    pools = Pools.found().model_copy(update=given) if given else None
    cluster = await ensure(pools=pools)
    done = "Started" if cluster.started_by_us else "Already running, left as it is"
    counts = cluster.pools
    click.echo(f"{done}: {counts.cpu} cpu and {counts.gpu} gpu workers, {counts.io} io slots")
    click.echo(f"Scheduler {cluster.address}, process {cluster.pid}, log {cluster.log_file}")


async def _status() -> None:
    from parrot_async.cluster import status as cluster_status

    found = await cluster_status()
    if found is None:
        click.echo("No cluster of yours runs here; the next job, or `parrot-async up`, starts one.")
        return
    click.echo(_described(found))
    for line in await _latest_jobs():
        click.echo(line)


def _described(found: "ClusterStatus") -> str:
    record = found.record
    since = record.started.astimezone().strftime("%Y-%m-%d %H:%M")
    workers = ", ".join(f"{count} {pool}" for pool, count in found.workers.items() if count)
    return "\n".join(
        [
            f"Running since {since}: workers {workers or 'starting'}",
            f"Scheduler {record.address}, process {record.pid}, log {found.log_file}",
            f"It ends by itself after {record.idle_timeout / 60:g} minutes without anything to do.",
        ]
    )


async def _latest_jobs() -> list[str]:
    from parrot_async.client import JobClient

    async with JobClient() as client:
        rows = await client.jobs(limit=SHOWN_JOBS)
    lines = []
    for row in rows:
        at = datetime.fromtimestamp(row.created_at, UTC).astimezone().strftime("%m-%d %H:%M")
        lines.append(f"  {at}  {row.status.value:<22} {row.id}  {row.title}")
    return ["Latest jobs:", *lines] if lines else ["No jobs yet."]


async def _down(database: bool) -> None:
    from anyio import to_thread

    from parrot_async.cluster import down as cluster_down

    click.echo("Stopped." if await cluster_down() else "No cluster of yours ran here.")
    if database:
        from parrot_async.ingest.server import stop_server

        stopped = await to_thread.run_sync(stop_server)
        click.echo("PostgreSQL stopped." if stopped else "PostgreSQL did not run.")
