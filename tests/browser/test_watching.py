"""What a person sees of a running tree, in JupyterLab and in Notebook 7."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server
from tests.browser.notebook import opened

pytestmark = pytest.mark.slow


async def test_rows_appear_and_progress_moves(
    server: Server, page: Page, gates: list[Path]
) -> None:
    groups = [gates[:2], gates[2:]]
    show = f"handle = await client.submit(pass_all, {groups!r})\nhandle"
    async with opened(page, server, "watch.ipynb", [*FIRST, show]) as notebook:
        await notebook.run(0, 1, 2)

        view = notebook.view(2)
        await expect(view.get_by_role("treeitem")).to_have_count(3)
