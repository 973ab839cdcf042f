"""What a notebook keeps of a live view when it is executed without a browser, and saved."""

import json

import nbclient
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.integration.widget.test_kernel import HOSTILE, SETUP


async def executed(*cells: str) -> nbformat.NotebookNode:
    """A notebook after all its cells have run."""
    notebook: nbformat.NotebookNode = new_notebook()  # type: ignore[no-untyped-call]
    notebook.cells = [new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    await nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").async_execute()
    return notebook


@pytest.fixture(scope="module")
async def notebook(engine: str) -> nbformat.NotebookNode:
    submit = f"handle = await client.submit(parent.options(title={HOSTILE!r}), 2, 0.2)"
    return await executed(SETUP, f"{submit}\ndisplay(handle)\nawait handle", "client.panel()")


async def test_it_keeps_the_end_of_the_job_as_html_and_as_text(
    notebook: nbformat.NotebookNode,
) -> None:
    live, inert, result = notebook.cells[1].outputs

    assert "application/vnd.jupyter.widget-view+json" in live["data"]
    assert "2 completed" in inert["data"]["text/html"]
    assert "completed" in inert["data"]["text/plain"]
    assert result["data"]["text/plain"] == "[0.2, 0.2]"


async def test_it_keeps_the_last_state_of_the_view(notebook: nbformat.NotebookNode) -> None:
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]

    (tree,) = [
        state["state"]["snapshot"]
        for state in states.values()
        if state["state"].get("snapshot", {}).get("view") == "tree"
    ]

    assert tree["over"]
    assert [row["status"] for row in tree["rows"]] == ["completed"] * 3


async def test_a_hostile_title_is_text_in_the_file(notebook: nbformat.NotebookNode) -> None:
    pages = [
        output["data"].get("text/html", "")
        for cell in notebook.cells
        for output in cell.outputs
        if "data" in output
    ]

    assert any("&lt;img src=x" in page for page in pages)
    assert not any("<img" in page for page in pages)
    assert HOSTILE in json.dumps(notebook)
