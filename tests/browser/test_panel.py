"""The panel of all jobs: `client.panel()`."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server
from tests.browser.notebook import opened
from tests.browser.trees import CLOSED, child, press, submit

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("server", ["lab"], indirect=True)
async def test_the_panel_finds_opens_and_cancels_jobs(
    server: Server, page: Page, gates: list[Path]
) -> None:
    named = "pass_all = pass_all.options(title='Find me')"
    fail = "await (await client.submit(divide, 1, 0)).wait();"
    cells = [*FIRST, named, fail, submit([gates[:2], [CLOSED]]), "client.panel()"]
    async with opened(page, server, "panel.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3, 4, 5)
        panel = notebook.view(5)
        found = panel.get_by_role("treeitem", name="Find me")
        await expect(found).to_contain_text("Waiting")

        await panel.get_by_role("searchbox").fill("find")
        await expect(panel.locator('[aria-level="1"]')).to_have_count(1)
        await panel.get_by_role("searchbox").fill("no such job")
        await expect(found).to_have_count(0)
        await panel.get_by_role("searchbox").fill("")
        await panel.get_by_role("button", name="Finished").click()
        await expect(panel.get_by_role("treeitem", name="divide").first).to_contain_text("Failed")
        await panel.get_by_role("button", name="Active").click()
        await found.locator(".pj-twisty").click()
        await expect(child(panel, 1)).to_contain_text("waiting 0/2")
        gates[0].touch()
        await expect(child(panel, 1)).to_contain_text("waiting 1/2")
        await press(found, "Cancel")
        await expect(found).to_have_count(0)
