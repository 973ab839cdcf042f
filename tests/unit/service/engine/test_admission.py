"""What clients and running jobs ask for is accepted once, or refused as a whole."""

import asyncio

import pytest

from parrot_async.errors import JobNotFoundError, NotEndedError, OptionsError
from parrot_async.model.models import JobStatus
from parrot_async.service.engine.admission import MOST_IN_EVENT
from parrot_async.store import JobStore
from tests.unit.service.engine.parts import WORKER, Engine, asked, plan


async def test_an_accepted_tree_is_durable(engine: Engine) -> None:
    root_id = await engine.admission.from_client(
        [plan("p", 1), asked("p.0", parent="p", arguments=[b"one"])], {"f": b"function"}
    )

    def stored(store: JobStore) -> tuple[bytes, bytes | None]:
        return store.arguments(["p.0"])["p.0"], store.function("f")

    assert root_id == "p"
    assert await engine.journal.recorder.read(stored) == (b"one", b"function")
    assert await engine.kinds("p.0") == ["submitted"]


async def test_a_tree_that_is_asked_for_twice_is_accepted_once(engine: Engine) -> None:
    first = await engine.admission.from_client([asked("a")], {})

    second = await engine.admission.from_client([asked("a")], {})

    assert (first, second) == ("a", "a")
    assert await engine.kinds("a") == ["submitted"]


async def test_a_job_gets_the_options_of_its_queue(engine: Engine) -> None:
    job = await engine.submit(asked("a", queue="fast", pool=""))

    spec = job.node.spec
    assert (spec.pool, spec.priority, spec.timeout) == ("cpu", 5, 30)


async def test_a_jobs_own_options_go_before_those_of_its_queue(engine: Engine) -> None:
    job = await engine.submit(asked("a", queue="fast", priority=-3, timeout=7.0, is_async=True))

    spec = job.node.spec
    assert (spec.pool, spec.priority, spec.timeout) == ("cpu", -3, 7.0)


async def test_an_unknown_queue_is_refused(engine: Engine) -> None:
    with pytest.raises(OptionsError, match=r"there is no queue 'fats'\. Queues: agents, cpu"):
        await engine.admission.from_client([asked("a", queue="fats")], {})

    assert engine.executor.jobs == {}


async def test_a_tree_that_needs_an_unknown_job_is_refused_as_a_whole(engine: Engine) -> None:
    with pytest.raises(JobNotFoundError, match="it needs job nobody, which is not known here"):
        await engine.admission.from_client([plan("p", 1), asked("b", needs=["nobody"])], {})

    assert engine.executor.jobs == {}
    assert await engine.past("p") == []


async def test_a_tree_that_needs_one_that_nobody_runs_is_refused(engine: Engine) -> None:
    await engine.admission.from_client([asked("a")], {})
    engine.journal.forget("a")

    with pytest.raises(NotEndedError, match=r"await client.recover\(\)"):
        await engine.admission.from_client([asked("b", needs=["a"])], {})


async def test_many_jobs_become_events_that_can_be_read_in_portions(engine: Engine) -> None:
    ids = [f"p.{n}" for n in range(MOST_IN_EVENT + 1)]

    await engine.admission.from_client([plan("p", len(ids)), asked(*ids, parent="p")], {})

    past = await engine.past("p")
    assert [len(event.ids) for event in past if event.kind == "submitted"] == [
        1,
        MOST_IN_EVENT,
        1,
    ]
    assert len(engine.executor.jobs) == len(ids) + 1


async def test_the_same_key_is_the_same_job(engine: Engine) -> None:
    first = await engine.admission.from_client([asked("a", key="nightly")], {})

    second = await engine.admission.from_client([asked("b", key="nightly")], {})

    assert (first, second) == ("a", "a")
    assert "b" not in engine.executor.jobs


async def test_of_two_that_ask_at_once_with_one_key_one_is_accepted(engine: Engine) -> None:
    asks = [engine.admission.from_client([asked(name, key="nightly")], {}) for name in "abc"]

    found = await asyncio.gather(*asks)

    assert len(set(found)) == 1
    assert set(engine.executor.jobs) == set(found)


async def test_a_key_is_free_again_when_its_job_was_refused(engine: Engine) -> None:
    with pytest.raises(JobNotFoundError):
        await engine.admission.from_client([asked("a", key="k", needs=["nobody"])], {})

    assert await engine.admission.from_client([asked("b", key="k")], {}) == "b"


async def test_an_equal_call_whose_result_is_shared_does_not_run_again(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    await engine.run(await engine.submit(asked("a", cache="f1")), value=7)
    await engine.past("a")

    await engine.admission.from_client([asked("b", cache="f1")], {})

    node = engine.journal.node("b")
    assert await engine.kinds("b") == ["submitted", "completed"]
    assert node is not None
    assert node.result is not None
    assert node.result.source == "a"


async def test_another_call_of_a_shared_function_runs(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    await engine.run(await engine.submit(asked("a", cache="f1")))

    job = await engine.submit(asked("b", cache="f1", arguments=[b"others"]))

    assert job.state == "sent"


async def test_children_are_numbered_below_their_parent(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)

    first = await engine.children(parent, b"1", b"2")
    second = await engine.children(parent, b"1")

    assert (first, second) == (["a.0", "a.1"], ["a.2"])


async def test_found_children_are_told_apart_from_new_ones(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a", retry={"retries": 1, "first": 0.0}))
    await engine.started(parent)
    (child,) = await engine.children(parent, b"1")
    await engine.run(engine.job(child))
    await engine.failed(parent)
    await engine.started(parent)

    group = asked("", "", parent="a", arguments=[b"1", b"2"])
    ids, known = await engine.admission.from_body("a", parent.attempt, [group], {})

    assert ids == ["a.0", "a.1"]
    assert known == ["a.0"]
    assert engine.status("a.0") is JobStatus.COMPLETED


async def test_functions_are_kept_for_workers_that_ask(engine: Engine) -> None:
    await engine.admission.from_client([asked("a")], {"f": b"function"})

    assert engine.functions.get("f") == b"function"
