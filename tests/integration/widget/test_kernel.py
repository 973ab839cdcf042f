"""Live views in a real kernel: what a browser would hear, and what its clicks do."""

from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import pytest

from tests.integration.page import Page, displayed_in, printed_in, updated_in, view_in, word_of

SETUP = """
import anyio
from parrot_async import JobClient, current_job, job

@job
async def waits(seconds: float) -> float:
    async for _ in current_job().track(range(100), "waiting"):
        await anyio.sleep(seconds / 100)
    return seconds

@job
async def parent(count: int, seconds: float) -> list[float]:
    return await (await current_job().map(waits, [seconds] * count)).results()

client = await JobClient(name="engine")
"""
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
async def page(engine: str) -> AsyncIterator[Page]:
    async with Page() as page:
        assert not printed_in(await page.run(SETUP))
        yield page


async def test_a_handle_in_a_cell_is_a_live_view_that_follows_the_job(page: Page) -> None:
    shown = await page.run("handle = await client.submit(parent, 3, 1.0)\nhandle")
    view = view_in(shown)

    page.say(view, t="hello", rev=0)
    full = await page.said(view, "full")
    last = await page.said(view, "delta", over=True)

    assert full["snapshot"]["rows"][0]["title"] == "parent"
    changes = [word_of(message, view) for message in page.messages]
    new = {row["title"] for word in changes for row in word.get("new", [])}
    assert new <= {"waits"}
    assert [s["status"] for _, s in last["set"] if s.get("status")][-1:] == ["completed"]


async def test_what_is_displayed_has_a_view_and_an_inert_twin(page: Page) -> None:
    shown = displayed_in(await page.run("handle = await client.submit(parent, 2, 0.1)\nhandle"))

    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert 'class="parrot-static"' in shown[1]["text/html"]
    assert "parent" in shown[1]["text/plain"]


async def test_a_cell_that_awaits_its_job_ends_with_the_end_on_the_page(page: Page) -> None:
    cell = "handle = await client.submit(parent, 2, 0.2)\ndisplay(handle)\nprint(await handle)"

    messages = await page.run(cell)

    states = [
        m["content"]["data"].get("state", {}) for m in messages if m["msg_type"] == "comm_msg"
    ]
    saved = [state["snapshot"] for state in states if "snapshot" in state]
    assert saved[-1]["over"]
    assert [row["status"] for row in saved[-1]["rows"]] == ["completed"] * 3
    assert "2 completed" in updated_in(messages)[-1]["text/html"]


def needs_subshells() -> None:
    """Skip on a kernel that has none: there a click waits for the cell, as the how-to says."""
    if version("ipykernel").partition(".")[0] == "6":
        pytest.skip(f"ipykernel {version('ipykernel')} has no subshells; 7 has")


@pytest.mark.parametrize("own_shell", [True, False])
async def test_cancel_works_while_the_cell_awaits_the_job(page: Page, own_shell: bool) -> None:
    """JupyterLab asks for a shell of its own for clicks; Voila and VS Code do not."""
    if own_shell:
        needs_subshells()
    subshell = await page.subshell() if own_shell else None
    view = view_in(await page.run("handle = await client.submit(parent, 2, 600)\nhandle"))
    page.say(view, t="hello", rev=0)
    full = await page.said(view, "full")
    begin, cell = len(page.messages), page.start("await handle")

    job_id = full["snapshot"]["rows"][0]["id"]
    page.say(view, subshell=subshell, t="act", n=7, action="cancel", ids=[job_id])
    done = await page.said(view, "done")
    await page.end(cell)

    assert done == {"t": "done", "n": 7}
    assert "cancelled" in printed_in(page.messages[begin:])


async def test_cancel_works_while_the_cell_blocks(page: Page) -> None:
    needs_subshells()
    view = view_in(await page.run("handle = await client.submit(parent, 2, 600)\nhandle"))
    page.say(view, t="hello", rev=0)
    full = await page.said(view, "full")
    subshell = await page.subshell()
    begin = len(page.messages)
    cell = page.start("import time\nwhile not handle.done: time.sleep(0.05)\nprint(handle.status)")

    job_id = full["snapshot"]["rows"][0]["id"]
    page.say(view, subshell=subshell, t="act", n=1, action="cancel", ids=[job_id])
    await page.end(cell)

    assert printed_in(page.messages[begin:]) == "cancelled\n"


async def test_a_job_is_paused_and_resumed_by_clicks(page: Page) -> None:
    view = view_in(await page.run("handle = await client.submit(parent, 2, 1.0)\nhandle"))
    page.say(view, t="hello", rev=0)
    job_id = (await page.said(view, "full"))["snapshot"]["rows"][0]["id"]

    page.say(view, t="act", n=1, action="pause", ids=[job_id])
    await page.until(lambda message: (job_id, "paused") in statuses_in(word_of(message, view)))
    page.say(view, t="act", n=2, action="resume", ids=[job_id])
    last = await page.said(view, "delta", over=True)

    assert (job_id, "completed") in statuses_in(last)


async def test_a_job_that_has_ended_runs_again_in_the_same_view(page: Page) -> None:
    cell = "handle = await client.submit(parent, 2, 0)\nawait handle\nhandle"
    view = view_in(await page.run(cell))
    page.say(view, t="hello", rev=0)
    old = (await page.said(view, "full"))["snapshot"]["rows"]

    page.say(view, t="act", n=1, action="retry", ids=[old[0]["id"]])
    new_id = (await page.said(view, "done"))["id"]
    full = await page.said(view, "full")

    assert new_id != old[0]["id"]
    assert full["snapshot"]["rows"][0]["id"] == new_id
    assert await page.run(f"print(await (await client.attach({new_id!r})))")
    assert "[0, 0]" in printed_in(page.messages)


def statuses_in(word: dict[str, Any]) -> list[tuple[str, str]]:
    """The states that a delta tells, by job."""
    return [(job_id, changed.get("status", "")) for job_id, changed in word.get("set", [])]


async def test_a_hostile_title_stays_text_in_every_output(page: Page) -> None:
    cell = f"handle = await client.submit(waits.options(title={HOSTILE!r}), 0)\ndisplay(handle)"

    messages = await page.run(f"{cell}\nawait handle\nprint(handle.timeline()._repr_html_())")

    texts = [
        said for shown in [*displayed_in(messages), *updated_in(messages)] for said in shown.items()
    ]
    assert any("&lt;img" in str(text) for _, text in texts)
    markup = [str(text) for kind, text in texts if kind != "text/plain"]
    assert not any("<img" in text for text in [*markup, printed_in(messages)])


def rows_in(word: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that came with a word of a panel."""
    return list(word.get("new") or word.get("snapshot", {}).get("rows", []))


async def test_the_panel_lists_jobs_and_opens_one(page: Page) -> None:
    await page.run("handle = await client.submit(parent, 2, 0)\nawait handle")
    view = view_in(await page.run("client.panel()"))

    page.say(view, t="hello", rev=0)
    page.say(view, t="ask", status=["completed"], text="parent", limit=1)
    told = await page.until(lambda message: bool(rows_in(word_of(message, view))))
    row = rows_in(word_of(told, view))[0]
    page.say(view, t="open", id=row["id"])
    opened = await page.said(view, "full", of=row["id"])

    assert row["status"] == "completed"
    assert [r["title"] for r in opened["snapshot"]["rows"]] == ["parent", "waits", "waits"]
