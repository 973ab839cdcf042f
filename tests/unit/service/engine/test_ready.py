"""Ready jobs of one priority are taken from all trees in turn."""

from collections.abc import Iterable

from parrot_async.model.models import JobSpec
from parrot_async.model.nodes import blank_node
from parrot_async.service.engine.ready import ReadyQueue
from parrot_async.service.engine.state import TrackedJob


def job(name: str, tree: int, priority: int = 0) -> TrackedJob:
    node = blank_node()
    node.id, node.spec = name, JobSpec(title=name, queue="default", priority=priority)
    return TrackedJob(node, tree)


def jobs(letter: str, count: int, tree: int, priority: int = 0) -> list[TrackedJob]:
    return [job(f"{letter}{n}", tree, priority) for n in range(count)]


def queue_of(*some: Iterable[TrackedJob]) -> ReadyQueue:
    queue = ReadyQueue()
    for each in (each for part in some for each in part):
        queue.push(each)
    return queue


def take(queue: ReadyQueue, count: int, held: dict[str, str] | None = None) -> list[str]:
    """Take so many jobs; `held` says by their names which are held by what."""
    left = [count]

    def admits(_: TrackedJob) -> bool:
        left[0] -= 1
        return left[0] >= 0

    return [one.id for one in queue.take(admits, lambda one: (held or {}).get(one.id))]


def test_a_small_tree_starts_beside_a_big_one_that_was_there_before() -> None:
    queue = queue_of(jobs("big", 100, 1), jobs("small", 2, 2))

    taken = take(queue, 6)

    assert taken == ["big0", "small0", "big1", "small1", "big2", "big3"]


def test_jobs_that_are_ready_late_in_an_old_tree_do_not_wait_behind_a_newer_tree() -> None:
    queue = queue_of(jobs("new", 100, 2))
    take(queue, 10)

    queue.push(job("late", 1))

    assert take(queue, 2) == ["new10", "late"]


def test_a_tree_whose_jobs_follow_each_other_leaves_others_their_turn() -> None:
    queue = queue_of(jobs("chain", 1, 1), jobs("other", 10, 2))
    taken = []

    for number in range(1, 4):
        taken += take(queue, 1)
        if taken[-1].startswith("chain"):
            queue.push(job(f"chain{number}", 1))

    assert taken == ["chain0", "other0", "chain1"]


def test_many_trees_get_as_many_jobs_each() -> None:
    queue = queue_of(*[jobs(f"{letter}-", 10, tree) for tree, letter in enumerate("abcde")])

    taken = [name[0] for name in take(queue, 15)]

    assert {letter: taken.count(letter) for letter in "abcde"} == dict.fromkeys("abcde", 3)


def test_a_larger_priority_goes_first_whatever_its_tree() -> None:
    queue = queue_of(jobs("slow", 2, 1, -5), jobs("normal", 1, 2), jobs("fast", 2, 3, 5))

    assert take(queue, 5) == ["fast0", "fast1", "normal0", "slow0", "slow1"]


def test_jobs_of_a_queue_at_its_limit_are_let_go_of_one_tree_after_the_other() -> None:
    big, small = jobs("big", 3, 1), jobs("small", 1, 2)
    queue = queue_of(big, small)
    held = dict.fromkeys([one.id for one in (*big, *small)], "limited")
    take(queue, 9, held)

    queue.unpark("limited")
    queue.unpark("limited")

    assert take(queue, 9) == ["big0", "small0"]


def test_a_job_that_is_held_costs_its_tree_no_turn() -> None:
    queue = queue_of(jobs("a", 2, 1), jobs("b", 2, 2))

    taken = take(queue, 3, {"a0": "limited"})

    assert taken == ["a1", "b0", "b1"]


def test_cancelled_jobs_are_dropped() -> None:
    first, *others = jobs("a", 3, 1)
    queue = queue_of([first, *others])
    first.to("ended")

    assert take(queue, 9) == ["a1", "a2"]
    assert len(queue) == 0


def test_who_asks_what_waits_is_told_some_of_each_tree_with_what_holds_them() -> None:
    queue = queue_of(jobs("a", 100, 1), jobs("b", 100, 2))
    take(queue, 0, dict.fromkeys(["a0"], "limited"))

    seen = [(one.id[0], holder) for one, holder in queue.some(4)]

    assert seen == [("a", None), ("a", None), ("b", None), ("b", None), ("a", "limited")]
