"""One browser and one cluster for all; a Jupyter server of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from parrot_async import JobClient, Pools
from parrot_async.cluster import down_all
from tests.browser import chromium, work
from tests.browser.jupyter import Server, jupyter

CLUSTER = "browser"
expect.set_options(timeout=15_000)  # a busy machine

REPOSITORY = Path(__file__).parents[2]


def first(cluster: str) -> tuple[str, str]:
    """The cells with which every notebook here begins: the jobs, and a client."""
    jobs = Path(work.__file__).read_text("utf-8")
    return jobs, f"from parrot_async import JobClient\n\nclient = await JobClient(name={cluster!r})"


FIRST = first(CLUSTER)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Skips where there is none, as outside of Debian."""
    if chromium.find() is None:
        pytest.skip(chromium.MISSING)
    async with chromium.launched() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page that reaches this machine alone."""
    async with chromium.offline(browser, viewport={"width": 1200, "height": 1600}) as context:
        yield await context.new_page()


@pytest.fixture(scope="session")
async def cluster() -> AsyncIterator[str]:
    """Name of the cluster of all notebooks here."""
    async with JobClient(name=CLUSTER, pools=Pools(cpu=1, gpu=0, io=64)):
        yield CLUSTER
    await down_all(CLUSTER)


@pytest.fixture(scope="session", params=["lab", "notebook"])
async def server(
    request: pytest.FixtureRequest, cluster: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A Jupyter server, of each kind in which people write notebooks if a test names none."""
    async with jupyter(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture
def gates(tmp_path: Path) -> list[Path]:
    """Four files that a job may wait for; none exists yet."""
    return [tmp_path / f"gate-{number}" for number in range(4)]
