"""The commands about jobs, as people and scripts run them."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

import parrot_async
from parrot_async import JobClient, JobHandle, JobStatus, Plan, Pools, Queue, current_job, job
from parrot_async.cli.reading import STATUSES
from parrot_async.history import History
from parrot_async.jobs.plan import Step
from tests.integration.cluster.test_any_cluster import (  # noqa: F401 - fixtures
    address,
    connected,
    start,
)
from tests.integration.commands import in_terminal, run

NAME = "shell"
HERE = ("--name", NAME)

pytestmark = pytest.mark.slow


@job
def add(one: int, other: int) -> dict[str, Any]:
    print(f"adding \x1b[31m{one} and {other}")  # noqa: T201 - it is on the node
    return {"sum": one + other, "when": None, "raw": b"\xff"}


@job
def fail(why: str) -> None:
    raise ValueError(why)


@job
def wait(file: Path) -> str:
    for _ in current_job().track(range(100_000), "waiting"):
        if file.exists():
            return "seen"
        time.sleep(0.01)
    return "not seen"


async def submit(*asked: Plan | Step) -> list[str]:
    """Submit plans, and calls as they are bound; wait for none."""
    async with JobClient(name=NAME) as client:
        return [await _submit(client, one) for one in asked]


async def _submit(client: JobClient, asked: Plan | Step) -> str:
    if isinstance(asked, Plan):
        return (await client.submit(asked)).id
    return (await client.submit(asked.fn, *asked.args)).id


async def ended(*ids: str) -> list[JobStatus]:
    async with JobClient(name=NAME) as client:
        with anyio.fail_after(20):
            handles: list[JobHandle[Any]] = [await client.attach(one) for one in ids]
            return [await handle.wait() for handle in handles]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of this module's own."""

    async def begin() -> None:
        async with JobClient(name=NAME, pools=Pools(cpu=2, gpu=0, io=8)) as client:
            await client.set_queue(Queue(name="held"))

    anyio.run(begin)
    yield
    run("down", "--all", *HERE)


@pytest.fixture(scope="module")
def done(cluster: None) -> tuple[str, str]:
    """A plan of two sums that completed, and a job that failed."""
    sums = Plan("Sums", [add.bind(1, 2), add.options(title="the other").bind(3, 4)])
    good, bad = anyio.run(submit, sums, fail.bind("no \x1b]0;way"))
    anyio.run(ended, good, bad)
    return good, bad


def printed(*arguments: str | Path) -> Any:
    """What the command printed as JSON."""
    found = run(*arguments, "--json", *HERE)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_jobs_are_listed_for_people_and_for_programs(done: tuple[str, str]) -> None:
    good, bad = done

    shown = run("jobs", *HERE).stdout.splitlines()
    rows = printed("jobs")

    assert [line.split()[0] for line in shown] == [bad, good]
    assert "completed" in shown[1]
    assert shown[1].endswith("Sums")
    assert [(row["id"], row["status"], row["interrupted"]) for row in rows] == [
        (bad, "failed", False),
        (good, "completed", False),
    ]
    assert [row["id"] for row in printed("jobs", "--status", "failed")] == [bad]
    assert printed("jobs", "--queue", "fast") == []
    assert set(STATUSES) == set(JobStatus)


def test_a_tree_is_shown_once_outside_a_terminal(done: tuple[str, str]) -> None:
    good, _ = done

    shown = run("status", good, *HERE).stdout
    tree = printed("status", good)
    below = printed("status", f"{good}.1")

    assert "✔ Sums" in shown
    assert "  ✔ the other" in shown
    assert tree["status"] == "completed"
    assert [child["title"] for child in tree["children"]] == ["add", "the other"]
    assert below == tree["children"][1]


def test_an_id_may_be_cut_short_where_that_is_clear(done: tuple[str, str]) -> None:
    good, bad = done

    short = printed("status", good[-5:] + ".0")
    both = run("status", good[:2], "--once", *HERE)
    none = run("status", "nosuch", "--once", *HERE)

    assert short["id"] == f"{good}.0"
    assert both.returncode == 1
    assert f"may be 2 jobs: {bad}, {good}; say more of the id" in both.stderr
    assert none.returncode == 1
    assert "no job nosuch is known here" in none.stderr


def test_results_are_printed_and_errors_too(done: tuple[str, str]) -> None:
    good, bad = done

    value = run("results", f"{good}.0", *HERE)
    whole = printed("results", good)
    error = run("results", bad, *HERE)
    failed = run("results", bad, "--json", *HERE)
    report = run("results", good, "--report", *HERE).stdout

    assert value.stdout == "{'raw': b'\\xff', 'sum': 3, 'when': None}\n"
    assert whole["result"] == [
        {"sum": 3, "when": None, "raw": "_w=="},
        {"sum": 7, "when": None, "raw": "_w=="},
    ]
    assert (error.returncode, error.stdout) == (1, "")
    assert "ValueError: no \ufffd]0;way" in error.stderr
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["error"]["kind"] == "exception"
    assert report.startswith("# Job results: Sums")


def test_output_is_printed_without_what_a_terminal_would_obey(done: tuple[str, str]) -> None:
    good, _ = done

    shown = run("logs", good, *HERE).stdout.splitlines()
    lines = printed("logs", good)

    assert sorted(line.split(maxsplit=2)[2] for line in shown) == [
        "add: adding \ufffd[31m1 and 2",
        "the other: adding \ufffd[31m3 and 4",
    ]
    assert {line["job"] for line in lines} == {f"{good}.0", f"{good}.1"}


def test_a_terminal_shows_the_tree_live_until_it_ends(cluster: None, tmp_path: Path) -> None:
    go = tmp_path / "go"
    (job_id,) = anyio.run(submit, wait.bind(go))

    status, shown = in_terminal(["status", job_id, *HERE], awaited="waiting", act=go.touch)

    assert status == 0
    assert "running" in shown
    assert "completed" in shown


def test_leaving_the_live_tree_leaves_the_job_running(cluster: None, tmp_path: Path) -> None:
    (job_id,) = anyio.run(submit, wait.bind(tmp_path / "go"))

    status, _ = in_terminal(["status", job_id, *HERE], "waiting", 1)
    early = run("results", job_id, *HERE)
    (tmp_path / "go").touch()

    assert status == 130
    assert early.returncode == 1
    assert "has no result yet" in early.stderr
    assert anyio.run(ended, job_id) == [JobStatus.COMPLETED]


def test_logs_are_followed_to_the_end(cluster: None, tmp_path: Path) -> None:
    ids = anyio.run(submit, wait.bind(tmp_path / "go"))
    (plan,) = anyio.run(submit, Plan("Then", [add.bind(1, 1)]))
    (tmp_path / "go").touch()

    found = run("logs", plan, "--follow", *HERE)

    assert "add: adding" in found.stdout
    anyio.run(ended, *ids)


def test_jobs_are_cancelled(cluster: None, tmp_path: Path) -> None:
    ids = anyio.run(submit, wait.bind(tmp_path / "a"), wait.bind(tmp_path / "b"))

    found = run("cancel", *ids, *HERE)

    assert found.stdout.split() == ["Cancelled", ids[0], "Cancelled", ids[1]]
    assert anyio.run(ended, *ids) == [JobStatus.CANCELLED] * 2
    assert run("cancel", ids[0], *HERE).stderr == f"{ids[0]} has ended: cancelled\n"


def test_jobs_are_paused_and_resumed(cluster: None, tmp_path: Path) -> None:
    (job_id,) = anyio.run(submit, wait.bind(tmp_path / "go"))

    paused = run("pause", job_id, *HERE)
    (tmp_path / "go").touch()
    state = _settled(job_id, "paused")
    resumed = run("resume", job_id, *HERE)

    assert (paused.stdout, resumed.stdout) == (f"Paused {job_id}\n", f"Resumed {job_id}\n")
    assert state == "paused"
    assert anyio.run(ended, job_id) == [JobStatus.COMPLETED]


def test_queues_are_paused_and_resumed(cluster: None) -> None:
    assert run("pause", "--queue", "held", *HERE).stdout == "Paused the queue held\n"
    (job_id,) = anyio.run(submit, add.options(queue="held").bind(1, 2))
    state = _settled(job_id, "paused")
    assert run("resume", "--queue", "held", *HERE).stdout == "Resumed the queue held\n"

    assert state in ("paused", "queued")
    assert anyio.run(ended, job_id) == [JobStatus.COMPLETED]


def _settled(job_id: str, wanted: str) -> str:
    """The job's state, when it is the wanted one or a second is over."""
    until = time.monotonic() + 1
    with History(name=NAME) as history:
        while (state := history.node(job_id).status) != wanted and time.monotonic() < until:
            time.sleep(0.05)
    return state


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize("what", [[], ["x", "--all"], ["--queue", "q", "--all"]])
def test_what_to_hold_must_be_said_in_one_way(command: str, what: list[str]) -> None:
    found = run(command, *what)

    assert found.returncode == 2
    assert "Say which" in found.stderr


def test_a_shell_completes_ids(done: tuple[str, str]) -> None:
    good, bad = done
    words = {"COMP_WORDS": f"parrot-async status --name {NAME} ", "COMP_CWORD": "4"}

    offered = run(_PARROT_ASYNC_COMPLETE="bash_complete", **words)

    assert {f"plain,{good}", f"plain,{bad}"} <= set(offered.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(shell: str) -> None:
    script = run("completion", shell).stdout

    assert f"_PARROT_ASYNC_COMPLETE={shell}_complete" in script
    assert "parrot-async" in script


def test_reading_needs_no_cluster_and_acting_says_that_there_is_none() -> None:
    async def submit_elsewhere() -> str:
        async with JobClient(name="gone", pools=Pools(cpu=1, gpu=0, io=1)) as client:
            handle = await client.submit(add, 20, 22)
            await handle
            return handle.id

    job_id = anyio.run(submit_elsewhere)
    assert run("down", "--name", "gone").stdout == "Stopped.\n"

    shown = run("jobs", "--name", "gone").stdout
    value = run("results", job_id, "--name", "gone").stdout
    cancelled = run("cancel", job_id, "--name", "gone")

    assert job_id in shown
    assert "'sum': 42" in value
    assert cancelled.returncode == 1
    assert "no cluster of yours runs here" in cancelled.stderr
    assert json.loads(run("status", "--json", "--name", "gone").stdout) == []
    assert "No cluster of yours runs here" in run("status", "--name", "gone").stdout


def test_a_cluster_that_is_not_there_is_named_and_so_are_those_that_are(cluster: None) -> None:
    name = run("status", "--name", "nosuch").stdout
    mixed_up = run("status", "--cluster", NAME)
    silent = run("status", "--cluster", "tcp://127.0.0.1:1", "--json", PARROT_HOME="/nonexistent")

    assert name.startswith("No cluster of yours runs here under the name nosuch;")
    assert f"`--name {NAME}`" in name
    assert (mixed_up.returncode, mixed_up.stdout) == (1, "")
    assert f"'{NAME}' is no address of a scheduler, such as tcp://" in mixed_up.stderr
    assert f"`--name {NAME}`" in mixed_up.stderr
    assert silent.stderr.startswith("parrot-async: nothing answers at tcp://127.0.0.1:1")
    assert "Your clusters on this machine: none runs." in silent.stderr


def test_nothing_is_there_before_the_first_job() -> None:
    found = run("jobs", "--name", "empty")

    assert found.returncode == 1
    assert "no job was run here yet" in found.stderr


def test_clusters_of_other_versions_are_shown_reached_and_stopped(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "parrot_async"
    shutil.copytree(Path(parrot_async.__path__[0]), copy)
    other = ["up", "--name", "versions", "--cpu", "1", "--gpu", "0", "--io", "1"]
    subprocess.run(
        [sys.executable, "-m", "parrot_async", *other], cwd=tmp_path, check=True, timeout=60
    )

    async def submit_here() -> str:
        async with JobClient(name="versions", pools=Pools(cpu=1, gpu=0, io=1)) as client:
            return (await client.submit(wait, tmp_path / "go")).id

    job_id = anyio.run(submit_here)
    own, old = json.loads(run("status", "--json", "--name", "versions").stdout)
    cancelled = run("cancel", job_id, "--name", "versions")
    down = run("down", "--name", "versions").stdout
    shown = run("status", "--name", "versions").stdout
    reached = run("cancel", job_id, "--name", "versions")
    stopped = run("down", "--all", "--name", "versions").stdout

    assert (own["own"], old["own"]) == (True, False)
    assert cancelled.returncode == 0
    assert down.splitlines()[0] == "Stopped."
    assert f"process {old['record']['pid']}" in down
    assert "of another environment, version or store" in shown
    assert reached.returncode == 0
    assert stopped == "Stopped: 1.\n"


@job
def count_up(file: Path, wanted: int) -> int:
    with file.open("a") as out:
        out.write("x")
    if len(file.read_text()) < wanted:
        raise OSError("not yet")
    return wanted


def test_a_job_is_run_again(cluster: None, tmp_path: Path) -> None:
    once, twice = count_up.bind(tmp_path / "a", 1), count_up.bind(tmp_path / "b", 2)
    (old,) = anyio.run(submit, Plan("Count", [once, twice], on_failure="collect"))
    assert anyio.run(ended, old) == [JobStatus.FAILED]

    new = run("retry", old, "--failed-only", *HERE).stdout.strip()

    assert anyio.run(ended, new) == [JobStatus.COMPLETED]
    assert printed("results", new)["result"] == [1, 2]
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("x", "xx")


def test_what_a_crash_interrupted_is_shown_and_resumed(tmp_path: Path) -> None:
    where = ("--name", "crash")

    async def submit_here() -> str:
        async with JobClient(name="crash", pools=Pools(cpu=1, gpu=0, io=1)) as client:
            return (await client.submit(wait, tmp_path / "go")).id

    job_id = anyio.run(submit_here)
    assert run("down", *where).stdout == "Stopped.\n"
    (tmp_path / "go").touch()

    listed = run("jobs", *where).stdout
    state = run("status", *where).stdout
    shown = in_terminal(["status", job_id, *where])[1]
    resumed = run("recover", *where)
    value = _eventually(["results", job_id, *where])
    again = run("recover", *where).stdout
    deleted = run("gc", "--keep", "0", *where).stdout
    run("down", *where)

    assert "interrupted" in listed
    assert "`parrot-async recover` resumes what was interrupted." in state
    assert "Nothing runs it any more" in shown
    assert resumed.stdout == f"Resumed {job_id}\n"
    assert value == "seen\n"
    assert again == "Nothing was interrupted.\n"
    assert deleted == "Deleted 1 jobs, 1 results, 0 files.\n"


def _eventually(command: list[str]) -> str:
    until = time.monotonic() + 30
    while not (found := run(*command)).stdout and time.monotonic() < until:
        time.sleep(0.1)
    return found.stdout


async def test_jobs_of_any_scheduler_are_read_and_cancelled(
    address: str,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    go = tmp_path / "go"
    async with await connected(address) as client:
        good = (await client.submit(wait, go)).id
        bad = (await client.submit(wait.options(cpu=1), tmp_path / "never")).id

    async def said(*arguments: str) -> str:
        command = partial(run, *arguments, PARROT_CLUSTER=address)
        return (await anyio.to_thread.run_sync(command)).stdout

    listed = json.loads(await said("jobs", "--json"))
    state = await said("status")
    known = json.loads(await said("status", "--json"))
    early = await said("status", bad[-4:], "--json")
    cancelled = await said("cancel", bad[-4:])
    go.touch()
    shown = await said("logs", good, "--follow")
    value = await said("results", good, "--json")

    assert [row["id"] for row in listed] == [bad, good]
    assert state.startswith(f"A job service answers at {address}.\nLatest jobs:\n  {bad}")
    assert known == [{"address": address}]
    assert json.loads(early)["status"] in ("queued", "running")
    assert cancelled == f"Cancelled {bad}\n"
    assert shown == ""
    assert json.loads(value)["result"] == "seen"


def test_a_pipe_that_is_closed_is_no_error(done: tuple[str, str]) -> None:
    command = f"{sys.executable} -m parrot_async jobs --name {NAME} | head -n 1"

    found = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )

    assert found.returncode == 0
    assert "Traceback" not in found.stderr
