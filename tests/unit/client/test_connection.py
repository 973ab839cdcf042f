"""The client's connection: calls, cut lines, and a tree's events once and in their order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from distributed.core import Server

from parrot_async.client.connection import Connection, News
from parrot_async.errors import ClusterError, DisconnectedError
from parrot_async.model.events import Event, load
from tests.unit.client.service import Answers, served
from tests.unit.stories import completed, started, submitted


class Heard:
    """What a connection hands on."""

    def __init__(self) -> None:
        self.news: News = []
        self.lost: list[DisconnectedError] = []

    def records(self, news: News) -> None:
        self.news += news

    @property
    def events(self) -> list[tuple[int, Event]]:
        return [(seq, load(record.body)) for _, seq, record in self.news]

    async def count(self, number: int) -> None:
        with anyio.fail_after(5):
            while len(self.news) < number:  # noqa: ASYNC110 - it comes on another thread
                await anyio.sleep(0.01)


@asynccontextmanager
async def connected(answers: Answers, heard: Heard) -> AsyncIterator[Connection]:
    async with served(answers) as address:
        connection = Connection(address, None, heard.records, heard.lost.append)
        await connection.open()
        try:
            yield connection
        finally:
            await connection.close()


async def test_a_call_is_answered() -> None:
    answers = Answers()

    async with connected(answers, Heard()) as connection:
        assert await connection.api.cancel(["r"]) == (True,)


async def test_a_call_from_any_thread_has_a_future() -> None:
    async with connected(Answers(), Heard()) as connection:
        future = connection.post(lambda api: api.retry(["r"]))

        assert await asyncio.wrap_future(future) == ("r-again",)


async def test_a_call_whose_answer_was_cut_is_made_again() -> None:
    answers = Answers()

    async with connected(answers, Heard()) as connection:
        answers.refuses = 1
        assert await connection.api.cancel(["r"]) == (True,)

    assert answers.asked.count("cancel") == 2


async def test_what_might_be_done_twice_is_not_asked_twice() -> None:
    answers = Answers()

    async with connected(answers, Heard()) as connection:
        answers.refuses = 1
        with pytest.raises(DisconnectedError, match="does not answer"):
            await connection.api.retry(["r"])

    assert answers.asked.count("retry False") == 1


async def test_a_scheduler_that_has_no_service_gets_it_before_anybody_asks_it_for_hello() -> None:
    answers = Answers()
    answers.installed = False

    async with connected(answers, Heard()):
        asked = answers.asked[:2]

    assert asked == ["install", "hello"]


async def test_a_service_that_is_there_is_not_installed_again() -> None:
    answers = Answers()

    async with connected(answers, Heard()):
        """It is only opened."""

    assert "install" not in answers.asked


async def test_a_server_that_is_no_scheduler_is_told_as_such() -> None:
    async with Server({}, needs_workdir=False) as server:
        await server.listen("tcp://127.0.0.1")
        connection = Connection(server.address, None, lambda _: None, lambda _: None)

        with pytest.raises(ClusterError, match=r"is no scheduler: give the scheduler's own"):
            await connection.open()


async def test_another_version_is_refused_with_both_numbers() -> None:
    answers = Answers()
    answers.version = 1

    with pytest.raises(ClusterError, match=r"speaks version 1 .* use the same parrot_async"):
        async with connected(answers, Heard()):
            """It does not come so far."""


async def test_an_address_of_nobody_says_so() -> None:
    connection = Connection("tcp://127.0.0.1:9", None, lambda _: None, lambda _: None)

    with pytest.raises(ClusterError, match=r"nothing answers at tcp://127\.0\.0\.1:9"):
        await connection.open()


async def test_no_address_says_what_one_is() -> None:
    connection = Connection("tcp://127.0.0.1:port", None, lambda _: None, lambda _: None)

    with pytest.raises(ClusterError, match="no address of a scheduler, such as tcp://host:8786"):
        await connection.open()


async def test_a_tree_is_told_from_its_beginning_and_goes_on() -> None:
    answers, heard = Answers(), Heard()
    answers.store(submitted("r"), started("r"))

    async with connected(answers, heard) as connection:
        latest = await connection.attach("r")
        await answers.tell(completed("r"), b"value")
        await heard.count(3)

    assert latest == 2
    assert heard.events == [(1, submitted("r")), (2, started("r")), (3, completed("r"))]
    assert heard.news[-1][2].blobs == (b"value",)


async def test_an_unknown_tree_has_no_events() -> None:
    async with connected(Answers(), Heard()) as connection:
        assert await connection.attach("nobody") == 0


async def test_a_stream_that_was_cut_is_opened_again_and_nothing_comes_twice() -> None:
    answers, heard = Answers(), Heard()
    answers.store(submitted("r"))

    async with connected(answers, heard) as connection:
        await connection.attach("r")
        answers.cut()
        answers.store(started("r"))
        await heard.count(2)
        await answers.tell(completed("r"), b"value")
        await heard.count(3)

    assert [seq for seq, _ in heard.events] == [1, 2, 3]
    assert heard.lost == []


async def test_a_tree_that_nobody_wants_is_told_no_more() -> None:
    answers = Answers()
    answers.store(submitted("r"))

    async with connected(answers, Heard()) as connection:
        await connection.attach("r")
        connection.forget("r", lambda _: True)
        with anyio.fail_after(5):
            while answers.watching:  # noqa: ASYNC110 - it is done on another thread
                await anyio.sleep(0.01)


async def test_a_tree_that_is_wanted_again_is_kept() -> None:
    answers = Answers()
    answers.store(submitted("r"))

    async with connected(answers, Heard()) as connection:
        await connection.attach("r")
        connection.forget("r", lambda _: False)
        await anyio.sleep(0.3)

    assert answers.watching == {"r"}


async def test_what_cannot_be_understood_ends_the_stream_with_an_error() -> None:
    answers, heard = Answers(), Heard()

    async with connected(answers, heard):
        await answers.comms[-1].write({"records": "nonsense"})
        with anyio.fail_after(5):
            while not heard.lost:  # noqa: ASYNC110 - it comes on another thread
                await anyio.sleep(0.01)

    assert "is not understood" in str(heard.lost[0])


async def test_closing_twice_does_nothing() -> None:
    async with connected(Answers(), Heard()) as connection:
        await connection.close()

        assert connection.closed
