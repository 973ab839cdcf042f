"""Issue 4, word for word: a kernel dies amid a tree of 500 children, then everything does."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from parrot_async.cluster import down
from parrot_async.cluster.folder import Folder
from parrot_async.model import events
from parrot_async.model.events import Completed
from parrot_async.settings.places import data_home
from parrot_async.store import open_store

LIMIT = 60
COUNT = 500
NAME = "walking"

FIRST = """
import asyncio, os
from parrot_async import JobClient, Pools, current_job, job

@job(io=1)
async def square(file, number):
    fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, (current_job().id + "\\n").encode())
    os.close(fd)
    await asyncio.sleep(0.15)
    return number * number

@job
async def parent(file, count):
    children = await current_job().map(square, [file] * count, range(count))
    return sum(await children.results())

client = await JobClient(name={name!r}, pools=Pools(cpu=1, gpu=0, io=16))
handle = await client.submit(parent, {file!r}, {count})
print(handle.id)
"""
WAITS = "await handle"
ATTACHES = """
from parrot_async import JobClient, Pools
client = await JobClient(name={name!r}, pools=Pools(cpu=1, gpu=0, io=16))
handle = await client.attach({job_id!r})
"""
RECOVERS = """
from parrot_async import JobClient, Pools
client = await JobClient(name={name!r}, pools=Pools(cpu=1, gpu=0, io=16))
(handle,) = await client.recover()
assert handle.id == {job_id!r}
"""
LOOKS = """
import asyncio, json
early = handle.progress
await asyncio.sleep(0.5)
print(json.dumps([early, handle.progress, str(handle.status), len(handle.children)]))
"""
SHOWS = "handle"
RESULT = "print(await handle)"


class Kernel:
    """One notebook's kernel, which may be killed."""

    def __init__(self, manager: KernelManager) -> None:
        self._manager = manager
        self._client: BlockingKernelClient = manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LIMIT)

    def start(self, code: str) -> str:
        """Run a cell, and do not wait for it."""
        return str(self._client.execute(code))

    def run(self, code: str) -> list[dict[str, object]]:
        """Run a cell to its end; returns what it put out."""
        cell = self.start(code)
        found: list[dict[str, object]] = []
        while True:
            message = self._client.get_iopub_msg(timeout=LIMIT)
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            found.append(content)
            if kind == "status" and content["execution_state"] == "idle":
                return found

    def says(self, code: str) -> str:
        """Run a cell; returns what it printed."""
        return "".join(str(content.get("text", "")) for content in self.run(code)).strip()

    def kill(self) -> None:
        """Kill -9 of the kernel."""
        os.kill(self._manager.provisioner.pid, signal.SIGKILL)  # type: ignore[union-attr]

    def close(self) -> None:
        """Leave nothing behind."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@contextmanager
def opened(kernel: str) -> Iterator[Kernel]:
    manager = KernelManager(kernel_name=kernel)
    manager.start_kernel()
    made = Kernel(manager)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Where each execution of a child leaves a line; the cluster is gone afterwards."""
    yield tmp_path / "executions"
    anyio.run(down, NAME)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def completed(root_id: str) -> set[str]:
    """What the store has as completed."""
    store = open_store(f"sqlite:///{data_home() / NAME / 'jobs.db'}")
    try:
        log = [events.load(body) for _, body in store.events(root_id)]
        return {i for event in log if isinstance(event, Completed) for i in event.ids}
    finally:
        store.close()


def walk_away(kernel: str, file: Path) -> str:
    """Submit the tree, await it, and be killed when a hundred children or more have begun."""
    with opened(kernel) as first:
        job_id = first.says(FIRST.format(name=NAME, file=str(file), count=COUNT))
        first.start(WAITS)
        until(lambda: len(lines(file)) > 100)
        first.kill()
    return job_id


def kill_everything() -> None:
    """Kill -9 of the daemon with scheduler, service and nannies, and of all workers."""
    holder = Folder.of(NAME).holder()
    assert holder is not None
    daemon = psutil.Process(holder.pid)
    for process in [daemon, *daemon.children(recursive=True)]:
        process.kill()


EXPECTED = str(sum(number * number for number in range(COUNT)))


@pytest.mark.slow
def test_another_notebook_goes_on_where_a_killed_one_was(kernel: str, file: Path) -> None:
    job_id = walk_away(kernel, file)

    with opened(kernel) as second:
        second.run(ATTACHES.format(name=NAME, job_id=job_id))
        early, later, status, children = json.loads(second.says(LOOKS))
        shown = [content for content in second.run(SHOWS) if "data" in content]
        result = second.says(RESULT)

    assert 0 < early < later < 100
    assert status == "waiting_for_children"
    assert children == COUNT
    assert "parent" in str(shown)
    assert result == EXPECTED
    assert sorted(Counter(lines(file)).values()) == [1] * COUNT


@pytest.mark.slow
def test_another_notebook_recovers_when_everything_was_killed(kernel: str, file: Path) -> None:
    job_id = walk_away(kernel, file)
    kill_everything()
    before = completed(job_id)

    with opened(kernel) as second:
        second.run(RECOVERS.format(name=NAME, job_id=job_id))
        result = second.says(RESULT)

    runs = Counter(lines(file))
    assert result == EXPECTED
    assert len(runs) == COUNT
    assert len(before) > 50
    assert {runs[job_id] for job_id in before} == {1}
    assert sum(runs.values()) <= COUNT + 2 * 16
