"""A job's own texts stay text, wherever they are shown or saved."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server
from tests.browser.notebook import opened
from tests.browser.test_outliving import page_of, saved_with
from tests.browser.trees import TWIN, root

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("server", ["lab"], indirect=True)]

EVIL = "<img src=x onerror=window.hacked=1></script><script>window.hacked=2</script>"
BROKEN = f"""
@job(title={EVIL!r}, description={EVIL!r})
def broken(argument):
    current_job().step(argument)
    print(argument)
    raise ValueError(argument)

handle = await client.submit(broken, {EVIL!r})
await handle.wait();
"""
TIMELINE = "handle.timeline()"
PANEL = "client.panel()"


async def unharmed(page: Page) -> None:
    """Nothing of a text has become an element, or has run."""
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("img[src=x]").count() == 0


async def test_a_title_stays_text_in_every_output_and_in_the_saved_file(
    server: Server, page: Page
) -> None:
    cells = [*FIRST, BROKEN, "handle", TIMELINE, PANEL]
    async with opened(page, server, "evil.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3, 4, 5)
        view = notebook.view(3)
        await expect(root(view)).to_contain_text(EVIL)
        await root(view).click()
        await expect(view.get_by_role("region")).to_contain_text("Traceback")
        await notebook.view(5).get_by_text("Finished").click()
        await expect(root(notebook.view(5)).first).to_contain_text(EVIL)
        await unharmed(page)
        await saved_with(notebook, 3, EVIL)
        await notebook.restart()
        await notebook.reload()
        await expect(notebook.twin(3)).to_contain_text(EVIL)
        await unharmed(page)
        path = notebook.path

    await page.goto((await page_of(path)).as_uri())

    await expect(page.locator(TWIN).first).to_contain_text(EVIL)
    await unharmed(page)
