"""URLs of job stores: which are refused, and that no password is ever shown."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from parrot_async.errors import OptionsError, StoreError
from parrot_async.store import check_url, is_own, open_store, shown
from parrot_async.store.sqlite import SQLiteStore


@pytest.mark.parametrize(
    "url", ["sqlite:///jobs.db", "sqlite:////var/jobs.db", "postgresql://a@b/c", "postgres://b/c"]
)
def test_urls_of_both_kinds_of_store_are_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url", ["", "jobs.db", "sqlite://jobs.db", "sqlite:///", "mysql://u:secret@host/jobs"]
)
def test_what_is_no_store_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(OptionsError, match="use sqlite:///path or postgresql:") as caught:
        check_url(url)

    assert "secret" not in str(caught.value)


def test_a_store_is_made_where_there_is_none(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/new.db")) as store:
        assert isinstance(store, SQLiteStore)
        assert (tmp_path / "new.db").exists()


def test_a_path_may_begin_at_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    open_store("sqlite:///~/jobs.db").close()

    assert (tmp_path / "jobs.db").exists()


def test_a_store_that_is_opened_to_read_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no job was run here yet"):
        open_store(f"sqlite:///{tmp_path}/new.db", read_only=True)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite:////var/jobs.db", "sqlite:////var/jobs.db"),
        ("postgresql://me:secret@host:5432/jobs?sslkey=k", "postgresql://me@host:5432/jobs"),
        ("postgresql://host/jobs", "postgresql://host/jobs"),
    ],
)
def test_a_url_is_shown_without_password_and_options(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_store_is_ones_own_when_nobody_else_can_write_to_it(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    url = f"sqlite:///{path}"

    missing = is_own(url)
    open_store(url).close()
    made = is_own(url)
    path.chmod(0o664)

    assert (missing, made, is_own(url)) == (True, True, False)
    assert is_own("postgresql://host/jobs")


def test_a_store_of_another_user_is_not_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    open_store(url).close()

    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "jobs.db").stat().st_uid + 1)

    assert not is_own(url)
