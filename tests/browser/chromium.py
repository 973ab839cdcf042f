"""Debian's Chromium under Playwright, which may talk to this machine alone."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Route, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MISSING = "needs a Chromium on the PATH: apt-get install chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_OURS = ("127.0.0.1", "localhost", "")


def find() -> str | None:
    """Return the path of an installed Chromium."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Run a headless Chromium with an empty profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find(), args=_FLAGS)
        async with browser:
            yield browser


@asynccontextmanager
async def offline(browser: Browser, **options: Any) -> AsyncIterator[BrowserContext]:
    """Open a window, as it were, from which no request leaves this machine."""
    context = await browser.new_context(**options)
    async with context:
        await context.route("**/*", _only_here)
        yield context


async def _only_here(route: Route) -> None:
    if urlsplit(route.request.url).hostname in (None, *_OURS):
        await route.continue_()
    else:
        await route.abort()
