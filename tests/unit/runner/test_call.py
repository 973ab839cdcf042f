"""What an attempt calls: with arguments from its batch, or from the file that they are in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from parrot_async.errors import ResultExpiredError
from parrot_async.runner.call import AttemptCall
from parrot_async.transport import results
from parrot_async.transport.pickling import dump_call, dump_function
from parrot_async.transport.wire import INLINE, beside
from tests.unit.runner.attempts import BareRunner, batch

BIG = b"x" * (INLINE + 1)


async def measures(data: bytes) -> int:
    return len(data)


async def call_with(given: Any) -> int:
    """Return what an attempt's call gives whose batch has these arguments."""
    runner = BareRunner()
    runner.pickles.update([await asyncio.to_thread(dump_function, measures)])
    sent = await asyncio.to_thread(batch, measures, is_async=True)
    await runner.functions.fetch(sent["functions"])
    call = AttemptCall(runner.functions, {**sent, "arguments": (given,)}, 0)
    found: int = await (await call.start())
    return found


@pytest.fixture
def pickled() -> bytes:
    return dump_call(((BIG,), {}))[0]


async def test_arguments_come_beside_their_message(pickled: bytes) -> None:
    assert await call_with(beside(pickled)) == len(BIG)


async def test_arguments_are_read_from_their_file(pickled: bytes, tmp_path: Path) -> None:
    url = await asyncio.to_thread(results.write, tmp_path.as_uri(), "a", pickled)

    assert await call_with(results.in_file(url)) == len(BIG)


async def test_a_file_of_arguments_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultExpiredError, match=r"gone\.pickle"):
        await call_with(results.in_file(f"{tmp_path.as_uri()}/gone.pickle"))
