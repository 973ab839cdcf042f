"""What a failed job says in the notebook that wrote it: the cell's own lines, and none of ours."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.page import Page, printed_in

SETUP = """import asyncio
from parrot_async import JobClient, current_job, job

def helper(number):
    raise ValueError(f"on purpose {number}")

@job
async def awaits(number):
    await asyncio.sleep(0)
    return helper(number)

@job
def calls(number):
    return helper(
        number
    )

@job
async def parent(number):
    return await current_job().run(calls, number)

@job
def blocks(number):
    return current_job().run(awaits, number).result()

@job
async def sleeps():
    await asyncio.sleep(60)

client = await JobClient(name="engine")
"""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
async def page(engine: str) -> AsyncIterator[Page]:
    async with Page() as page:
        assert not printed_in(await page.run(SETUP))
        yield page


def error_in(messages: list[dict[str, Any]]) -> str:
    """Return the traceback that a cell shows."""
    (error,) = [m["content"] for m in messages if m["msg_type"] == "error"]
    return _COLOURS.sub("", "\n".join(error["traceback"]))


LINES = {
    "awaits": ["return helper(number)"],
    "calls": ["return helper("],
    "parent": ["return await current_job().run(calls, number)", "return helper("],
    "blocks": ["return current_job().run(awaits, number).result()", "return helper(number)"],
}


@pytest.mark.parametrize("function", LINES)
async def test_the_cell_that_awaits_shows_the_lines_of_the_cell_that_failed(
    page: Page, function: str
) -> None:
    shown = error_in(await page.run(f"handle = await client.submit({function}, 7)\nawait handle"))

    for line in [*LINES[function], 'raise ValueError(f"on purpose {number}")', "await handle"]:
        assert re.search(rf"--> \d+ +{re.escape(line)}", shown), shown
    assert f"Cell In[1], line {line_of(function)}, in {function}" in shown
    assert "parrot_async/" not in shown
    assert shown.count("on purpose 7") == 1


def line_of(function: str) -> int:
    """Return the line at which a function of the cell calls what fails."""
    lines = SETUP.splitlines()
    return 1 + lines.index(f"    {LINES[function][0]}")


@pytest.mark.parametrize("function", LINES)
async def test_the_tree_shows_them_too(page: Page, function: str) -> None:
    shown = printed_in(
        await page.run(
            f"handle = await client.submit({function}, 7)\n"
            "await handle.wait()\nprint(handle.error.traceback, '=====', handle.report())"
        )
    )

    traceback, report = shown.split("=====")
    assert f"  Cell In[1], line {line_of(function)}, in {function}\n" in traceback
    assert f"    {LINES[function][0]}\n" in traceback
    assert f"    {LINES[function][0]}\n" in report
    assert "parrot_async/" not in traceback


async def test_another_notebook_shows_the_lines_of_the_first_one(page: Page) -> None:
    job_id = printed_in(
        await page.run(
            "handle = await client.submit(calls, 7)\nawait handle.wait()\nprint(handle.id)"
        )
    ).strip()

    async with Page() as other:
        shown = error_in(
            await other.run(
                "from parrot_async import JobClient\nclient = await JobClient(name='engine')\n"
                f"handle = await client.attach({job_id!r})\nawait handle"
            )
        )

    assert re.search(r"--> \d+ +return helper\(", shown), shown
    assert "parrot_async/" not in shown


async def test_stop_says_that_the_job_goes_on(page: Page) -> None:
    begin = len(page.messages)
    cell = page.start("handle = await client.submit(sleeps)\nprint(handle.id)\nawait handle")
    await page.until(lambda message: message["msg_type"] == "stream")
    await asyncio.sleep(0.3)

    await page.interrupt()
    await page.end(cell)

    messages = page.messages[begin:]
    shown = error_in(messages)
    assert "Stopped waiting. Job " in shown
    assert "goes on; `await handle` waits again." in shown
    assert shown.count("\nCell In[") == 1
    assert "File " not in shown
    after = printed_in(await page.run("print(handle.status)\nawait handle.cancel()"))
    assert after.strip() in ("running", "queued")
