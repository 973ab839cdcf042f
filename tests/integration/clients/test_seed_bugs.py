"""What goes wrong in the seeds' code as printed, and must not here (DESIGN, section 2)."""

import socket
import time
from datetime import UTC
from typing import Any

import anyio
import pytest

from parrot_async import FailurePolicy, JobClient, JobStatus, Plan, Queue, job
from parrot_async.errors import ChildrenFailedError, SerializationError


@job
def work(title: str) -> str:
    return title


@job
def fails() -> None:
    raise ValueError("on purpose")


@job
async def forever() -> None:
    await anyio.sleep(3600)


@job
def slow() -> float:
    time.sleep(0.5)
    return time.time()


@job
def same(value: Any) -> Any:
    return value


@job(queue="medium", timeout="90s")
def optioned() -> None:
    """Is there for its options."""


class View:
    """As the mixin's views: it holds an open connection."""

    def __init__(self) -> None:
        self.connection = socket.socket()

    @job
    def process(self) -> int:
        return 1


async def test_the_example_tree_runs_on_fewer_workers_than_it_has_plans(
    one_slot: JobClient,
) -> None:
    analysis = Plan(
        "Data Analysis",
        [
            Plan("Load and validate data", [work.bind("load"), work.bind("validate")]),
            Plan("Perform analysis", [work.bind("metrics"), work.bind("trends")]),
            work.bind("visualizations"),
        ],
    )
    slides = Plan("Presentation Creation", [work.bind("structure"), work.bind("slides")])

    handle = await one_slot.submit(Plan("Sales Analysis & Presentation", [analysis, slides]))

    with anyio.fail_after(10):
        assert await handle == [
            [["load", "validate"], ["metrics", "trends"], "visualizations"],
            ["structure", "slides"],
        ]


@pytest.mark.parametrize("policy", [FailurePolicy.FAIL, FailurePolicy.COLLECT])
async def test_a_parent_whose_children_failed_is_neither_complete_nor_at_100_percent(
    client: JobClient, policy: FailurePolicy
) -> None:
    handle = await client.submit(Plan("bad", [fails.bind(), fails.bind()], on_failure=policy))

    with pytest.raises(ChildrenFailedError):
        await handle

    assert handle.status is JobStatus.FAILED
    assert handle.progress < 100


async def test_a_cancelled_child_does_not_keep_its_parent_waiting(client: JobClient) -> None:
    plan = Plan("waits", [forever.bind(), work.bind("done")], on_failure=FailurePolicy.IGNORE)
    handle = await client.submit(plan)

    await client.cancel([f"{handle.id}.0"])

    with anyio.fail_after(5):
        assert await handle.wait() is JobStatus.COMPLETED


async def test_submit_acknowledges_before_anything_is_done(client: JobClient) -> None:
    handles = [await client.submit(slow) for _ in range(4)]
    acknowledged = time.time()

    ends = await client.gather(handles)

    assert acknowledged < min(ends)


async def test_times_are_aware_and_in_utc(client: JobClient) -> None:
    handle = await client.submit(work, "now")
    await handle

    node = handle.node
    for at in (node.created_at, node.started_at, node.completed_at):
        assert at is not None
        assert at.tzinfo is UTC


async def test_an_error_keeps_its_type_and_its_traceback(client: JobClient) -> None:
    handle = await client.submit(fails)
    await handle.wait()

    assert handle.error is not None
    assert handle.error.type_name == "ValueError"
    assert 'raise ValueError("on purpose")' in handle.error.traceback
    assert "in fails" in handle.error.traceback


async def test_an_object_with_a_connection_is_refused_and_not_pickled(client: JobClient) -> None:
    view = View()

    with view.connection, pytest.raises(SerializationError, match="cannot be pickled"):
        await client.submit(view.process)


async def test_a_worker_runs_the_body_and_does_not_submit_it_again(client: JobClient) -> None:
    handle = await client.submit(work, "once")
    await handle

    assert len(handle.tree) == 1
    assert handle.node.attempt == 1


async def test_queue_and_timeout_are_not_dropped(client: JobClient) -> None:
    handle = await client.submit(optioned)
    await handle

    assert (handle.node.spec.queue, handle.node.spec.timeout) == ("medium", 90)


async def test_a_timeout_of_the_queue_holds_for_its_jobs(client: JobClient) -> None:
    await client.set_queue(Queue(name="brief", timeout=0.2))

    handle = await client.submit(forever.options(queue="brief"))

    with anyio.fail_after(5), pytest.raises(TimeoutError):
        await handle


@pytest.mark.parametrize("value", [False, "", "123", (1, (2,)), None, 0, b"\x00"], ids=repr)
async def test_results_come_back_unchanged(client: JobClient, value: Any) -> None:
    result = await client.run(same, value)

    assert result == value
    assert type(result) is type(value)
