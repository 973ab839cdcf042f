"""What a person sees of a running tree and does to it, in JupyterLab and in Notebook 7."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import FIRST
from tests.browser.jupyter import Server
from tests.browser.notebook import opened
from tests.browser.trees import CLOSED, VIEW, child, press, root, submit

pytestmark = pytest.mark.slow


async def test_rows_appear_and_progress_moves(
    server: Server, page: Page, gates: list[Path]
) -> None:
    cells = [*FIRST, submit([gates[:2], gates[2:]]), "handle"]
    async with opened(page, server, "watch.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        view = notebook.view(3)
        await expect(view.get_by_role("treeitem")).to_have_count(3)
        await expect(child(view, 1)).to_contain_text("waiting 0/2")

        gates[0].touch()

        await expect(child(view, 1)).to_contain_text("waiting 1/2")
        await expect(child(view, 1)).to_contain_text("50%")
        await expect(root(view)).to_contain_text("25%")
        for gate in gates[1:]:
            gate.touch()
        await expect(root(view)).to_contain_text("Completed")


async def test_a_click_cancels_while_the_same_cell_awaits(server: Server, page: Page) -> None:
    awaiting = f"{submit([[CLOSED], [CLOSED]])}\ndisplay(handle)\nprint(await handle.wait())"
    async with opened(page, server, "cancel.ipynb", [*FIRST, awaiting]) as notebook:
        await notebook.run(0, 1)
        await notebook.start(2)
        view = notebook.view(2)
        await expect(child(view, 2)).to_contain_text("Running")

        await press(root(view), "Cancel")

        await expect(root(view)).to_contain_text("Cancelled")
        await expect(child(view, 2)).to_contain_text("Cancelled")
        await notebook.ended(2)
        assert await notebook.text(2) == "cancelled\n"


async def test_one_child_is_cancelled_and_the_other_lives(
    server: Server, page: Page, gates: list[Path]
) -> None:
    cells = [*FIRST, submit([[CLOSED], gates[:1]]), "handle"]
    async with opened(page, server, "child.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        view = notebook.view(3)
        await expect(child(view, 2)).to_contain_text("Running")

        await press(child(view, 1), "Cancel")

        await expect(child(view, 1)).to_contain_text("Cancelled")
        await expect(child(view, 2)).to_contain_text("Running")
        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")


BESIDE = """from ipywidgets import Button, HBox, VBox
box = {box}
box"""


@pytest.mark.parametrize(
    ("box", "widths"),
    [
        ("HBox([handle.widget(), Button()])", [500]),
        ("HBox([handle.widget(), other.widget()])", [320, 320]),
        ("VBox([handle.widget(), Button()])", [700]),
    ],
)
async def test_a_tree_beside_other_widgets_has_its_width(
    server: Server, page: Page, box: str, widths: list[int]
) -> None:
    both = f"{submit([[CLOSED]])}\nother = await client.submit(pass_all, [])"
    async with opened(page, server, "beside.ipynb", [*FIRST, both, BESIDE.format(box=box)]) as book:
        await book.run(0, 1, 2, 3)
        views = book.cell(3).locator(VIEW)
        await expect(views.first).to_be_visible()

        boxes = [await views.nth(place).bounding_box() for place in range(len(widths))]

        found = [box["width"] for box in boxes if box is not None]
        assert all(width > least for width, least in zip(found, widths, strict=True)), found
        heights = {round(box["y"]) for box in boxes if box is not None}
        assert len(heights) <= 1


_AT_END = "(log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 4"


async def test_an_open_log_follows_a_job_that_only_prints(server: Server, page: Page) -> None:
    cells = [*FIRST, "handle = await client.submit(counts_aloud, 600)", "handle"]
    async with opened(page, server, "log.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2, 3)
        view = notebook.view(3)
        await root(view).click()
        log = view.locator(".pj-log")

        await expect(log).to_contain_text("number 60")

        assert await log.evaluate(_AT_END)
        await expect(root(view)).to_contain_text("Running")
        await press(root(view), "Cancel")
        await expect(root(view)).to_contain_text("Cancelled")


async def test_what_failed_deep_in_a_completed_tree_runs_again(server: Server, page: Page) -> None:
    cells = [*FIRST, "handle = await client.submit(knows_nothing, 1)\nawait handle\nhandle"]
    async with opened(page, server, "again.ipynb", cells) as notebook:
        await notebook.run(0, 1, 2)
        view = notebook.view(2)
        await expect(root(view)).to_contain_text("Completed")
        first = await root(view).get_attribute("data-id") or ""

        await press(root(view), "Retry failed only")

        await expect(root(view)).not_to_have_attribute("data-id", first)
        await expect(root(view)).to_contain_text("Completed")
        await expect(view.get_by_role("treeitem")).to_have_count(3)
        await expect(view.locator('[role=treeitem][aria-level="3"]')).to_contain_text("Failed")
