"""A notebook that is open in JupyterLab or Notebook 7, driven as a person would."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from playwright.async_api import Locator, Page

from tests.browser.jupyter import Server
from tests.browser.trees import TWIN, VIEW

LONGEST = 60
"""Seconds that anything may take; on a busy machine Jupyter alone takes ten to open."""

_READY = """
(wanted) => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  const session = panel?.sessionContext;
  const status = session?.session?.kernel?.status;
  return panel?.context?.isReady && session.isReady && wanted.includes(status);
}
"""
_RUN = """
(index) => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = index;
  (window.parrotRuns ??= {})[index] = window.jupyterapp.commands.execute("notebook:run-cell");
}
"""
_OUTPUTS = """
(index) => window.jupyterapp.shell.currentWidget.content.model.cells.get(index).outputs.toJSON()
"""


class Notebook:
    """Cells are counted from 0; all of them are code."""

    def __init__(self, page: Page, server: Server, name: str) -> None:
        """Take a page in which nothing is open yet."""
        self.page = page
        self.server = server
        self.path = server.folder / name

    async def open(self) -> None:
        """Go there, and wait until its kernel is idle."""
        await self.page.goto(self.server.url(self.path.name))
        await self.ready()

    async def reload(self) -> None:
        """Save, and load the page anew."""
        await self.save()
        await self.page.reload()
        await self.ready(idle=False)

    async def ready(self, *, idle: bool = True) -> None:
        """Wait until cells can be run."""
        wanted = ["idle"] if idle else ["idle", "busy"]
        await self.page.wait_for_function(_READY, arg=wanted, timeout=LONGEST * 1000)

    async def start(self, index: int) -> None:
        """Begin to run a cell."""
        await self.page.evaluate(_RUN, index)

    async def ended(self, index: int) -> None:
        """Wait until a cell that was started has ended."""
        with anyio.fail_after(LONGEST):
            await self.page.evaluate("(index) => window.parrotRuns[index]", index)

    async def run(self, *indices: int) -> None:
        """Run cells, each to its end; raises what they raise."""
        for index in indices:
            await self.start(index)
            await self.ended(index)
            for output in await self.outputs(index):
                assert output["output_type"] != "error", f"{output['ename']}: {output['evalue']}"

    async def outputs(self, index: int) -> list[dict[str, Any]]:
        """Return a cell's outputs, as the file has them."""
        found: list[dict[str, Any]] = await self.page.evaluate(_OUTPUTS, index)
        return found

    async def text(self, index: int) -> str:
        """Return what a cell has printed, which may arrive after its end."""
        printed = f"(index) => ({_OUTPUTS})(index).some(({{ text }}) => text)"
        await self.page.wait_for_function(printed, arg=index, timeout=LONGEST * 1000)
        return "".join("".join(one.get("text", "")) for one in await self.outputs(index))

    def cell(self, index: int) -> Locator:
        """Return where a cell is on the page, with its outputs."""
        return self.page.locator(".jp-Notebook-cell.jp-CodeCell").nth(index)

    def shown(self, index: int) -> Locator:
        """Return where a cell's outputs are on the page."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def view(self, index: int) -> Locator:
        """Return the live view among a cell's outputs."""
        return self.shown(index).locator(VIEW)

    def twin(self, index: int) -> Locator:
        """Return the inert twin of the live view among a cell's outputs."""
        return self.shown(index).locator(TWIN)

    async def save(self) -> None:
        """Write the file."""
        await self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    async def restart(self) -> None:
        """Start a new kernel in the place of the old one."""
        await self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
        )
        await self.ready()

    async def theme(self, name: str) -> None:
        """Choose a theme, such as "JupyterLab Dark"."""
        await self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )

    async def shut_down(self) -> None:
        """End the kernel."""
        await self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget?.sessionContext?.shutdown()"
        )


@asynccontextmanager
async def opened(
    page: Page, server: Server, name: str, cells: Sequence[str]
) -> AsyncIterator[Notebook]:
    """Write a notebook and open it; its kernel ends with the block."""
    server.write(name, cells)
    notebook = Notebook(page, server, name)
    await notebook.open()
    try:
        yield notebook
    finally:
        await notebook.shut_down()
