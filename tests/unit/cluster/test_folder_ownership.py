"""A cluster's folder that others may write to is not trusted, and links are not followed."""

import os
from pathlib import Path

import pytest

from parrot_async.cluster.folder import Folder, private
from parrot_async.errors import ClusterError

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
