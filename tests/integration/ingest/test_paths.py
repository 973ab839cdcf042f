"""Paths in every form and with any name, through a real cluster and server."""

import os
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from parrot_async import JobClient
from parrot_async.ingest import Filter, IngestError, IngestOptions, ingest, ingest_documents, search

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.usefixtures("postgres")]

ODD = os.fsdecode(b"caf\xe9")
"""A name that is not UTF-8."""


@pytest.fixture
def options() -> IngestOptions:
    """A fresh collection."""
    return IngestOptions(collection=uuid4().hex)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of an odd name with two files, one of an odd name, a loop of links and a pipe."""
    folder = tmp_path / ODD
    folder.mkdir()
    (folder / "good.md").write_text("# Good\nParrots are birds.\n")
    (folder / f"{ODD}.txt").write_text("Coffee is made of beans.\n")
    (folder / "loop.txt").symlink_to(folder / "loop.txt")
    os.mkfifo(folder / "pipe.txt")
    return folder


async def test_one_path_is_one_path_and_odd_names_are_stored_shown_and_found(
    client: JobClient, folder: Path, options: IngestOptions
) -> None:
    handle = await ingest(client, str(folder), options)
    report = await handle

    (failure,) = report.failed
    assert (report.added, Path(failure.path).name) == (2, "loop.txt")
    assert handle.node.title == "Ingest caf\\xe9"
    assert str(report).encode()
    assert handle.report().encode()

    (best, *_) = await search("what is coffee made of?", collection=options.collection)
    under = await search("birds", collection=options.collection, where=Filter(under=str(folder)))
    assert best.path == f"{folder.parent}/caf\\xe9/caf\\xe9.txt"
    assert len(under) == 2


async def test_a_second_run_of_odd_names_in_bytes_changes_nothing(
    client: JobClient, folder: Path, options: IngestOptions
) -> None:
    await (await ingest(client, folder, options))

    again = await (await ingest(client, os.fsencode(folder), options))

    assert (again.unchanged, again.added, again.removed) == (2, 0, 0)


async def test_the_job_itself_takes_one_path_as_one_path(
    client: JobClient, folder: Path, options: IngestOptions
) -> None:
    report = await client.run(ingest_documents, str(folder / "good.md"), options)

    assert report.added == 1


async def test_a_misspelt_odd_name_says_so_in_printable_words(
    client: JobClient, folder: Path, options: IngestOptions
) -> None:
    handle = await ingest(client, iter([folder / "missing"]), options)

    with pytest.raises(IngestError, match=r"caf\\xe9/missing: names no file"):
        await handle


async def test_what_is_no_path_is_refused_before_anything_is_submitted(client: JobClient) -> None:
    before, nested = len(await client.jobs()), cast("list[str]", [["docs"]])

    with pytest.raises(IngestError, match="empty path"):
        await ingest(client, "")
    with pytest.raises(TypeError, match="expected str, bytes"):
        await ingest(client, nested)

    assert len(await client.jobs()) == before
