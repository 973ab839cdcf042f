"""Ten planted secrets are in no file, log, report, table, error or notebook after all errors."""

import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import nbclient
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from pydantic import SecretStr

from parrot_async import JobClient, Pools
from parrot_async.cluster import down
from parrot_async.history import History
from tests.integration.commands import run
from tests.integration.secrecy import planted
from tests.integration.secrecy.planted import CONTROL, SEED, submissions

NAME = "secrecy"
CELLS = """
import os
from parrot_async import JobClient, Pools
from tests.integration.secrecy.planted import raise_sdk_error, raise_chained, submissions
client = await JobClient(name="secrecy")
---
handles = [await each for each in submissions(client)]
handles[0]
---
await handles[0]
---
await handles[1]
---
await client.jobs()
---
handles[4]
""".split("---")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PARROT_HOME of its own, whose cluster has all secrets but two in its environment."""
    home = tmp_path / "home"
    monkeypatch.setenv("PARROT_HOME", str(home))
    monkeypatch.setenv(SEED, tmp_path.name)
    for name, value in planted.ENVIRONMENT.items():
        monkeypatch.setenv(name, value())
    return home


@pytest.fixture
async def client(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JobClient]:
    """A client that knows one secret more than its cluster."""
    async with JobClient(name=NAME, pools=Pools(cpu=2, gpu=0, io=16)) as client:
        monkeypatch.setenv("PLAIN_TOKEN", planted.planted("plain"))
        yield client
    await down(NAME)


async def texts_of(client: JobClient) -> list[str]:
    """Run everything; return what this process shows of it."""
    handles = [await each for each in submissions(client)]
    shown = []
    for handle in handles:
        await handle.wait()
        try:
            shown.append(repr(vars(await handle) if handle is handles[5] else await handle))
        except Exception as exc:  # noqa: BLE001 - whatever the bodies raise
            shown += [*traceback.format_exception(exc), repr(exc), str(vars(exc))]
            shown += [str(vars(exc.request))] if hasattr(exc, "request") else []
        shown += [handle.report(), repr(handle), *handle._repr_mimebundle_().values()]
    shown += [repr(await client.jobs()), (await client.jobs())._repr_html_()]
    shown += [repr(handle.node) for handle in handles]
    return shown


def stored(handles: list[str]) -> list[str]:
    """Return what the store has of trees, as History and the command line show it."""
    shown = []
    with History(name=NAME) as history:
        for job_id in handles:
            shown += [repr(history.events(job_id)), history.report(job_id)]
    for command in (["status", "--json"], ["logs"], ["results"]):
        shown.append(run(*command, *handles[:1], "--name", NAME).stdout)
    return shown


async def write_notebook(file: Path) -> None:
    """Run everything in a notebook too, and save it with its outputs."""
    notebook: nbformat.NotebookNode = new_notebook()  # type: ignore[no-untyped-call]
    notebook.cells = [new_code_cell(cell) for cell in CELLS]  # type: ignore[no-untyped-call]
    await nbclient.NotebookClient(notebook, allow_errors=True, timeout=100).async_execute()
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]


def places_of_secrets(files: list[Path], texts: list[str]) -> list[str]:
    """Return where a secret is, in any spelling."""
    return [
        f"{name}: {place}"
        for name, secret in planted.spellings().items()
        for place, data in [
            *((str(path), path.read_bytes()) for path in files),
            *((f"{text[:80]!r} ... {text.encode().find(secret)}", text.encode()) for text in texts),
        ]
        if secret in data
    ]


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.slow
async def test_ten_planted_secrets_are_found_nowhere(client: JobClient, home: Path) -> None:
    texts = await texts_of(client)
    texts += stored([row.id for row in await client.jobs()])
    await write_notebook(home / "notebook.ipynb")
    files = files_below(home)

    found = places_of_secrets(files, texts)

    assert found == []
    control = {path.name for path in files if CONTROL.encode() in path.read_bytes()}
    assert {"cluster.log", "notebook.ipynb"} <= control
    assert control & {"jobs.db", "jobs.db-wal"}
    assert any(CONTROL in text for text in texts)
    assert "ApiError: 401 unauthorized" in (home / "notebook.ipynb").read_text()


async def test_a_secret_argument_arrives_usable(client: JobClient) -> None:
    secret = planted.planted("secret_str")

    length = await client.run(planted.use_secret, SecretStr(secret), CONTROL)

    assert length == len(secret)
