"""A session without a network: results, errors and words to the service, over a fake connection."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from parrot_async.client.connection import Connection
from parrot_async.client.session import Session
from parrot_async.errors import (
    ClusterError,
    DisconnectedError,
    ErrorInfo,
    JobFailedError,
    JobNotFoundError,
    ResultExpiredError,
)
from parrot_async.model.events import Event, Record, dump
from parrot_async.model.models import JobId, JobResult, JobSpec, root_of
from parrot_async.transport.messages import StoredValue
from parrot_async.transport.pickling import dump_value
from parrot_async.view.source import ViewSource
from tests.unit.client.service import Answers, served
from tests.unit.stories import PLAN, completed, failed, submitted, waiting

BODY = JobSpec(title="task", function="tests:task", function_id="f", result_ttl=60.0)


class Answering(Answers):
    """Has stored results too."""

    results_of: Mapping[JobId, StoredValue] = {}

    async def results(self, ids: list[JobId]) -> dict[JobId, StoredValue]:
        self.asked.append("results")
        return {i: self.results_of[i] for i in ids if i in self.results_of}


@asynccontextmanager
async def opened(answers: Answers | None = None) -> AsyncIterator[Session]:
    session = Session()
    async with served(answers or Answers()) as address:
        connection = Connection(address, None, session.trees.take_in, session.trees.lose)
        session.begin(connection, (await connection.open())["history"])
        try:
            yield session
        finally:
            await session.end()


def tell(session: Session, *events: Event, blobs: tuple[bytes | None, ...] = ()) -> object:
    """Let these have happened; what is returned keeps the tree."""
    root_id = root_of(getattr(events[0], "ids")[0])  # noqa: B009 - not every event has them
    claim = session.claim(root_id)
    for seq, event in enumerate(events, 1):
        last = blobs if seq == len(events) else ()
        session.trees.take_in([(root_id, seq, Record(dump(event), last))])
    return claim


def stored(value: bytes | None, *, expired: bool = False) -> StoredValue:
    return StoredValue(value=value, url=None, expired=expired)


async def test_a_session_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(ClusterError, match="async with JobClient"):
        await Session().api.cancel(["r"])


async def test_a_session_knows_what_functions_have_taken() -> None:
    async with opened() as session:
        assert session.history == {"f": 2.0}


async def test_a_value_that_came_with_its_end_is_not_asked_for() -> None:
    answers = Answering()
    async with opened(answers) as session:
        _claim = tell(
            session, submitted("r", spec=BODY), completed("r"), blobs=(dump_value([1, 2]),)
        )

        assert await session.result("r") == [1, 2]

    assert "results" not in answers.asked


async def test_a_stored_value_is_fetched() -> None:
    answers = Answering()
    answers.results_of = {"r": stored(dump_value("kept"))}
    async with opened(answers) as session:
        _claim = tell(session, submitted("r", spec=BODY), completed("r"))

        assert await session.result("r") == "kept"


@pytest.mark.parametrize(
    ("found", "message"),
    [({}, "is not kept any more"), ({"r": stored(None, expired=True)}, "was kept for 60s")],
)
async def test_a_value_whose_time_is_over_says_so(
    found: dict[JobId, StoredValue], message: str
) -> None:
    answers = Answering()
    answers.results_of = found
    async with opened(answers) as session:
        _claim = tell(session, submitted("r", spec=BODY), completed("r"))

        with pytest.raises(ResultExpiredError, match=message):
            await session.result("r")


async def test_an_error_is_raised_as_itself_where_it_was_stored() -> None:
    answers = Answering()
    answers.results_of = {"r": stored(dump_value(ValueError("broken")))}
    async with opened(answers) as session:
        _claim = tell(session, submitted("r", spec=BODY), failed("r"))

        with pytest.raises(ValueError, match="broken"):
            await session.result("r")


async def test_an_error_that_was_not_stored_is_a_job_error() -> None:
    async with opened(Answering()) as session:
        _claim = tell(session, submitted("r", spec=BODY), failed("r"))

        with pytest.raises(JobFailedError, match="broken"):
            await session.result("r")


async def test_a_plan_gives_the_results_and_the_errors_of_its_children() -> None:
    error = ErrorInfo("timeout", "too slow")
    async with opened(Answering()) as session:
        _claim = tell(
            session,
            submitted("r", spec=PLAN),
            submitted("r.0", "r.1", spec=BODY),
            waiting("r"),
            failed("r.1", error=error),
            completed("r"),
        )
        one = completed("r.0")
        session.trees.take_in([("r", 9, Record(dump(one), (dump_value(1),)))])

        first, second = await session.result("r")

    assert first == 1
    assert "too slow" in str(second)


async def test_results_are_gathered_in_order() -> None:
    async with opened() as session:
        blobs = tuple(dump_value(n) for n in range(3))
        ids = tuple(f"r.{n}" for n in range(3))
        _claim = tell(
            session, submitted("r", spec=PLAN), submitted(*ids), completed(*ids), blobs=blobs
        )

        assert await session.gather(ids[::-1], (), return_exceptions=False) == [2, 1, 0]


async def test_the_first_error_ends_the_gathering() -> None:
    async with opened(Answering()) as session:
        _claim = tell(session, submitted("r", spec=PLAN), submitted("r.0", "r.1"), failed("r.1"))

        with pytest.raises(JobFailedError):
            await session.gather(["r.0", "r.1"], (), return_exceptions=False)


async def test_a_tree_of_another_client_is_found_by_attaching() -> None:
    answers = Answers()
    answers.store(submitted("r"))
    async with opened(answers) as session:
        _claim = session.claim("r")
        await session.attach("r")

        assert session.node("r").title == "task"


async def test_an_unknown_job_is_not_found() -> None:
    async with opened() as session:
        _claim = session.claim("nobody")

        with pytest.raises(JobNotFoundError, match="no job nobody is known at tcp://"):
            await session.attach("nobody")


async def test_a_session_is_the_source_of_views() -> None:
    session = Session()
    source: ViewSource = session
    _claim = tell(session, submitted("r", spec=PLAN), submitted("r.0"))
    woken: list[int] = []

    changes = source.changes("r", lambda: woken.append(1))
    session.trees.take_in([("r", 3, Record(dump(completed("r.0"))))])

    assert source.find_tree("r.0") is session.tree("r")
    assert source.find_tree("r.7") is None
    assert source.find_tree("q") is None
    assert changes.take() == ["r.0"]
    assert woken == [1]


async def test_views_hear_why_nothing_comes_any_more() -> None:
    async with opened() as session:
        before = session.lost
        session.trees.lose(DisconnectedError("the service is gone"))
        lost = session.lost

    assert (before, lost, session.lost) == ("", "the service is gone", "the client was closed")


async def test_a_closed_session_refuses_what_is_posted() -> None:
    async with opened() as session:
        posted = session.post(lambda api: api.cancel(["r"]))
        assert await asyncio.wrap_future(posted) == (True,)

    with pytest.raises(DisconnectedError, match="was closed"):
        session.post(lambda api: api.cancel(["r"])).result()


async def test_a_session_ends_once() -> None:
    async with opened() as session:
        assert await session.end()
        assert not await session.end()


def test_results_of_big_values_lie_elsewhere() -> None:
    session = Session()
    event = completed("r")
    far = event.model_copy(update={"results": (JobResult(9, "big", "file:///nowhere/r"),)})
    _claim = tell(session, submitted("r", spec=BODY), far)

    assert session.trees.outcome("r").url == "file:///nowhere/r"
