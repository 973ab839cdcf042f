"""The command as people run it: in a process, with signals and exit statuses."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from uuid import uuid4

import anyio
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from parrot_async import JobClient, job
from parrot_async.cli import cli
from parrot_async.cli.documents import BACKENDS
from parrot_async.ingest import IngestOptions, ingest
from parrot_async.ingest.embed.embedder import Backend
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.testing import EagerClient
from tests.ingest_files import write_files
from tests.integration.commands import in_terminal, run
from tests.integration.ingesting import write_corpus


@pytest.fixture
def collection() -> str:
    """A fresh collection's name."""
    return uuid4().hex


@pytest.fixture(scope="module")
def cluster(postgres: str) -> Iterator[None]:
    """The default cluster of the tests' own PARROT_HOME, which the command joins."""
    assert run("up", "--cpu", "2", "--gpu", "0", "--io", "16").stdout.startswith("Started: 2 cpu")
    yield
    assert run("down").stdout == "Stopped.\n"


@pytest.mark.parametrize("command", ["", *sorted(cli.commands)])
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(cli, [*command.split(), "--help"])

    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")
    assert all(len(line) <= 100 for line in result.output.splitlines())


def test_the_list_of_commands_says_whole_sentences() -> None:
    listed = CliRunner().invoke(cli, ["--help"]).output.partition("Commands:")[2]

    words = " ".join(listed.split())
    for name, command in cli.commands.items():
        summary = " ".join((command.help or "").partition("\n\n")[0].split())
        assert f"{name} {summary}" in words
    assert "..." not in words


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom parrot_async.cli import cli\n"
        "try: cli(['ingest', '--help'])\n"
        "except SystemExit: print({'torch', 'distributed', 'numpy', 'rich'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.endswith("set()\n")


def test_the_backends_offered_are_those_there_are() -> None:
    assert get_args(Backend) == BACKENDS


def test_a_wrong_option_is_a_usage_error() -> None:
    assert run("ingest").returncode == 2
    assert run("search", "x", "--limit", "0").returncode == 2


@pytest.mark.parametrize("dsn", ["foo", "postgres//me:hush@host/x", "user=me colour=hush"])
def test_what_is_no_dsn_is_told_with_one_that_is_and_not_repeated(dsn: str) -> None:
    done = run("search", "anything", "--dsn", dsn)

    assert done.returncode == 1
    assert "one looks like postgresql://user:password@host:5432/database" in done.stderr
    assert "hush" not in done.stderr


async def test_an_ingestion_into_what_is_no_dsn_is_not_submitted() -> None:
    async with EagerClient() as client:
        with pytest.raises(VectorStoreError, match="the DSN given is none"):
            await ingest(client, ["docs"], IngestOptions(dsn=SecretStr("foo")))

        assert await client.jobs() == []


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
class TestWithACluster:
    """What needs a cluster and a database."""

    def test_ingest_then_search_answers_with_sources(self, tmp_path: Path, collection: str) -> None:
        write_files(tmp_path / "files")

        ingested = run("ingest", tmp_path / "files", "--collection", collection)
        found = run("search", "how long does a cat sleep?", "--collection", collection)
        as_json = run("search", "cats", "--collection", collection, "--json", "--limit", "1")

        assert ingested.returncode == 0
        assert "13 documents: 7 added, 6 failed" in ingested.stdout
        assert "secret.pdf" in ingested.stdout
        assert "cats.pdf, page 1" in found.stdout.split("2. ")[0]
        (hit,) = json.loads(as_json.stdout)
        assert hit["path"] == str(tmp_path / "files" / "cats.pdf")

    def test_strict_fails_after_all_else_is_stored(self, tmp_path: Path, collection: str) -> None:
        write_files(tmp_path / "files")

        done = run("ingest", tmp_path / "files", "--collection", collection, "--strict")

        assert done.returncode == 1
        assert "holds 7 documents" in done.stdout
        assert done.stderr == ("parrot-async: 6 of 13 documents failed: the report says why\n")

    def test_an_error_is_one_sentence(self, tmp_path: Path, collection: str) -> None:
        misspelt = run("ingest", tmp_path / "nosuch")
        empty = run("search", "anything", "--collection", collection)
        unreachable = run("search", "anything", "--dsn", "postgresql://me:hush@127.0.0.1:9/x")

        for done, said in (
            (misspelt, "check the spelling"),
            (empty, "ingest something into it first"),
            (unreachable, "check the DSN"),
        ):
            assert done.returncode == 1
            assert said in done.stderr
            assert "Traceback" not in done.stderr
            assert "hush" not in done.stderr

    def test_status_shows_workers_and_jobs_and_up_leaves_a_running_cluster(self) -> None:
        again, shown = run("up", "--cpu", "7"), run("status")

        assert "Already running" in again.stdout
        assert "2 cpu" in shown.stdout

    def test_a_terminal_shows_the_tree(self, tmp_path: Path, collection: str) -> None:
        write_corpus(tmp_path / "corpus", 4, 4)

        status, shown = in_terminal(["ingest", tmp_path / "corpus", "--collection", collection])

        assert status == 0
        assert "Ingest corpus" in shown
        assert "Embed" in shown
        assert "4 documents: 4 added" in shown

    async def test_ctrl_c_cancels_and_leaves_no_job_running(
        self, tmp_path: Path, collection: str
    ) -> None:
        write_corpus(tmp_path / "corpus", 40, 12)
        arguments: list[str | Path] = ["ingest", tmp_path / "corpus", "--collection", collection]

        status, shown = await anyio.to_thread.run_sync(in_terminal, arguments, "Embed", 1)

        assert status == 130
        assert "Cancelling the job" in shown
        assert "what was stored stays" in shown
        async with JobClient() as client:
            assert await client.jobs(status="running") == []
            assert await client.jobs(status="waiting_for_children") == []
            with anyio.fail_after(5):
                assert await client.run(add, 1, 2) == 3

    async def test_the_second_ctrl_c_leaves_at_once(self, tmp_path: Path, collection: str) -> None:
        write_corpus(tmp_path / "corpus", 40, 12)
        arguments: list[str | Path] = ["ingest", tmp_path / "corpus", "--collection", collection]

        status, _ = await anyio.to_thread.run_sync(in_terminal, arguments, "Embed", 2)

        assert status == 130
        async with JobClient() as client:
            (row, *_) = await client.jobs(limit=1)
            ended = await (await client.attach(row.id)).wait()
        assert ended.value == "cancelled"


@job
def add(one: int, other: int) -> int:
    return one + other
