"""The view in a dashboard of Voila."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server, jupyter
from tests.browser.trees import CLOSED, TWIN, VIEW, child, press, root, submit

pytestmark = pytest.mark.slow

STARTS = 60_000


@pytest.fixture
async def voila(cluster: str, tmp_path: Path) -> AsyncIterator[Server]:
    """Voila."""
    async with jupyter("voila", tmp_path / "voila") as server:
        yield server


async def test_voila_shows_a_live_tree_with_buttons_that_work(
    voila: Server, page: Page, gates: list[Path]
) -> None:
    voila.write("board.ipynb", [*FIRST, submit([gates[:2], [CLOSED]]), "handle"])

    await page.goto(voila.url("board.ipynb"))

    view = page.locator(VIEW)
    await expect(child(view, 1)).to_contain_text("waiting 0/2", timeout=STARTS)
    gates[0].touch()
    await expect(child(view, 1)).to_contain_text("waiting 1/2")
    await expect(page.locator(TWIN)).to_be_hidden()
    await press(root(view), "Cancel")
    await expect(root(view)).to_contain_text("Cancelled")
