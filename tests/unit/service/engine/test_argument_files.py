"""Arguments that are too big for the store: what goes to a file, and who gets it from there."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from parrot_async.errors import ResultExpiredError
from parrot_async.service.engine.argument_files import ArgumentFiles, files_of, job_of, send_along
from parrot_async.transport import results
from parrot_async.transport.pickled_secrets import MARKED
from parrot_async.transport.results import in_file, url_in
from parrot_async.transport.wire import INLINE

BIG = b"x" * (INLINE + 1)


@dataclass
class Asked:
    """Jobs with their arguments, as somebody asks for them."""

    ids: Any
    arguments: Any


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return (tmp_path / "results").as_uri()


async def test_what_is_big_goes_to_a_file_of_its_user_alone(folder: str, tmp_path: Path) -> None:
    asked = Asked(["a", "b"], (b"small", BIG))

    await ArgumentFiles(folder).keep([asked])

    url = url_in(asked.arguments[1])
    assert asked.arguments[0] == b"small"
    assert url == f"{folder}/b.arguments.pickle"
    assert job_of(url) == "b"
    assert await asyncio.to_thread(results.read, url) == BIG
    assert (tmp_path / "results/b.arguments.pickle").stat().st_mode & 0o777 == 0o600


async def test_what_is_small_or_holds_a_secret_stays(folder: str, tmp_path: Path) -> None:
    asked = Asked(["a", "b"], [b"x" * INLINE, MARKED + BIG])

    await ArgumentFiles(folder).keep([asked])

    assert [url_in(data) for data in asked.arguments] == [None, None]
    assert not (tmp_path / "results").exists()


async def test_it_stays_where_no_file_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("no folder")
    asked = Asked(["a"], [BIG])

    await ArgumentFiles((tmp_path / "results").as_uri()).keep([asked])

    assert asked.arguments == [BIG]


async def test_a_job_that_runs_again_has_a_file_of_its_own(folder: str) -> None:
    files, first = ArgumentFiles(folder), Asked(["old"], [BIG])
    await files.keep([first])
    again = Asked(["new"], list(first.arguments))

    await files.keep([again])
    await asyncio.to_thread(results.delete, f"{folder}/old.arguments.pickle")

    assert again.arguments == [in_file(f"{folder}/new.arguments.pickle")]
    assert await asyncio.to_thread(results.read, f"{folder}/new.arguments.pickle") == BIG
    with pytest.raises(ResultExpiredError):
        await files.keep([Asked(["third"], list(first.arguments))])


@pytest.mark.parametrize(
    ("worker", "as_bytes"),
    [("tls://127.0.0.1:1", False), ("inproc://a/1", False), ("tcp://10.0.0.7:1", True)],
)
async def test_workers_on_other_machines_get_the_bytes(
    folder: str, worker: str, as_bytes: bool
) -> None:
    asked = Asked(["a"], [BIG])
    await ArgumentFiles(folder).keep([asked])
    job = cast("Any", SimpleNamespace(id="a", worker=worker, arguments=asked.arguments[0]))

    await send_along([job])

    assert job.arguments == (BIG if as_bytes else asked.arguments[0])


async def test_a_file_that_is_gone_is_left_for_the_worker_to_name(folder: str) -> None:
    given = in_file(f"{folder}/a.arguments.pickle")
    job = cast("Any", SimpleNamespace(id="a", worker="tcp://10.0.0.7:1", arguments=given))

    await send_along([job])

    assert job.arguments == given


async def test_files_of_trees_are_told_from_those_of_others(folder: str) -> None:
    await ArgumentFiles(folder).keep([Asked(["a", "a.0", "ab"], [BIG, BIG, BIG])])
    await asyncio.to_thread(results.write, folder, "a.1.pickle", BIG)

    found = await asyncio.to_thread(files_of, folder, {"a"})

    assert sorted(map(str, map(job_of, found))) == ["a", "a.0"]
