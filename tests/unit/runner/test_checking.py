"""What is wrong with functions that were submitted earlier."""

import asyncio
import pickle
import sys
from types import ModuleType

import pytest

from parrot_async.runner.checking import CHANGED, MISSING, check
from parrot_async.transport.messages import StoredFunction
from parrot_async.transport.pickling import dump_function, hash_of_code


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that is imported here by its name."""
    found = ModuleType("submitted_module")
    exec("def work():\n    return 1\n", found.__dict__)  # noqa: S102 - a function of that module
    monkeypatch.setitem(sys.modules, "submitted_module", found)
    return found


def stored(name: str, code: str = "") -> StoredFunction:
    """What was submitted: an attribute of the module, found by its name."""
    pickled = pickle.dumps(((), f"csubmitted_module\n{name}\n.".encode()))
    return StoredFunction(data=pickled, code=code)


async def test_a_function_that_is_the_same_is_left_out(module: ModuleType) -> None:
    code = hash_of_code(module.work)

    assert await check({"f": stored("work", code)}) == {}


async def test_a_function_without_a_hash_counts_as_the_same(module: ModuleType) -> None:
    assert await check({"f": stored("work")}) == {}


async def test_a_function_that_was_edited_is_named(module: ModuleType) -> None:
    code = hash_of_code(module.work)
    exec("def work():\n    return 2\n", module.__dict__)  # noqa: S102 - the edit

    assert await check({"f": stored("work", code)}) == {"f": CHANGED}


async def test_a_function_that_is_gone_says_why(module: ModuleType) -> None:
    del module.work

    found = await check({"f": stored("work")})

    assert "cannot be imported any more" in found["f"]
    assert "work" in found["f"]


async def test_a_name_that_is_no_function_any_more_says_so(module: ModuleType) -> None:
    module.work = 3  # type: ignore[attr-defined]

    assert await check({"f": stored("work")}) == {"f": "is no function any more"}


async def test_a_function_whose_pickle_is_gone_is_missing() -> None:
    assert await check({"f": StoredFunction(data=None, code="")}) == {"f": MISSING}


async def test_of_many_functions_each_gets_its_own_answer() -> None:
    function_id, data = await asyncio.to_thread(dump_function, lambda: 1)

    found = await check(
        {
            function_id: StoredFunction(data=data, code="another hash"),
            "g": StoredFunction(data=None, code=""),
            "h": StoredFunction(data=data, code=""),
        }
    )

    assert found == {function_id: CHANGED, "g": MISSING}
