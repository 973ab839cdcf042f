"""Everything may die: `recover` goes on, and nothing that had completed runs again."""

from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobNode, JobStatus
from parrot_async.cluster import down
from parrot_async.history import History
from tests.integration.interrupting import POOLS, client_process, kill_all
from tests.integration.traces import executions

CHILDREN, STEPS = 30, 25


def name_of(node: JobNode) -> str:
    """What the job calls the file that it leaves."""
    return node.arguments.rpartition("'")[0].rpartition("'")[2]


async def some_executions(folder: Path, count: int) -> None:
    with anyio.fail_after(60):
        while executions(folder).total() < count:  # noqa: ASYNC110 - of other processes
            await anyio.sleep(0.02)


@pytest.mark.slow
async def test_a_tree_goes_on_after_the_death_of_every_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = "mortal"
    process = client_process(name, f"whole({str(tmp_path)!r}, {CHILDREN}, {STEPS})")
    await some_executions(tmp_path, 20)
    kill_all(name, process.pid)
    process.wait()
    with History(name=name) as history:
        (row,) = history.jobs()
        tree = history.tree(row.id)
        completed = {node.id for node in tree.walk() if node.status is JobStatus.COMPLETED}

    async with JobClient(name=name, pools=POOLS) as client:
        (handle,) = await client.recover()
        with anyio.fail_after(60):
            result = await handle

        again = {node.id for node in handle.tree.walk() if len(node.attempts) > 1}
        names = [f"child{n}" for n in range(CHILDREN)], [f"step{n}" for n in range(STEPS)]
        assert result == ["first", *names, "first!"]
        assert len(handle.tree) == 1 + 1 + 1 + CHILDREN + 1 + STEPS + 1
        assert {node.status for node in handle.tree.walk()} == {JobStatus.COMPLETED}
        assert len(completed) >= 10
        assert not again & completed
        assert "interrupted jobs: 1" in caplog.text
        runs = executions(tmp_path)
        assert {runs[name_of(handle.tree[job_id])] for job_id in completed} <= {0, 1}
        assert set(runs) == {"first", *names[0], *names[1]}
        assert await client.recover() == []
    await down(name)
