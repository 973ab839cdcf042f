"""Files and folders that others may write to are not trusted, and links not followed."""

import os
import pickle
from pathlib import Path

import pytest

from parrot_async.cluster.folder import Folder, private
from parrot_async.errors import ClusterError, StoreError
from parrot_async.transport import results
from parrot_async.transport.ownership import make_private

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PARROT_HOME that is there."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("PARROT_HOME", str(home))
    return home


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_home_that_others_may_write_to_is_refused(home: Path, mode: int) -> None:
    home.chmod(mode)

    # Root's folders with the sticky bit are like /tmp, where nobody can move what is ours.
    if mode == 0o1777 and os.geteuid() == 0:
        Folder.of("mine").make()
    else:
        with pytest.raises(ClusterError, match="can be written by others"):
            Folder.of("mine")


@as_root
@pytest.mark.parametrize("which", ["", "mine"])
def test_a_folder_of_another_user_is_refused(home: Path, which: str) -> None:
    (home / which).mkdir(mode=0o700, exist_ok=True)
    os.chown(home / which, NOBODY, NOBODY)

    with pytest.raises(ClusterError, match="belongs to nobody, not to root"):
        Folder.of("mine")


def test_a_folder_of_a_cluster_has_mode_0700_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        folder = Folder.of("mine")
        folder.make()
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in (folder.root, folder.path)} == {0o700}


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    victim.chmod(0o644)
    (tmp_path / "join.lock").symlink_to(victim)

    with pytest.raises(ClusterError, match="is a link or not a file of yours"):
        private(tmp_path / "join.lock", os.O_RDWR)

    assert victim.stat().st_mode & 0o777 == 0o644


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
