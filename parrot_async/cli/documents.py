"""The commands for documents: `ingest` and `search`."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from parrot_async.cli.running import FAILED, INTERRUPTED, fail, given, run
from parrot_async.errors import ParrotError

if TYPE_CHECKING:
    from parrot_async.ingest import Hit

T = TypeVar("T")

# Torch and Dask take seconds to import, so each command imports what it needs.
BACKENDS = ("auto", "openvino", "torch", "torch-fp32")
SNIPPET = 300
"""Characters of a passage that are shown."""

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
    """Add the options of all commands that use a collection."""
    for option in reversed(_common):
        command = option(command)
    return command


@click.command()
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
    sys.exit(run(lambda: _ingest(paths, cluster, given(options))))


@click.command()
@click.argument("question")
@_on_collection
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many passages."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")  # fmt: skip
def search(question: str, as_json: bool, **options: Any) -> None:
    """Find the passages that answer QUESTION, best first, each with its source."""
    hits = run(lambda: _search(question, given(options)))
    if as_json:
        click.echo(json.dumps([_plain(hit) for hit in hits], ensure_ascii=False, indent=2))
    else:
        click.echo("\n\n".join(map(_shown, range(1, len(hits) + 1), hits)) or "Nothing is stored.")


async def _ingest(paths: Sequence[str], address: str | None, options: dict[str, Any]) -> int:
    from parrot_async.cli.watching import watch_or_cancel
    from parrot_async.client.client import JobClient
    from parrot_async.ingest import IncompleteError, IngestOptions
    from parrot_async.ingest import ingest as submit_ingest

    wanted = IngestOptions(**options).checked()
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
        except Exception as exc:  # noqa: BLE001 - a job's body raises what it likes
            fail(f"the ingestion failed ({type(exc).__name__}: {exc})")
    click.echo(report)
    return 0


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
    """Return the path relative to the working directory if it lies below that."""
    with suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path


COMMANDS = (ingest, search)
