"""Take the pictures of the docs: `python -m tests.browser.screenshots [FOLDER]`."""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Locator, expect

from tests.benchmarks.harness import our_client, private_home
from tests.browser import chromium, scene
from tests.browser.conftest import REPOSITORY
from tests.browser.jupyter import jupyter
from tests.browser.notebook import Notebook, opened
from tests.browser.trees import root

CLUSTER = "pictures"
CELLS = (
    Path(scene.__file__).read_text("utf-8"),
    f"from parrot_async import JobClient\n\nclient = await JobClient(name={CLUSTER!r})",
    "handle = await client.submit(report, FILINGS)\nhandle",
    "client.panel()",
    "handle.timeline()",
)
ENDS = 60_000


def row(view: Locator, title: str) -> Locator:
    """The row of a job."""
    return view.get_by_role("treeitem", name=title)


async def take(notebook: Notebook, folder: Path) -> None:
    """Take them while one job runs, and when it has ended."""
    await notebook.run(0, 1, 2)
    view = notebook.view(2)
    await expect(row(view, "Read Lorius")).to_contain_text("Failed")
    await asyncio.sleep(1)
    await picture(notebook.cell(2), folder / "running.png")
    await notebook.theme("JupyterLab Dark")
    await picture(notebook.cell(2), folder / "running_dark.png")
    await notebook.theme("JupyterLab Light")
    await row(view, "Read Lorius").click()
    await expect(view).to_contain_text("Traceback")
    await picture(view, folder / "failed.png")
    await notebook.run(3)
    await notebook.view(3).scroll_into_view_if_needed()
    await expect(row(notebook.view(3), "Compare nine")).to_be_visible()
    await root(view).scroll_into_view_if_needed()
    await expect(root(view)).to_contain_text("Completed", timeout=ENDS)
    await root(view).click()
    await expect(view).to_contain_text("Timeline")
    await picture(view, folder / "details.png")
    await notebook.view(3).scroll_into_view_if_needed()
    await row(notebook.view(3), "Compare nine").locator(".pj-twisty").click()
    await expect(row(notebook.view(3), "Read the filings")).to_be_visible()
    await picture(notebook.view(3), folder / "panel.png")
    await notebook.run(4)
    await picture(notebook.shown(4), folder / "timeline.png")


async def picture(place: Locator, path: Path) -> None:
    """Take one, when what moves has come to rest."""
    await place.page.mouse.move(0, 0)
    await asyncio.sleep(0.5)
    await place.screenshot(path=path)


async def main() -> None:
    """Take them in Notebook 7, which has least around its cells."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else REPOSITORY / "docs" / "images"
    folder.mkdir(exist_ok=True)
    screen = {"viewport": {"width": 1180, "height": 2000}, "device_scale_factor": 1.5}
    with private_home() as home:
        async with (
            our_client(CLUSTER),
            jupyter("notebook", home / "jupyter") as server,
            chromium.launched() as browser,
            chromium.offline(browser, **screen) as context,
        ):
            page = await context.new_page()
            async with opened(page, server, "pictures.ipynb", CELLS) as notebook:
                await take(notebook, folder)


if __name__ == "__main__":
    asyncio.run(main())
