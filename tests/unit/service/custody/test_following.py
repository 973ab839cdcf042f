"""Trees that run elsewhere: clients are sent what the store gets to know, and who runs them."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobNode, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.service.custody import following as module
from parrot_async.service.custody.following import Following
from parrot_async.service.custody.recovery import Recovery
from parrot_async.service.engine.checking import Checking
from parrot_async.service.engine.state import TrackedJob
from parrot_async.transport.wire import GOES_ON, INTERRUPTED
from tests.unit.service.journals import Bench, Engine, engine_beside, journal_on, write
from tests.unit.stories import TASK, completed, started, submitted


class Silent:
    """A comm that takes whatever is written to it."""

    async def write(self, message: Any) -> None:
        """Take it."""


@dataclass
class Scene:
    """Two services on one store: this one follows, the other one is what a test writes."""

    bench: Bench
    engine: Engine
    following: Following

    async def other(self, *story: Event, status: JobStatus = JobStatus.RUNNING) -> None:
        """The other service, which lives, writes."""
        row = RootRow("r", "r", "", "default", status, 1.0)
        await self.bench.journal.recorder.read(
            lambda store: write(store, *story, row=row, owner="other")
        )

    async def lives(self, lives: bool) -> None:
        until = time.time() + 60 if lives else 0.0
        await self.bench.journal.recorder.read(lambda store: store.lease("other", until))

    def sent(self) -> list[str]:
        """What clients were sent, and forget it."""
        bodies = [record.body for _, _, record in self.bench.watch.sent]
        self.bench.watch.sent.clear()
        words = {INTERRUPTED: "interrupted", GOES_ON: "goes on"}
        return [words.get(body) or events.load(body).kind for body in bodies]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with journal_on(tmp_path / "jobs.db") as bench:
        engine = engine_beside(bench.journal)
        checking = Checking(bench.journal, engine.dispatch, engine.placement)
        recovery = Recovery(
            bench.journal, engine.executor, engine.dispatch, engine.queues, checking
        )
        following = Following(bench.journal, engine.executor, bench.watch, recovery)
        serving = asyncio.create_task(bench.watch.serve(Silent(), "client", 1))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        bench.watch.subscribe("client", "r")
        yield Scene(bench, engine, following)
        serving.cancel()
        await asyncio.wait([serving])


async def test_clients_are_sent_what_another_service_writes(scene: Scene) -> None:
    await scene.lives(True)
    await scene.other(submitted("r"))
    await scene.following.attach({"r": 1})

    await scene.following._look()
    nothing = scene.sent()
    await scene.other(started("r"))
    await scene.following._look()

    assert (nothing, scene.sent()) == ([], ["started"])


async def test_a_tree_that_has_ended_is_followed_to_its_end_and_no_longer(scene: Scene) -> None:
    await scene.lives(True)
    await scene.other(submitted("r"))
    await scene.following.attach({"r": 1})

    await scene.other(started("r"), completed("r"), status=JobStatus.COMPLETED)
    await scene.following._look()

    assert scene.sent() == ["started", "completed"]
    assert not scene.following._latest


async def test_a_client_that_lacks_a_past_is_not_sent_it_here(scene: Scene) -> None:
    await scene.lives(True)
    await scene.other(submitted("r"), started("r"))

    await scene.following.attach({"r": 0})  # the past goes with the answer to its question
    await scene.following._look()

    assert scene.sent() == []
    assert scene.following._latest == {"r": 2}


async def test_a_client_is_told_at_once_that_nobody_runs_its_tree(scene: Scene) -> None:
    await scene.other(submitted("r"))

    await scene.following.attach({"r": 1})

    assert scene.sent() == ["interrupted"]


async def test_clients_are_told_once_that_a_service_is_gone_and_once_that_it_is_back(
    scene: Scene,
) -> None:
    await scene.lives(True)
    await scene.other(submitted("r"))
    await scene.following.attach({"r": 1})

    told = []
    for lives in (True, False, False, True, True):
        await scene.lives(lives)
        await scene.following._look()
        told.append(scene.sent())

    assert told == [[], ["interrupted"], [], ["goes on"], []]


async def test_a_tree_that_runs_here_is_not_followed(scene: Scene) -> None:
    await scene.other(submitted("r"))
    scene.engine.executor.jobs["r"] = TrackedJob(JobNode(id="r", spec=TASK), 0)

    await scene.following.attach({"r": 1})

    assert (scene.sent(), scene.following._latest) == ([], {})


async def test_a_tree_that_goes_on_here_is_followed_no_longer(scene: Scene) -> None:
    await scene.other(submitted("r"))
    await scene.following.attach({"r": 1})
    scene.sent()

    scene.following.goes_on(["r", "never followed"])

    assert scene.sent() == ["goes on"]
    assert not scene.following._latest


async def test_a_tree_that_nobody_watches_any_more_is_followed_no_longer(scene: Scene) -> None:
    scene.following.follow("r", 1)
    scene.following.follow("unwatched", 1)

    await scene.other(submitted("r"))
    await scene.following._look()

    assert list(scene.following._latest) == ["r"]


async def test_an_unknown_or_finished_tree_is_not_followed(scene: Scene) -> None:
    await scene.other(submitted("r"), completed("r"), status=JobStatus.COMPLETED)

    await scene.following.attach({"r": 1, "unknown": 0})

    assert not scene.following._latest


async def test_looking_goes_on_for_ever(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)
    await scene.lives(True)
    await scene.other(submitted("r"))
    await scene.following.attach({"r": 1})
    keeping = asyncio.create_task(scene.following.keep())

    for n in range(2):
        await scene.other(started("r", attempt=n))
        while len(scene.bench.watch.sent) <= n:  # noqa: ASYNC110 - a watch tells nobody
            await asyncio.sleep(0.001)
    keeping.cancel()
    await asyncio.wait([keeping])

    assert scene.sent() == ["started", "started"]
