"""Two services on one store: what one leaves unfinished the other goes on with, and only then."""

import importlib
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobHandle, JobStatus, Plan, current_job, job, result_of
from parrot_async.errors import (
    FunctionChangedError,
    InterruptedJobError,
    JobCancelledError,
    NotEndedError,
)
from parrot_async.jobs.request import groups_of_calls, map_root, new_id
from parrot_async.model import events
from parrot_async.model.models import Queue, RetryPolicy
from parrot_async.service.custody import lease as leases
from parrot_async.store import Commit, open_store
from parrot_async.transport.pickling import dump_function
from tests.integration import waiting
from tests.integration.services import service_on
from tests.integration.traces import executions, is_there, leave


@job
async def marks(folder: str, name: str) -> str:
    leave(folder, name)
    return name


@job
async def waits_for(folder: str, name: str) -> str:
    """Wait until somebody puts a file of this name there."""
    while not is_there(folder, name):  # noqa: ASYNC110 - of other processes
        await anyio.sleep(0.01)
    leave(folder, f"done-{name}")
    return name


@job
async def parent(folder: str) -> list[str]:
    here = current_job()
    leave(folder, "parent")
    first = await here.run(marks, folder, "first")
    return [first, await here.run(waits_for, folder, "go")]


@job(retries=3, retry_delay="1h")
async def fails_once(folder: str) -> str:
    leave(folder, "fails")
    raise LookupError("once")


@job
async def measures(data: bytes, of: str) -> int:
    return len(data) + len(of)


@job
async def fleeting_parent(folder: str) -> list[str]:
    here = current_job()
    first = await here.run(marks.options(result_ttl="10ms"), folder, "fleeting")
    return [first, await here.run(waits_for, folder, "go")]


@job
async def saves(folder: str) -> int:
    here = current_job()
    if here.restored is not None:
        return int(here.restored)
    here.checkpoint(7)
    await here.run(waits_for, folder, "never")
    return 0


def url_of(home: Path) -> str:
    return f"sqlite:///{home / 'jobs.db'}"


def take_from(home: Path, root_id: str) -> None:
    """Have a tree's service seem dead, as after a sleep that outlasted its lease."""
    with closing(open_store(url_of(home))) as store:
        row = store.root(root_id)
        assert row is not None
        store.drop_lease(row.owner)


async def until(handle: JobHandle[Any], status: str, count: int = 1) -> None:
    """Wait until so many jobs of the tree are in a state."""
    await waiting.until(lambda: sum(node.status == status for node in handle.tree.walk()) >= count)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "traces").mkdir()
    return tmp_path


@pytest.fixture
def traces(home: Path) -> Path:
    return home / "traces"


async def test_a_body_goes_on_from_its_last_completed_child(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        handle = await one.submit(parent, str(traces))
        await until(handle, "running")
        await until(handle, "completed")

    async with service_on(home) as two:
        (handle,) = await two.recover()
        (traces / "go").touch()

        assert await handle == ["first", "go"]
        assert executions(traces) == {"parent": 2, "first": 1, "done-go": 1}
        attempts = handle.node.attempts
        assert len(attempts) == 2
        assert attempts[0].error is not None
        assert attempts[0].error.kind == "lost"
        assert len(handle.children) == 2


async def test_an_attempt_that_was_interrupted_is_not_held_against_the_job(
    home: Path, traces: Path
) -> None:
    assert RetryPolicy().lost < 5
    async with service_on(home) as client:
        await client.submit(waits_for, str(traces), "go")
    for _ in range(5):
        async with service_on(home) as client:
            (handle,) = await client.recover()
            await until(handle, "running")

    async with service_on(home) as client:
        (handle,) = await client.recover()
        (traces / "go").touch()
        assert await handle == "go"
        assert handle.node.attempt >= 6


async def test_a_body_goes_on_from_what_it_saved(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        handle = await one.submit(saves, str(traces))
        await until(handle, "running", 1)
        await until(handle, "waiting_for_children")
        await anyio.sleep(0.5)

    async with service_on(home) as two:
        (handle,) = await two.recover()

        assert await handle == 7


async def test_plans_go_on_in_their_order(home: Path, traces: Path) -> None:
    folder = str(traces)
    steps = [marks.bind(folder, "a"), waits_for.bind(folder, "go"), marks.bind(folder, "b")]
    async with service_on(home) as one:
        handle = await one.submit(Plan("in order", steps, sequential=True))
        await until(handle, "running")

    async with service_on(home) as two:
        (handle,) = await two.recover()
        await anyio.sleep(0.2)
        assert executions(traces) == {"a": 1}
        (traces / "go").touch()

        assert await handle == ["a", "go", "b"]
        assert executions(traces) == {"a": 1, "done-go": 1, "b": 1}


async def test_arguments_and_needs_are_found_again(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        first = await one.submit(waits_for, str(traces), "go")
        needs = await one.submit(measures, b"x" * 1_000_000, result_of(first))
        done = await one.submit(marks, str(traces), "done")
        await done
        also = await one.submit(measures.options(depends_on=[first]), b"", result_of(done))
        ids = [needs.id, also.id]

    async with service_on(home) as two:
        found = {handle.id: handle for handle in await two.recover()}
        (traces / "go").touch()

        assert len(found) == 3
        assert [await found[job_id] for job_id in ids] == [1_000_002, 4]


async def test_a_job_that_waits_for_its_next_attempt_still_does(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        handle = await one.submit(fails_once, str(traces))
        async for event in handle.events():
            if event.kind == "requeued":
                break
        retry_at = handle.node.retry_at

    async with service_on(home) as two:
        (handle,) = await two.recover()
        await anyio.sleep(0.3)

        assert handle.status is JobStatus.QUEUED
        assert handle.node.retry_at == retry_at
        assert executions(traces) == {"fails": 1}
        await handle.cancel()
        assert await handle.wait() is JobStatus.CANCELLED


async def test_what_is_paused_stays_paused(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        handle = await one.submit(Plan("p", [marks.bind(str(traces), "a")]))
        held = await one.submit(waits_for, str(traces), "go")
        await until(held, "running")
        await held.pause()
        del handle

    async with service_on(home) as two:
        handles = {handle.id: handle for handle in await two.recover()}
        held = handles[held.id]
        (traces / "go").touch()
        await anyio.sleep(0.3)
        assert held.status is JobStatus.PAUSED
        await held.resume()

        assert await held == "go"


async def test_what_was_being_cancelled_ends_cancelled(home: Path, traces: Path) -> None:
    stubborn = waits_for.options(grace="1h")
    async with service_on(home) as one:
        handle = await one.submit(Plan("p", [stubborn.bind(str(traces), "go")]))
        await until(handle, "running")
        asked = events.CancelRequested(ids=(handle.id,), at=time.time())
        with closing(open_store(url_of(home))) as store:
            store.commit(Commit(events=[(handle.id, events.dump(asked))]))

    async with service_on(home) as two:
        (handle,) = await two.recover()

        assert await handle.wait() is JobStatus.CANCELLED
        assert {node.status for node in handle.tree.walk()} == {JobStatus.CANCELLED}


async def test_a_child_whose_result_has_expired_runs_again(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        handle = await one.submit(fleeting_parent, str(traces))
        await until(handle, "running")
        await until(handle, "completed")

    await anyio.sleep(0.05)
    async with service_on(home) as two:
        (handle,) = await two.recover()
        (traces / "go").touch()

        assert await handle == ["fleeting", "go"]
        assert executions(traces)["fleeting"] == 2


async def test_who_waits_for_an_interrupted_job_is_told(
    home: Path, traces: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with service_on(home) as one:
        job_id = (await one.submit(waits_for, str(traces), "go")).id

    async with service_on(home) as two:
        handle = await two.attach(job_id)
        with anyio.fail_after(5), pytest.raises(InterruptedJobError, match=r"client\.recover\(\)"):
            await handle
        with anyio.fail_after(5), pytest.raises(InterruptedJobError):
            async for _ in handle.events():
                pass
        assert handle.status in {JobStatus.RUNNING, JobStatus.QUEUED}
        assert "was interrupted" in caplog.text

        await two.recover([job_id])
        (traces / "go").touch()
        assert await handle == "go"


async def test_who_waited_through_the_end_of_the_service_is_told(
    home: Path, traces: Path, free_tcp_port: int
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(service_on(home, port=free_tcp_port))
        async with JobClient(first.address) as client:
            handle = await client.submit(waits_for, str(traces), "go")
            await until(handle, "running")
            await stack.aclose()
            await stack.enter_async_context(service_on(home, port=free_tcp_port))

            with anyio.fail_after(20), pytest.raises(InterruptedJobError):
                await handle
            await client.recover()
            (traces / "go").touch()
            assert await handle == "go"


async def test_a_map_that_was_not_submitted_to_its_end_is_cancelled(
    home: Path, traces: Path
) -> None:
    async with service_on(home) as one:
        top = map_root(marks, 3, new_id())
        root_id = top["ids"][0]
        function_id, data = dump_function(marks)
        await one._submission._send(root_id, [top], {function_id: data})
        (piece,) = groups_of_calls(marks, [((str(traces), "a"), {})], function_id)
        await one._submission._send(
            root_id, [{**piece, "parent_id": root_id, "ids": [f"{root_id}.0"]}], {}
        )

    async with service_on(home) as two:
        (handle,) = await two.recover()

        with anyio.fail_after(5), pytest.raises(JobCancelledError, match="its client"):
            await handle


async def test_an_interrupted_job_can_be_cancelled(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        job_id = (await one.submit(parent, str(traces))).id

    async with service_on(home) as two:
        handle = await two.attach(job_id)
        await handle.cancel()

        assert await handle.wait() is JobStatus.CANCELLED
        assert await two.recover() == []


async def test_jobs_of_a_living_service_are_left_alone_and_seen_live(
    home: Path, traces: Path
) -> None:
    async with service_on(home) as one, service_on(home) as two:
        handle = await one.submit(waits_for, str(traces), "go")
        seen = await two.attach(handle.id)
        await until(handle, "running")

        assert await two.recover() == []
        (traces / "go").touch()

        assert await seen == "go"
        assert executions(traces) == {"done-go": 1}


async def test_a_service_that_lost_its_lease_writes_nothing_more(
    home: Path, traces: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "parrot_async.service.plugin")
    async with service_on(home) as one, service_on(home) as two:
        handle = await one.submit(waits_for, str(traces), "go")
        await until(handle, "running")
        take_from(home, handle.id)

        (taken,) = await two.recover()
        await until(taken, "running")
        (traces / "go").touch()

        assert await taken == "go"
        await anyio.sleep(0.3)
        kinds = [event.kind async for event in taken.events()]
        assert kinds.count("completed") == 1
        assert kinds.count("started") == 2
        assert await one.run(marks, str(traces), "still there") == "still there"


async def test_a_queue_that_only_the_other_service_knew_is_learned(
    home: Path, traces: Path
) -> None:
    async with service_on(home) as two:
        async with service_on(home) as one:
            await one.set_queue(Queue(name="theirs", limit=1, priority=3))
            done = await one.submit(marks.options(queue="theirs"), str(traces), "a")
            await done
            left = await one.submit(waits_for.options(queue="theirs"), str(traces), "go")

        (traces / "go").touch()
        again = await (await two.attach(done.id)).retry()
        assert await again == "a"
        (handle,) = await two.recover()
        assert handle.id == left.id
        assert await handle == "go"


async def test_a_tree_may_come_back_to_who_lost_it(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        handle = await one.submit(waits_for, str(traces), "go")
        await until(handle, "running")
        async with service_on(home) as two:
            take_from(home, handle.id)
            (taken,) = await two.recover()
            await until(taken, "running")

        with anyio.fail_after(5):
            (back,) = await one.recover()
        (traces / "go").touch()
        assert await back == "go"


async def test_a_lease_is_renewed_as_long_as_the_service_lives(
    home: Path, traces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE", 1.0)
    monkeypatch.setattr(leases, "RENEW", 0.1)
    with closing(open_store(url_of(home))) as store:
        async with service_on(home) as one:
            await one.submit(waits_for, str(traces), "go")
            for _ in range(20):
                await anyio.sleep(0.1)
                assert store.interrupted(time.time()) == []
        assert len(store.interrupted(time.time())) == 1


async def test_the_lease_of_another_machine_is_waited_for(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        job_id = (await one.submit(waits_for, str(traces), "go")).id
    with closing(open_store(url_of(home))) as store:
        store.lease("elsewhere 1 1.0 token", time.time() + 1.5)
        store.claim([job_id], "elsewhere 1 1.0 token", time.time())

    async with service_on(home) as two:
        (traces / "go").touch()
        (handle,) = await two.recover()

        assert await handle == "go"


async def test_a_job_that_needs_another_services_job_waits_for_its_end(
    home: Path, traces: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with service_on(home) as one:
        async with service_on(home) as two:
            theirs = await two.submit(waits_for, str(traces), "go")
            with pytest.raises(NotEndedError, match="another service"):
                await one.submit(measures, b"", result_of(theirs))
            needs = await two.submit(measures, b"", result_of(theirs))

        assert [handle.id for handle in await one.recover([needs.id])] == []
        assert f"it needs job {theirs.id}" in caplog.text
        assert len(await one.recover()) == 2
        (traces / "go").touch()
        assert await (await one.attach(needs.id)) == 2


async def test_two_that_recover_at_once_share_the_jobs(home: Path, traces: Path) -> None:
    async with service_on(home) as one:
        for _ in range(10):
            await one.submit(waits_for, str(traces), "go")

    async with service_on(home) as two, service_on(home) as three:
        found: list[JobHandle[Any]] = []

        async def recover(client: JobClient) -> None:
            found.extend(await client.recover())

        async with anyio.create_task_group() as group:
            group.start_soon(recover, two)
            group.start_soon(recover, three)
        (traces / "go").touch()

        assert [await handle for handle in found] == ["go"] * 10
        assert executions(traces) == {"done-go": 10}


# Functions that change.


@pytest.fixture
def module(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of the user's own."""
    monkeypatch.syspath_prepend(str(home))
    write(home, "return 'as it was'")
    yield importlib.import_module("users_own")
    sys.modules.pop("users_own", None)


def write(home: Path, line: str) -> None:
    """Write the user's module anew, as an editor does, and forget what was imported of it."""
    sys.modules.pop("users_own", None)
    text = f"import time\n\ndef work(folder):\n    time.sleep(0.5)\n    {line}\n"
    (home / "users_own.py").write_text(text)
    for old in (home / "__pycache__").glob("users_own*"):
        old.unlink()
    importlib.invalidate_caches()


async def test_a_function_as_it_was_goes_on(home: Path, module: ModuleType) -> None:
    async with service_on(home) as one:
        await one.submit(job(module.work), "")
    write(home, "# with a comment\n    return 'as it was'")

    async with service_on(home) as two:
        (handle,) = await two.recover()
        assert await handle == "as it was"


@pytest.mark.parametrize("accept", [True, False])
async def test_a_function_that_changed_is_an_error_unless_it_is_accepted(
    home: Path, module: ModuleType, accept: bool
) -> None:
    async with service_on(home) as one:
        job_id = (await one.submit(job(module.work), "")).id
    write(home, "return 'as it is now'")

    async with service_on(home) as two:
        with pytest.raises(FunctionChangedError, match=rf"users_own:work.*{job_id}.*edited"):
            await two.recover()
        if accept:
            (handle,) = await two.recover(changed="accept")
            assert await handle == "as it is now"
        else:
            write(home, "return 'as it was'")
            (handle,) = await two.recover()
            assert await handle == "as it was"


async def test_a_function_that_is_gone_is_an_error(home: Path, module: ModuleType) -> None:
    async with service_on(home) as one:
        await one.submit(job(module.work), "")
    sys.modules.pop("users_own")
    (home / "users_own.py").unlink()
    importlib.invalidate_caches()

    async with service_on(home) as two:
        with pytest.raises(FunctionChangedError, match="cannot be imported"):
            await two.recover(changed="accept")


async def test_a_function_without_a_module_goes_on_by_value(home: Path, traces: Path) -> None:
    folder = str(traces)

    def local(number: int) -> int:
        time.sleep(0.3)
        return number + len(folder)

    async with service_on(home) as one:
        await one.submit(job(local), 1)

    async with service_on(home) as two:
        (handle,) = await two.recover()
        assert await handle == 1 + len(folder)
