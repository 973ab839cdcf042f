"""The words for a worker's death name its memory where that may have been the cause."""

from parrot_async.service.worker_deaths import TERMINATED, WorkerDeaths, WorkerMemory

MIB = 2**20


def deaths(used: int, limit: int = 500 * MIB) -> WorkerDeaths:
    return WorkerDeaths(lambda _: WorkerMemory(used, limit))


def test_a_worker_that_its_nanny_killed_is_told_with_what_the_nanny_saw() -> None:
    known = deaths(used=300 * MIB)
    known.event(TERMINATED, {"worker": "a", "rss": 480 * MIB})

    told = known.told("a")

    assert told.startswith(
        "its worker a was killed for its memory: it had 480.00 MiB of its limit of 500.00 MiB (96%)"
    )
    assert "was killed" not in known.told("a")  # it is forgotten: the address may be used again


def test_a_worker_that_had_much_memory_is_told_with_what_was_last_known() -> None:
    told = deaths(used=400 * MIB).told("a")

    assert told.startswith(
        "its worker a died; its memory was last known to be 400.00 MiB of its limit of 500.00 MiB"
    )


def test_of_any_other_worker_nothing_is_guessed() -> None:
    assert deaths(used=100 * MIB).told("a") == "its worker a died"
    assert deaths(used=100 * MIB, limit=0).told("a") == "its worker a died"
    assert WorkerDeaths(lambda _: None).told("a") == "its worker a died"


def test_only_a_death_whose_cause_the_nanny_may_still_tell_is_unclear() -> None:
    known = deaths(used=400 * MIB)

    before = known.is_unclear("a")
    known.event(TERMINATED, {"worker": "a", "rss": 480 * MIB})
    known.event("another topic", "whatever")

    assert before
    assert not known.is_unclear("a")
    assert not deaths(used=100 * MIB).is_unclear("a")
