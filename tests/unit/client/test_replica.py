"""A copy of one tree: lazy until somebody reads it, and told of by changes."""

import threading

from parrot_async.client.replica import Changes, Replica
from parrot_async.model.events import Event, Record, dump
from tests.unit.stories import PLAN, cancelled, completed, failed, started, submitted


def taken(*events: Event) -> Replica:
    replica = Replica()
    for seq, event in enumerate(events, 1):
        replica.take(seq, event, Record(dump(event)))
    return replica


def test_nodes_are_made_when_somebody_reads_the_tree() -> None:
    replica = taken(submitted("r", spec=PLAN), submitted("r.0"), started("r.0"))

    assert replica._unfolded
    assert set(replica.tree().nodes) == {"r", "r.0"}
    assert not replica._unfolded


def test_a_tree_that_was_read_is_live() -> None:
    replica = taken(submitted("r"))
    tree = replica.tree()

    replica.take(2, started("r"), Record(dump(started("r"))))

    assert str(tree["r"].status) == "running"


def test_the_first_event_may_come_without_a_number_after_others() -> None:
    replica = taken(started("r"), completed("r"))

    replica.take(0, submitted("r"), Record(dump(submitted("r"))))

    assert str(replica.tree()["r"].status) == "completed"
    assert replica.latest == 2


def test_jobs_below_the_root_are_counted() -> None:
    assert taken(submitted("r", spec=PLAN), submitted("r.0", "r.1")).submitted == 2


def test_ends_are_known_without_the_tree() -> None:
    replica = taken(submitted("r"), completed("r"))

    assert replica.has_ended("r")
    assert not replica.has_ended("q")
    assert replica._unfolded


def test_outcomes_have_errors_of_all_kinds() -> None:
    replica = taken(submitted("r", spec=PLAN), failed("r.0"), cancelled("r.1"))

    kinds = [replica.outcome(job_id).error for job_id in ("r.0", "r.1", "r.2")]

    assert [error and error.kind for error in kinds] == ["exception", "cancelled", None]


def test_values_are_kept_by_job() -> None:
    replica = taken(submitted("r", spec=PLAN))
    event = completed("r.0", "r.1")

    replica.take(2, event, Record(dump(event), (b"0", None)))

    assert (replica.outcome("r.0").data, replica.outcome("r.1").data) == (b"0", None)


def test_changes_are_woken_once_until_they_are_taken() -> None:
    replica = taken(submitted("r"))
    woken: list[int] = []
    changes = replica.changes(lambda: woken.append(1))

    replica.take(2, started("r"), Record(dump(started("r"))))
    replica.take(3, completed("r"), Record(dump(completed("r"))))

    assert len(woken) == 1
    assert changes.take() == ["r"]
    assert changes.take() == []


def test_changes_that_are_left_wake_again() -> None:
    woken: list[int] = []
    changes = Changes(lambda: woken.append(1))

    changes.add(["a"])
    changes.leave()
    changes.add(["b"])

    assert len(woken) == 2
    assert changes.take() == ["a", "b"]


def test_changes_that_nobody_holds_are_not_told() -> None:
    replica = taken(submitted("r"))
    replica.changes(lambda: None)

    replica.take(2, started("r"), Record(dump(started("r"))))

    assert [held() for held in replica._changes] == [None]


def test_changes_from_many_threads_are_all_there() -> None:
    changes = Changes(lambda: None)
    threads = [
        threading.Thread(target=changes.add, args=[[f"{n}.{i}" for i in range(100)]])
        for n in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(changes.take()) == 800
