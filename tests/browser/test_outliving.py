"""What is left of a view when its page, its kernel or the whole of Jupyter is gone."""

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server, private
from tests.browser.notebook import Notebook, opened
from tests.browser.trees import CLOSED, TWIN, child, press, root, submit

pytestmark = pytest.mark.slow

SAVED_WITHIN = 20_000
"""Milliseconds until a running tree's state is in the notebook: it is put there now and then."""


async def saved_with(notebook: Notebook, index: int, words: str) -> None:
    """Wait until the inert twin of a view says this, and save the notebook."""
    twin = notebook.twin(index)
    await expect(twin).to_contain_text(words, timeout=SAVED_WITHIN)
    await notebook.save()


async def page_of(path: Path) -> Path:
    """Convert a notebook to HTML by `jupyter nbconvert`."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(path)]
    await anyio.run_process(command, env=private(path.parent.parent))
    return path.with_suffix(".html")


async def test_a_reload_brings_the_view_back(server: Server, page: Page, gates: list[Path]) -> None:
    cells = [*FIRST, submit([gates[:2], [CLOSED]]), "handle"]
    async with opened(page, server, "reload.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        gates[0].touch()
        await expect(child(notebook.view(3), 1)).to_contain_text("waiting 1/2")

        await notebook.reload()

        view = notebook.view(3)
        await expect(child(view, 1)).to_contain_text("waiting 1/2")
        gates[1].touch()
        await expect(child(view, 1)).to_contain_text("Completed")
        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")


async def test_a_new_kernel_shows_the_last_state_until_attach_revives_it(
    server: Server, page: Page, gates: list[Path]
) -> None:
    revive = (
        "from pathlib import Path\nhandle = await client.attach(Path('id').read_text())\nhandle"
    )
    keep = "from pathlib import Path\nPath('id').write_text(handle.id);"
    cells = [*FIRST, submit([gates[:2], [CLOSED]]), keep, "handle", revive]
    async with opened(page, server, "restart.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3, 4)
        gates[0].touch()
        await saved_with(notebook, 4, "1 of 2")
        await notebook.restart()
        await notebook.reload()

        twin = notebook.twin(4)
        await expect(twin).to_be_visible()
        await expect(twin).to_contain_text("pass_gates")
        await expect(twin).to_contain_text("attach")
        await notebook.run(0, 1, 5)
        view = notebook.view(5)
        await expect(child(view, 1)).to_contain_text("waiting 1/2")
        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")


@pytest.mark.parametrize("server", ["lab"], indirect=True)
async def test_nbconvert_shows_the_last_state_without_a_network(
    server: Server, page: Page, gates: list[Path]
) -> None:
    cells = [*FIRST, submit([gates[:1]]), "handle"]
    async with opened(page, server, "convert.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        gates[0].touch()
        await expect(root(notebook.view(3))).to_contain_text("Completed")
        await saved_with(notebook, 3, "completed")
        path = notebook.path

    await page.goto((await page_of(path)).as_uri())

    await expect(page.locator(TWIN)).to_be_visible()
    await expect(page.locator(TWIN)).to_contain_text("pass_gates")


@pytest.mark.parametrize("server", ["lab"], indirect=True)
async def test_a_view_whose_kernel_is_dead_says_so(server: Server, page: Page) -> None:
    cells = [*FIRST, submit([[CLOSED]]), "handle", "import os\nprint(os.getpid())"]
    async with opened(page, server, "death.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3, 4)
        view = notebook.view(3)
        await expect(child(view, 1)).to_contain_text("Running")

        os.kill(int(await notebook.text(4)), signal.SIGSTOP)

        notice = view.get_by_text("last known state")
        await expect(notice).to_be_visible(timeout=20_000)
        await expect(root(view).get_by_role("button", name="Cancel")).to_have_count(0)
        os.kill(int(await notebook.text(4)), signal.SIGCONT)
        await expect(notice).to_be_hidden(timeout=20_000)
        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")
