"""What runs is what was submitted: modules that are edited, moved, and of two projects."""

import importlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from parrot_async import JobClient, Pools
from parrot_async.errors import FunctionChangedError

TWO = "from helper_of_mine import word\n\n\ndef who():\n    return word()\n"
LAZY = "def who():\n    import helper_of_mine\n\n    return helper_of_mine.word()\n"


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[str]:
    """Name of a cluster of its own, whose workers are replaced."""
    async with JobClient(name="code", pools=Pools(cpu=1, gpu=0, io=8), detach=False):
        yield "code"


@pytest.fixture
async def client(cluster: str) -> AsyncIterator[JobClient]:
    async with JobClient(name=cluster) as client:
        yield client


@pytest.fixture(autouse=True)
def _own_imports() -> Iterator[None]:
    path, folder = list(sys.path), Path.cwd()
    yield
    os.chdir(folder)
    sys.path[:] = path
    forget()


def forget() -> None:
    """Forget the modules, as another process has none."""
    for name in ("project_of_mine", "helper_of_mine"):
        sys.modules.pop(name, None)


def write(folder: Path, name: str, text: str) -> None:
    """Write a module, with a time of its own, since Python compares times in seconds."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.py"
    before = file.stat().st_mtime if file.exists() else 0
    file.write_text(text)
    os.utime(file, (before + 10, before + 10) if before else None)
    importlib.invalidate_caches()


def project(folder: Path, word: str, text: str = TWO) -> ModuleType:
    """Write a project of two modules and import it, as a process of its own would."""
    write(folder, "project_of_mine", text)
    write(folder, "helper_of_mine", f"def word():\n    return {word!r}\n")
    forget()
    sys.path[:] = [str(folder), *(path for path in sys.path if "of_mine" not in path)]
    return importlib.import_module("project_of_mine")


@pytest.mark.parametrize("text", [TWO, LAZY], ids=["at the top", "in the body"])
async def test_each_project_runs_its_own_modules(
    client: JobClient, tmp_path: Path, text: str
) -> None:
    first = project(tmp_path / "first_of_mine", "first", text)
    assert await client.run(first.who) == "first"

    second = project(tmp_path / "second_of_mine", "second", text)

    assert await client.run(second.who) == "second"


async def test_an_edited_module_that_is_loaded_again_runs_as_it_is_now(
    client: JobClient, tmp_path: Path
) -> None:
    mine = project(tmp_path / "edited_of_mine", "before")
    assert await client.run(mine.who) == "before"
    write(tmp_path / "edited_of_mine", "helper_of_mine", "def word():\n    return 'after'\n")

    importlib.reload(sys.modules["helper_of_mine"])
    mine = importlib.reload(mine)

    assert await client.run(mine.who) == "after"


async def test_an_edited_module_that_nobody_loads_again_is_never_run_unseen(
    client: JobClient, tmp_path: Path
) -> None:
    folder = tmp_path / "unseen_of_mine"
    mine = project(folder, "before")
    assert await client.run(mine.who) == "before"
    imported = {name: sys.modules[name] for name in ("project_of_mine", "helper_of_mine")}
    write(folder, "helper_of_mine", "def word():\n    return 'after'\n")

    by_the_same_worker = await client.run(mine.who)
    other = project(tmp_path / "other_of_mine", "other")  # another process takes over
    assert await client.run(other.who) == "other"
    sys.modules.update(imported)

    assert by_the_same_worker == "before"
    with pytest.raises(FunctionChangedError, match=str(folder / "helper_of_mine.py")):
        await client.run(mine.who)


async def test_a_retry_runs_an_edited_module_as_it_is_now(
    client: JobClient, tmp_path: Path
) -> None:
    faulty = "def who():\n    raise KeyError('bug')\n"
    mine = project(tmp_path / "retried_of_mine", "before", faulty)
    handle = await client.submit(mine.who)
    with pytest.raises(KeyError):
        await handle
    write(tmp_path / "retried_of_mine", "project_of_mine", "def who():\n    return 'mended'\n")

    again = await handle.retry()

    assert await again == "mended"


async def test_a_module_is_found_after_the_current_folder_has_changed(
    client: JobClient, tmp_path: Path
) -> None:
    write(tmp_path / "moved_of_mine", "project_of_mine", "def who():\n    return 'found'\n")
    os.chdir(tmp_path / "moved_of_mine")
    sys.path.insert(0, "")
    forget()
    mine = importlib.import_module("project_of_mine")

    os.chdir("..")

    assert await client.run(mine.who) == "found"
