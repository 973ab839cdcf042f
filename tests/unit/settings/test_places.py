"""Where things are kept, by the environment and by what is given."""

from pathlib import Path

import pytest

from parrot_async.settings.places import (
    chosen_places,
    chosen_store,
    data_home,
    local_store,
    scheduler_places,
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARROT_HOME", "PARROT_STORE", "PARROT_RESULTS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")


def test_the_home_is_in_the_users_data_by_default() -> None:
    assert data_home() == Path("/home/somebody/.local/share/parrot_async")


def test_the_home_follows_the_xdg_data_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "~/data")

    assert data_home() == Path("/home/somebody/data/parrot_async")


def test_a_home_of_ones_own_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARROT_HOME", "here")

    assert data_home() == tmp_path / "here"


def test_a_local_store_is_a_file_in_the_clusters_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_HOME", "/data")

    assert local_store() == "sqlite:////data/default/jobs.db"
    assert local_store("mine") == "sqlite:////data/mine/jobs.db"


def test_a_chosen_store_is_that_of_every_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_STORE", "postgresql://host/jobs")

    assert local_store("mine") == "postgresql://host/jobs"


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_STORE", "postgresql://host/jobs")

    assert chosen_store("postgresql://other/jobs") == "postgresql://other/jobs"


@pytest.mark.parametrize(
    ("url", "file"), [("sqlite:///jobs.db", "jobs.db"), ("sqlite:///sub/jobs.db", "sub/jobs.db")]
)
def test_the_path_of_a_file_means_the_same_in_the_daemon(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, file: str
) -> None:
    monkeypatch.chdir(tmp_path)

    assert chosen_store(url) == f"sqlite:///{tmp_path / file}"


def test_the_user_of_a_path_is_filled_in() -> None:
    assert chosen_store("sqlite:///~/jobs.db") == "sqlite:////home/somebody/jobs.db"


def test_only_places_that_were_chosen_are_told_to_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = chosen_places()
    monkeypatch.setenv("PARROT_RESULTS", "s3://bucket/results")
    monkeypatch.setenv("PARROT_STORE", "")

    assert before == {}
    assert chosen_places() == {"PARROT_RESULTS": "s3://bucket/results"}


def test_a_service_beside_a_scheduler_keeps_things_in_the_users_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PARROT_HOME", str(tmp_path))
    monkeypatch.delenv("PARROT_STORE", raising=False)
    monkeypatch.setenv("PARROT_RESULTS", "s3://bucket/results")

    store, results = scheduler_places()

    assert store == f"sqlite:///{tmp_path / 'schedulers' / 'jobs.db'}"
    assert results == "s3://bucket/results"
    assert (tmp_path / "schedulers").stat().st_mode & 0o777 == 0o700
