"""How a worker gets functions from the service, and what it says where it does not."""

from distributed.comm.core import CommClosedError

from parrot_async.errors import StoreError
from parrot_async.runner.functions import LoadedFunctions
from parrot_async.transport.pickling import dump_function

PACKED = dump_function(len)[1]


async def test_a_cut_line_counts_as_a_loss_and_no_error_of_the_job() -> None:
    async def cut(function_id: str) -> bytes:
        raise CommClosedError(f"the line was cut before {function_id}")

    missing = await LoadedFunctions(cut).fetch(["a"])

    assert missing["a"].kind == "lost"
    assert "cut before a" in missing["a"].message


async def test_what_the_service_raises_is_the_error_of_the_job() -> None:
    async def refuse(_: str) -> bytes:
        raise StoreError("it is not in the job store")

    missing = await LoadedFunctions(refuse).fetch(["a"])

    assert missing["a"].kind == "exception"
    assert missing["a"].type_name == "StoreError"


async def test_a_function_that_did_not_come_is_asked_for_again() -> None:
    answers: list[OSError | bytes] = [OSError("cut"), PACKED]

    async def answer(_: str) -> bytes:
        found = answers.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    functions = LoadedFunctions(answer)

    first = await functions.fetch(["a"])
    second = await functions.fetch(["a"])

    assert first
    assert not second
    assert not functions.lacks(["a"])
