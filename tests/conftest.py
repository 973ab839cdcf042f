"""What every test gets: asyncio as the backend, and a home of parrot_async's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest


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
