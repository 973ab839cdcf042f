"""The ends of children reach the parent that waits, also those that come early."""

from parrot_async.runner.children import ChildFutures
from parrot_async.runner.host import ExecutionHost
from parrot_async.transport.outcome import Outcome
from tests.unit.runner.attempts import BareRunner


def outcome(job_id: str, value: object = None) -> Outcome:
    return Outcome(job_id, Outcome.of(value).data)


def parent() -> ExecutionHost:
    return ExecutionHost(BareRunner(), "p", 1, None)


def test_an_end_is_the_result_of_the_child() -> None:
    futures, host = ChildFutures(), parent()
    accepted = futures.add(host, ["p.1", "p.2"], lambda _: None)

    futures.ended(outcome("p.2", "two"), lambda _: True)

    assert accepted.ids == ["p.1", "p.2"]
    assert [end.done() for end in accepted.ends] == [False, True]
    assert accepted.ends[1].result().value() == "two"
    assert host.children == list(zip(accepted.ids, accepted.ends, strict=True))


def test_an_end_that_comes_before_the_ids_is_kept_for_a_parent_that_runs() -> None:
    futures, host = ChildFutures(), parent()

    futures.ended(outcome("p.1", "early"), lambda job_id: job_id == "p")
    (end,) = futures.add(host, ["p.1"], lambda _: None).ends

    assert end.result().value() == "early"


def test_an_end_for_a_parent_that_does_not_run_here_is_dropped() -> None:
    futures, host = ChildFutures(), parent()

    futures.ended(outcome("p.1", "astray"), lambda _: False)
    futures.ended(outcome("p", "a root"), lambda _: True)
    (end,) = futures.add(host, ["p.1"], lambda _: None).ends

    assert not end.done()


def test_the_first_end_counts() -> None:
    futures, host = ChildFutures(), parent()
    (end,) = futures.add(host, ["p.1"], lambda _: None).ends

    futures.ended(outcome("p.1", "first"), lambda _: True)
    futures.ended(outcome("p.1", "second"), lambda _: True)

    assert end.result().value() == "first"


def test_nothing_is_kept_of_a_parent_that_has_ended() -> None:
    futures, host = ChildFutures(), parent()
    futures.add(host, ["p.1"], lambda _: None)
    futures.ended(outcome("p.2", "early"), lambda _: True)

    futures.forget(host)
    again = futures.add(parent(), ["p.1", "p.2"], lambda _: None).ends

    assert not any(end.done() for end in again)


def test_a_child_is_cancelled_by_its_id() -> None:
    cancelled: list[str] = []
    accepted = ChildFutures().add(parent(), ["p.1", "p.2"], cancelled.append)

    accepted.cancel(accepted.ids[1])

    assert cancelled == ["p.2"]


def test_a_child_is_had_until_its_parents_attempt_is_over() -> None:
    futures, host = ChildFutures(), parent()
    futures.add(host, ["p.1"], lambda _: None)
    while_it_runs = futures.has("p.1")

    futures.forget(host)

    assert (while_it_runs, futures.has("p.1")) == (True, False)
