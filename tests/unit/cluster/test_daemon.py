"""The daemon's decisions without a scheduler: whether it may start, and when it ends."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from parrot_async.cluster import daemon
from parrot_async.cluster.daemon import HELD_BY_ANOTHER, DaemonSpec
from parrot_async.cluster.folder import Folder, Holder
from parrot_async.cluster.pools import Pools

MAIN = "from parrot_async.cluster.daemon import main; main()"


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """Let the daemon touch its lock and its record on its loop: it is about to end."""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DaemonSpec:
    monkeypatch.setenv("PARROT_HOME", str(tmp_path))
    folder = Folder.of("mine")
    folder.make()
    return DaemonSpec(
        id="one", root=folder.root, path=folder.path, pools=Pools(cpu=1), idle_timeout=0.05
    )


@pytest.fixture
def published(spec: DaemonSpec) -> DaemonSpec:
    """A cluster that others may join, and that somebody joined long ago."""
    spec.folder.record_file.write_text("{}")
    with spec.folder.joining(patience=0):
        os.utime(spec.folder.join_lock, (0, 0))
    return spec


@pytest.fixture
def joining(published: DaemonSpec) -> Iterator[None]:
    with published.folder.joining(patience=0):
        yield


class Service:
    """The job service, as the daemon asks it."""

    def __init__(self, idle_since: float | None) -> None:
        self._since = idle_since

    def idle_since(self) -> float | None:
        return self._since


def scheduler(service: Service | None = None, clients: tuple[str, ...] = ()) -> Any:
    """What the daemon looks at to find out whether its cluster is used."""
    return SimpleNamespace(
        client_comms=dict.fromkeys(clients),
        extensions={} if service is None else {"parrot": service},
    )


async def ends(spec: DaemonSpec, scheduler: Any, within: float = 0.5) -> bool:
    """Whether a cluster ends because it is idle."""
    with anyio.move_on_after(within):
        await daemon._idle(scheduler, spec)
        return True
    return False


def test_what_a_daemon_is_told_arrives_as_it_was(spec: DaemonSpec) -> None:
    again = DaemonSpec.model_validate_json(spec.model_dump_json())

    assert again == spec
    assert again.folder == Folder(spec.root, spec.path)


def test_a_daemon_of_other_code_refuses_words_that_it_does_not_know(spec: DaemonSpec) -> None:
    with pytest.raises(ValidationError):
        DaemonSpec.model_validate({**spec.model_dump(), "colour": "red"})


def test_a_second_daemon_leaves_the_first_one_alone(published: DaemonSpec) -> None:
    holder = Holder(id="first", pid=os.getpid(), group=1)
    lock = published.folder.take_running(holder, patience=0)
    assert lock is not None

    done = subprocess.run([sys.executable, "-c", MAIN, published.model_dump_json()], check=False)
    after = published.folder.holder()
    os.close(lock)

    assert done.returncode == HELD_BY_ANOTHER
    assert after == holder
    assert published.folder.record_file.exists()


async def test_a_cluster_that_nobody_uses_ends_and_lets_nobody_in(published: DaemonSpec) -> None:
    ended = await ends(published, scheduler(Service(idle_since=0.0)))

    assert ended
    assert not published.folder.record_file.exists()


@pytest.mark.parametrize(
    "used",
    [
        scheduler(Service(0.0), clients=("somebody",)),
        scheduler(Service(None)),
        scheduler(Service(time.monotonic() + 86_400)),
    ],
    ids=["a client is connected", "a job runs", "a job ran just now"],
)
async def test_a_cluster_that_is_used_goes_on(published: DaemonSpec, used: Any) -> None:
    ended = await ends(published, used, within=0.2)

    assert not ended
    assert published.folder.record_file.exists()


async def test_a_cluster_without_a_service_ends_by_its_clients_alone(
    published: DaemonSpec,
) -> None:
    assert await ends(published, scheduler())


@pytest.mark.usefixtures("joining")
async def test_a_cluster_goes_on_while_somebody_joins(published: DaemonSpec) -> None:
    ended = await ends(published, scheduler(), within=0.2)

    assert not ended
    assert published.folder.record_file.exists()


def test_a_cluster_goes_on_for_who_has_just_joined_and_will_connect(
    published: DaemonSpec,
) -> None:
    patient = published.model_copy(update={"idle_timeout": 60.0})

    published.folder.touch()

    assert not daemon._withdraw_if_unused(patient)
    assert published.folder.record_file.exists()


async def test_the_first_to_return_ends_the_others() -> None:
    ended: list[str] = []

    async def quick() -> None:
        ended.append("quick")

    async def slow() -> None:
        try:
            await anyio.sleep(3600)
        finally:
            ended.append("slow")

    with anyio.fail_after(5):
        await daemon._first_of(slow, quick)

    assert ended == ["quick", "slow"]
