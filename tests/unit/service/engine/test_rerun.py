"""A tree that has ended runs again as a new one, as a whole or where it had failed."""

import pytest

from parrot_async.errors import JobNotFoundError, NotEndedError
from parrot_async.model.models import JobStatus
from tests.unit.service.engine.parts import WORKER, Engine, asked, plan, turns


async def half_done(engine: Engine) -> None:
    """Leave a plan `p` whose first child has completed, and whose second has failed."""
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    await engine.submit(
        plan("p", 2, on_failure="collect"),
        asked("p.0", parent="p", arguments=[b"one"]),
        asked("p.1", parent="p", arguments=[b"two"]),
    )
    good, bad = engine.job("p.0"), engine.job("p.1")
    await engine.started(good, bad)
    await engine.completed(good, value=7)
    await engine.failed(bad)
    await engine.past("p")


async def test_a_tree_runs_again_as_a_new_one(engine: Engine) -> None:
    await half_done(engine)

    root_id = await engine.rerun.run("p", failed_only=False)
    await turns()
    await engine.run(engine.job(f"{root_id}.0"), engine.job(f"{root_id}.1"))

    assert root_id != "p"
    assert engine.status(root_id) is JobStatus.COMPLETED
    assert engine.status("p") is JobStatus.FAILED
    node = engine.journal.node(f"{root_id}.1")
    assert node is not None
    assert node.origin == "p.1"


async def test_copies_have_the_arguments_of_the_originals(engine: Engine) -> None:
    await half_done(engine)

    root_id = await engine.rerun.run("p", failed_only=False)

    assert engine.job(f"{root_id}.0").arguments == b"one"
    assert engine.job(f"{root_id}.1").arguments == b"two"


async def test_only_what_had_failed_runs_again(engine: Engine) -> None:
    await half_done(engine)

    root_id = await engine.rerun.run("p", failed_only=True)
    await turns()
    before = engine.status(f"{root_id}.0")
    await engine.run(engine.job(f"{root_id}.1"))

    stored = await engine.journal.recorder.read(
        lambda store: store.results(["p.0", f"{root_id}.0"])
    )
    assert before is JobStatus.COMPLETED
    assert engine.status(root_id) is JobStatus.COMPLETED
    assert stored["p.0"].value == stored[f"{root_id}.0"].value


async def test_a_part_of_a_tree_becomes_a_tree_of_its_own(engine: Engine) -> None:
    await half_done(engine)

    root_id = await engine.rerun.run("p.1", failed_only=False)

    job = engine.job(root_id)
    assert "." not in root_id
    assert (job.parent, job.arguments) == (None, b"two")


async def test_copies_need_the_copies_of_what_was_needed(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    await engine.submit(
        plan("p", 2), asked("p.0", parent="p"), asked("p.1", parent="p", needs=["p.0"])
    )
    engine.executor.stopping.cancel("p")
    await engine.failed(engine.job("p.0"))

    root_id = await engine.rerun.run("p", failed_only=False)

    node = engine.job(f"{root_id}.1").node
    assert node.depends_on == (f"{root_id}.0",)
    assert node.known_as == ("p.0",)


async def test_a_job_that_has_not_ended_cannot_run_again(engine: Engine) -> None:
    await engine.submit(asked("a"))

    with pytest.raises(NotEndedError, match="job a is queued: cancel it, or wait for its end"):
        await engine.rerun.run("a", failed_only=False)


async def test_an_unknown_job_cannot_run_again(engine: Engine) -> None:
    with pytest.raises(JobNotFoundError, match="no job nobody is known here"):
        await engine.rerun.run("nobody", failed_only=True)


async def completed_over_a_failure(engine: Engine) -> None:
    """Leave a plan of two jobs, the first of which completed though its child had failed.

    The second one needs the first one, the third one none.
    """
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    await engine.submit(
        plan("p", 3),
        asked("p.0", parent="p"),
        asked("p.1", parent="p", needs=["p.0"]),
        asked("p.2", parent="p"),
    )
    parent = engine.job("p.0")
    await engine.started(parent, engine.job("p.2"))
    await engine.completed(engine.job("p.2"))
    await engine.submit(asked("p.0.0", parent="p.0"))
    child = engine.job("p.0.0")
    await engine.started(child)
    await engine.failed(child)
    await engine.completed(parent)
    await engine.run(engine.job("p.1"))
    await engine.past("p")


async def test_what_completed_over_a_failed_child_runs_again_with_what_needs_it(
    engine: Engine,
) -> None:
    await completed_over_a_failure(engine)
    assert engine.status("p") is JobStatus.COMPLETED

    root_id = await engine.rerun.run("p", failed_only=True)
    await turns()

    assert engine.status(f"{root_id}.0") is not JobStatus.COMPLETED
    assert engine.status(f"{root_id}.1") is not JobStatus.COMPLETED
    assert engine.status(f"{root_id}.2") is JobStatus.COMPLETED
