"""A home of their own for all that notebooks and pages start, and its end."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import psycopg
import pytest

from parrot_async.cluster import down
from parrot_async.ingest.vectors.server import ensure_server, stop_server

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="package")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A PARROT_HOME whose cluster and database are gone when the last test is over."""
    home = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARROT_HOME", str(home))
        patch.setenv("PARROT_IDLE_TIMEOUT", "20s")
        yield home
        anyio.run(down)
        if (home / "postgres" / "server.json").exists():
            _remove_server()


def _remove_server() -> None:
    with psycopg.connect(ensure_server()) as client:
        (data,) = client.execute("show data_directory").fetchall()[0]
    stop_server()
    # As root it lies outside of PARROT_HOME, where pytest would not clear it away.
    shutil.rmtree(Path(data).parent, ignore_errors=True)


@pytest.fixture(scope="package")
def kernel(own_home: Path) -> Iterator[str]:
    """Name of a Jupyter kernel that runs in this environment and this home."""
    folder = own_home / "jupyter" / "kernels" / "parrot"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "parrot", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(own_home / "jupyter"))
        patch.setenv("IPYTHONDIR", str(own_home / "ipython"))
        yield folder.name
