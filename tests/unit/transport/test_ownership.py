"""Results are their user's alone, and what others may have written is not read."""

import os
import pickle
from pathlib import Path

import pytest

from parrot_async.errors import StoreError
from parrot_async.transport import results
from parrot_async.transport.ownership import make_private

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.mark.parametrize("umask", [0o000, 0o002])
def test_results_are_the_users_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        url = results.write(f"file://{tmp_path}/some/results", "a.pickle", b"value")
    finally:
        os.umask(before)

    file = tmp_path / "some/results/a.pickle"
    modes = [path.stat().st_mode & 0o777 for path in (file, file.parent, file.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert results.read(url) == b"value"


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_result_that_others_may_write_is_not_read(tmp_path: Path, mode: int) -> None:
    url = results.write(f"file://{tmp_path}", "a.pickle", pickle.dumps(1))
    (tmp_path / "a.pickle").chmod(mode)

    with pytest.raises(StoreError, match="can be written by others"):
        results.read(url)


@as_root
def test_a_result_of_another_user_is_not_read(tmp_path: Path) -> None:
    url = results.write(f"file://{tmp_path}", "a.pickle", pickle.dumps(1))
    os.chown(tmp_path / "a.pickle", NOBODY, NOBODY)

    with pytest.raises(StoreError, match="belongs to nobody"):
        results.read(url)


def test_a_link_in_place_of_a_result_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(pickle.dumps(1))
    (tmp_path / "a.pickle").symlink_to(tmp_path / "other")

    with pytest.raises(StoreError, match="link"):
        results.read(f"file://{tmp_path}/a.pickle")


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    make_private(tmp_path / "new")

    assert tmp_path.stat().st_mode & 0o777 == 0o755
