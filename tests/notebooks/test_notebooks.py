"""Every notebook runs from top to bottom in a real kernel, which stays alive meanwhile."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebooks.conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
LATEST = 0.25
"""Seconds: what we promise is 0.05, on a machine that has nothing else to do."""

ALIVE = """
import asyncio, time
from parrot_async import JobClient, job

@job
def sleeps(seconds):
    time.sleep(seconds)

@job
def number(n):
    return n

worst = 0.0

async def tick():
    global worst
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.01)
        worst = max(worst, time.monotonic() - began - 0.01)

client = await JobClient()
await client.run(number, 0)
ticking = asyncio.ensure_future(tick())
"""
BUSY = """
handles = await client.map(number, range(2000))
assert await client.gather(handles) == list(range(2000))
await client.run(sleeps, 1)
print(worst)
"""
CANCEL = """
handle = await client.submit(sleeps.options(grace=0.2), 3600)
asyncio.get_running_loop().call_later(0.5, lambda: asyncio.ensure_future(handle.cancel()))
print(await handle.wait())
await client.aclose()
"""


def execute(notebook: Any, kernel: str) -> None:
    NotebookClient(
        notebook,
        kernel_name=kernel,
        timeout=100,
        resources={"metadata": {"path": str(REPOSITORY / "notebooks")}},
    ).execute()


def text_of(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, kernel: str) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]

    execute(notebook, kernel)

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    unexpected = [
        output
        for cell in cells
        if "raises-exception" not in cell.metadata.get("tags", [])
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert cells
    assert not unexpected


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    raw = json.loads(path.read_text("utf-8"))

    nbformat.validate(raw)
    ids = [cell["id"] for cell in raw["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in raw["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_kernels_loop_stays_alive_while_jobs_pass(kernel: str) -> None:
    notebook = new_notebook()  # type: ignore[no-untyped-call]
    for text in (ALIVE, BUSY, CANCEL):
        notebook.cells.append(new_code_cell(text))  # type: ignore[no-untyped-call]

    execute(notebook, kernel)

    _, busy, cancel = notebook.cells
    assert float(text_of(busy)) < LATEST
    assert text_of(cancel).strip() == "cancelled"
