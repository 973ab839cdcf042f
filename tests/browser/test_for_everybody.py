"""The view by keyboard and to assistive technology, in a light and in a dark theme."""

from pathlib import Path

import anyio
import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server
from tests.browser.notebook import opened
from tests.browser.trees import CLOSED, TWIN, VIEW, child, press, root, submit

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("server", ["lab"], indirect=True)]

FAIL = "broken = await client.submit(divide, 1, 0)\nbroken"
VIEWS = {"include": [[VIEW], [TWIN]]}


async def violations(page: Page) -> str:
    """What axe-core says is wrong; nothing, if all is well."""
    found = await Axe().run(page, VIEWS)
    return found.generate_report() if found.violations_count else ""


async def test_axe_finds_nothing_wrong_in_light_and_dark(
    server: Server, page: Page, gates: list[Path]
) -> None:
    cells = [*FIRST, submit([gates[:2], [CLOSED]]), "handle", FAIL, "client.panel()"]
    async with opened(page, server, "axe.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3, 4, 5)
        gates[0].touch()
        view = notebook.view(3)
        await expect(child(view, 1)).to_contain_text("waiting 1/2")
        await child(view, 1).click()
        await expect(view.get_by_role("region", name="Details")).to_contain_text("Arguments")
        await root(notebook.view(4)).click()
        await expect(notebook.view(4)).to_contain_text("Traceback")
        found = notebook.view(5).get_by_role("treeitem", name="pass_all")
        await expect(found.first).to_be_visible()

        for theme in "JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast":
            await notebook.theme(theme)
            assert await violations(page) == "", theme

        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")


async def test_all_can_be_done_by_keyboard(server: Server, page: Page) -> None:
    cells = [*FIRST, submit([[CLOSED], [CLOSED]]), "handle"]
    async with opened(page, server, "keys.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        view = notebook.view(3)
        await expect(child(view, 2)).to_contain_text("Running")
        tree = view.get_by_role("tree")

        await tree.focus()
        await tree.press("ArrowLeft")
        await expect(root(view)).to_have_attribute("aria-expanded", "false")
        await expect(child(view, 1)).to_have_count(0)
        await tree.press("ArrowRight")
        await tree.press("ArrowDown")
        await expect(child(view, 1)).to_have_attribute("aria-selected", "true")
        await tree.press("b")  # Jupyter would insert a cell
        await tree.press("Enter")
        details = view.get_by_role("region", name="Details")
        await expect(details).to_contain_text("pass_gates")
        await details.get_by_role("button", name="Cancel", exact=True).press("Enter")

        await expect(child(view, 1)).to_contain_text("Cancelled")
        await expect(child(view, 2)).to_contain_text("Running")
        await details.get_by_role("button", name="Close details").press("Enter")
        await expect(details).to_be_hidden()
        await expect(tree).to_be_focused()
        assert await page.locator(".jp-CodeCell").count() == len(cells)
        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")


async def test_jupyters_shortcuts_work_while_a_tree_is_focused(server: Server, page: Page) -> None:
    cells = [*FIRST, submit([[CLOSED]]), "handle"]
    async with opened(page, server, "save.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        tree = notebook.view(3).get_by_role("tree")
        before = notebook.path.stat().st_mtime_ns

        await tree.focus()
        await tree.press("b")  # Jupyter would insert a cell
        await tree.press("Control+s")

        with anyio.fail_after(15):
            while notebook.path.stat().st_mtime_ns == before:  # noqa: ASYNC110 - a file of Jupyter's
                await anyio.sleep(0.05)
        await tree.press("Control+Shift+C")
        await expect(page.locator(".lm-CommandPalette-input, .jp-SearchableList")).to_be_visible()
        assert await page.locator(".jp-CodeCell").count() == len(cells)
