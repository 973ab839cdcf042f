"""A browser, and the harness page served from the root of the repository."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
from playwright.async_api import Browser, Page

from tests.browser import chromium
from tests.javascript.site import site


class Show(Protocol):
    """Opens the harness."""

    async def __call__(self, query: str = "", **window: Any) -> Page:
        """Give the page, when it has drawn its first rows."""


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Address of the repository's files and the joined script."""
    with site() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Skips where there is none, as outside of Debian."""
    if chromium.find() is None:
        pytest.skip(chromium.MISSING)
    async with chromium.launched() as browser:
        yield browser


@pytest.fixture
async def show(browser: Browser, address: str) -> AsyncIterator[Show]:
    """Opens the harness with what its query asks for; no error of the page is let pass."""
    errors: list[str] = []
    async with AsyncExitStack() as stack:

        async def show(query: str = "", **window: Any) -> Page:
            options = {"viewport": {"width": 1000, "height": 1100}, **window}
            page = await (
                await stack.enter_async_context(chromium.offline(browser, **options))
            ).new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.clock.install()
            await page.goto(f"{address}/tests/javascript/harness.html?{query}")
            await page.wait_for_selector("html[data-ready] .pj-row")
            return page

        yield show
    assert not errors
