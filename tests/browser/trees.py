"""What is seen of a live tree, by the roles that it tells assistive technology."""

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Locator

VIEW = ".parrot-jobs"
TWIN = ".parrot-static"
CLOSED = Path("/never/opened")


def submit(groups: Sequence[Sequence[Path]]) -> str:
    """A cell that submits a job with a child for each group of gates."""
    names = [[str(gate) for gate in gates] for gates in groups]
    return f"handle = await client.submit(pass_all, {names})"


def root(view: Locator) -> Locator:
    """The line of the tree's root."""
    return view.locator('[role=treeitem][aria-level="1"]')


def child(view: Locator, place: int) -> Locator:
    """The line of a child of the root, counted from 1."""
    return view.locator(f'[role=treeitem][aria-level="2"][aria-posinset="{place}"]')


async def press(row: Locator, name: str) -> None:
    """Point at a row and press a button of it."""
    await row.hover()
    await row.get_by_role("button", name=name, exact=True).click()
