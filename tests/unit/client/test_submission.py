"""What a client submits reaches the service packed, in pieces, and is cancelled where it cannot."""

import asyncio
from typing import Any

import pytest

from parrot_async import Plan, job
from parrot_async.client import submission
from parrot_async.client.submission import Submission
from parrot_async.errors import SerializationError
from parrot_async.jobs.request import new_id
from parrot_async.model.models import JobId


@job
def double(number: int) -> int:
    return 2 * number


class Api:
    """A service that keeps what it is sent; it refuses from a given call on."""

    def __init__(self, refuses_from: int = 1000) -> None:
        self.groups: list[list[Any]] = []
        self.functions: list[dict[str, bytes]] = []
        self.cancelled: list[JobId] = []
        self._refuses_from = refuses_from

    async def submit(self, groups: list[Any], functions: Any, _client: str) -> dict[str, Any]:
        if len(self.groups) >= self._refuses_from:
            raise ConnectionError("gone")
        self.groups.append(groups)
        self.functions.append(functions)
        return {"id": groups[0]["ids"][0].partition(".")[0], "first": b""}

    async def cancel(self, ids: list[JobId]) -> None:
        self.cancelled += ids


class Session:
    """What a submission needs of a session."""

    client = "client"

    def __init__(self, api: Api) -> None:
        self.api = api
        self.connection = self.trees = self
        self.watched: list[JobId] = []
        self.counts: dict[JobId, int] = {}
        self.posted: list[asyncio.Future[Any]] = []

    def watch(self, root_id: JobId) -> None:
        self.watched.append(root_id)

    async def shown(self, root_id: JobId, count: int) -> None:
        self.counts[root_id] = count

    def post(self, call: Any) -> None:
        self.posted.append(asyncio.ensure_future(call(self.api)))


def submitting(api: Api, limit: int = 1_000_000) -> tuple[Submission, Session]:
    session = Session(api)
    made: Any = session
    return Submission(made, limit), session


async def test_a_job_is_sent_with_its_function_and_watched() -> None:
    api = Api()
    made, session = submitting(api)

    root_id = new_id()
    accepted = await made.submit(double, ((2,), {}), root_id)
    made.close()

    assert root_id == accepted == session.watched[0]
    assert [group["ids"] for group in api.groups[0]] == [[root_id]]
    assert len(api.functions[0]) == 1


async def test_a_plan_is_sent_as_a_whole() -> None:
    api = Api()
    made, _ = submitting(api)

    root_id = new_id()
    await made.submit(Plan("all", [double.bind(1), double.bind(2)]), ((), {}), root_id)
    made.close()

    ids = [one for group in api.groups[0] for one in group["ids"]]
    assert ids == [root_id, f"{root_id}.0", f"{root_id}.1"]


async def test_a_map_goes_in_pieces_and_its_function_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "PIECE", 3)
    api, root_id = Api(), new_id()
    made, session = submitting(api)

    await made.map(double, [((number,), {}) for number in range(8)], root_id)
    made.close()

    sent = [one for groups in api.groups for group in groups for one in group["ids"]]
    assert sent == [root_id, *(f"{root_id}.{number}" for number in range(8))]
    assert len(api.groups) == 3
    assert [len(functions) for functions in api.functions] == [1, 0, 0]
    assert session.counts == {root_id: 8}


async def test_a_map_that_cannot_be_sent_to_its_end_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submission, "PIECE", 2)
    api, root_id = Api(refuses_from=2), new_id()
    made, session = submitting(api)

    with pytest.raises(ConnectionError, match="gone"):
        await made.map(double, [((number,), {}) for number in range(8)], root_id)
    await asyncio.gather(*session.posted)
    made.close()

    assert api.cancelled == [root_id]


async def test_too_big_an_argument_is_refused_before_anything_is_sent() -> None:
    api = Api()
    made, _ = submitting(api, limit=100_000)

    with pytest.raises(SerializationError):
        await made.submit(double, ((bytes(1_000_000),), {}), new_id())
    made.close()

    assert api.groups == []
