"""A store is read without a cluster, and nothing in it changes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from parrot_async.errors import JobNotFoundError, NotEndedError, ResultExpiredError, StoreError
from parrot_async.history import History
from parrot_async.model.events import Event
from parrot_async.model.models import JobStatus
from parrot_async.settings.places import local_store
from parrot_async.store import Commit, open_store
from tests.unit.stores import BODY, row, write
from tests.unit.stories import BROKEN, PLAN, completed, failed, started, submitted


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


def test_jobs_are_listed_and_filtered_as_a_client_does(url: str) -> None:
    write(url, values={}, row=row("one"))
    write(url, values={}, row=row("two", JobStatus.FAILED))
    write(url, values={}, row=row("three", queue="fast"))

    with History(url) as history:
        assert {found.id for found in history.jobs()} == {"one", "two", "three"}
        assert [found.id for found in history.jobs("failed")] == ["two"]
        assert [found.id for found in history.jobs(queue="fast", function="tests:task")] == [
            "three"
        ]
        assert len(history.jobs(limit=2)) == 2
        assert str(history.jobs("failed")).startswith("Job  Submitted")


def test_a_tree_its_nodes_and_its_report_are_as_they_were_written(url: str) -> None:
    write(url, submitted("r", spec=PLAN), submitted("r.0"), started("r.0"), values={})

    with History(url) as history:
        tree, node = history.tree("r.0"), history.node("r.0")
        said = history.report("r")

    assert list(tree.nodes) == ["r", "r.0"]
    assert node.status is JobStatus.RUNNING
    assert said.startswith("# Job results: plan")


def test_a_job_that_is_not_there_is_said_not_to_be(url: str) -> None:
    write(url, submitted("r"), values={})

    with History(url) as history:
        for job_id in ("s", "r.0"):
            with pytest.raises(JobNotFoundError, match=f"no job {job_id}"):
                history.node(job_id)


def test_results_of_a_job_and_of_a_plan_with_a_failed_part(url: str) -> None:
    story: Sequence[Event] = [
        submitted("r", spec=PLAN),
        submitted("r.0", "r.1", spec=BODY),
        completed("r.0"),
        failed("r.1", error=BROKEN),
        completed("r"),
    ]
    write(url, *story, values={"r.0": {"a": (1,)}, "r.1": ValueError("broken")})

    with History(url) as history:
        first, both = history.result("r.0"), history.result("r")
        with pytest.raises(ValueError, match="broken"):
            history.result("r.1")

    assert first == {"a": (1,)}
    assert both[0] == first
    assert isinstance(both[1], ValueError)


def test_a_job_that_has_not_ended_has_no_result_yet(url: str) -> None:
    write(url, submitted("r", spec=BODY), started("r"), values={})

    with History(url) as history, pytest.raises(NotEndedError, match="r is running"):
        history.result("r")


def test_a_result_whose_time_is_over_is_said_to_be_gone(url: str) -> None:
    write(url, submitted("r", spec=BODY), completed("r"), values={"r": 1})
    store = open_store(url)
    store.commit(Commit(results=[("r", b"", 1.0, None)]))
    store.close()

    with History(url) as history, pytest.raises(ResultExpiredError):
        history.result("r")


def test_a_result_that_others_could_have_written_is_not_unpickled(url: str, tmp_path: Path) -> None:
    write(url, submitted("r", spec=BODY), completed("r"), values={"r": 1})
    (tmp_path / "jobs.db").chmod(0o666)

    with History(url) as history:
        with pytest.raises(StoreError, match="others can write to"):
            history.result("r")

        assert history.node("r").status is JobStatus.COMPLETED


def test_a_history_without_a_store_says_so_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no job store at"):
        History(f"sqlite:///{tmp_path}/none/jobs.db")

    assert list(tmp_path.iterdir()) == []


def test_history_is_that_of_the_local_cluster_unless_another_store_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARROT_HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    write(local_store("mine"), values={}, row=row("local"))
    write(f"sqlite:///{tmp_path}/team.db", values={}, row=row("team"))

    with History(name="mine") as history:
        local = [found.id for found in history.jobs()]
    monkeypatch.setenv("PARROT_STORE", f"sqlite:///{tmp_path}/team.db")
    with History() as history:
        team = [found.id for found in history.jobs()]

    assert (local, team) == (["local"], ["team"])


def test_reading_changes_nothing_in_the_file(url: str, tmp_path: Path) -> None:
    write(url, submitted("r", spec=BODY), completed("r"), values={"r": 1}, row=row("r"))
    before = (tmp_path / "jobs.db").read_bytes()

    with History(url) as history:
        history.jobs()
        history.report("r")
        history.result("r")

    assert (tmp_path / "jobs.db").read_bytes() == before
