"""Some sixty bodies that do harm by accident, and the states in which each of them may end."""

import asyncio
import contextvars
import decimal
import gc
import logging
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from io import StringIO
from multiprocessing import get_context
from typing import Any, NoReturn

from parrot_async import Usage, current_job

ODD = "caf\udce9\0\x1b[31m\u202e.txt"
SLEEPS = 300
"""Seconds for which processes would live that nobody ends."""
GOOD, BAD = frozenset({"completed"}), frozenset({"failed"})

bodies: dict[str, tuple[Callable[[], Any], frozenset[str]]] = {}
"""By name: the body, and how it may end."""


def ends(states: frozenset[str]) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Add a body that ends so."""

    def add(body: Callable[[], Any]) -> Callable[[], Any]:
        bodies[body.__name__] = body, states
        return body

    return add


# Texts.


@ends(GOOD)
def prints_odd_text() -> None:
    print(ODD)  # noqa: T201 - as users do


@ends(GOOD)
def prints_a_long_line() -> None:
    print("x" * 100_000)  # noqa: T201 - as users do


@ends(GOOD)
def prints_many_lines() -> None:
    for number in range(300):
        print(number)  # noqa: T201 - as users do


@ends(GOOD)
def prints_half_a_line() -> None:
    print("half", end="", flush=True)  # noqa: T201 - as users do


@ends(GOOD | BAD)  # beside a job that replaces the stream for all
def writes_bytes() -> None:
    sys.stdout.buffer.write(b"\xff\xfe\n")


@ends(GOOD)
def writes_to_the_descriptor() -> None:
    os.write(2, b"\xff")


@ends(GOOD)
def logs_odd_text() -> None:
    logging.getLogger("odd").warning("reading %s", ODD)


@ends(GOOD | BAD)  # beside a job that closes the stream on which logging complains
def logs_wrong_arguments() -> None:
    arguments = ("one",)
    logging.getLogger("odd").warning("%d of %d", *arguments)


@ends(GOOD)
def warns_odd_text() -> None:
    warnings.warn(ODD, stacklevel=1)


@ends(GOOD)
def steps_that_are_no_text() -> None:
    current_job().step(ODD)
    current_job().step(7)  # type: ignore[arg-type]
    current_job().step(Exits())  # type: ignore[arg-type]


@ends(GOOD)
def tracks_without_a_length() -> None:
    for _ in current_job().track(iter([1, 2])):
        current_job().progress(50)


@ends(GOOD | BAD)
def progresses_to_nowhere() -> None:
    current_job().progress(math.nan)
    current_job().progress(math.inf)
    current_job().progress(-5)


@ends(GOOD | BAD)
def spends_odd_amounts() -> None:
    current_job().spend(Usage(input_tokens=10**12, cost=decimal.Decimal("1e-9")))
    current_job().spend(Usage(input_tokens=0))


# Exits.


class Exits:
    """A value, or a part of one, whose own code exits."""

    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


@ends(BAD)
def exits() -> None:
    sys.exit()


@ends(BAD)
def exits_with_a_text() -> None:
    sys.exit(ODD)


@ends(BAD)
def is_interrupted() -> None:
    raise KeyboardInterrupt


@ends(BAD)
def raises_generator_exit() -> None:
    raise GeneratorExit


@ends(BAD)
def raises_stop_iteration() -> None:
    next(iter(()))


@ends(BAD)
async def raises_stop_async_iteration() -> None:
    raise StopAsyncIteration


@ends(frozenset({"failed", "cancelled"}))
async def raises_cancelled() -> None:
    raise asyncio.CancelledError


@ends(BAD)
async def exits_in_a_task() -> None:
    await asyncio.wait([asyncio.create_task(_exits())])
    await asyncio.sleep(SLEEPS)


async def _exits() -> None:
    sys.exit(3)


@ends(BAD)
async def exits_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await asyncio.sleep(SLEEPS)


@ends(BAD)
async def stops_the_loop() -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(SLEEPS)


@ends(BAD)
async def closes_the_loop() -> None:
    asyncio.get_running_loop().close()


@ends(GOOD)
def exits_in_a_thread() -> None:
    thread = threading.Thread(target=sys.exit, args=(3,))
    thread.start()
    thread.join()


@ends(BAD)
async def uses_another_loop() -> None:
    asyncio.run(_exits())


# Errors.


class TwoArgumentsError(Exception):
    """An error that pickle cannot make again."""

    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class TextExitsError(Exception):
    """An error whose text exits."""

    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


class ReduceError(Exception):
    """An error that is interrupted while it is pickled."""

    def __reduce__(self) -> NoReturn:
        raise KeyboardInterrupt


@ends(BAD)
def raises_odd_text() -> None:
    raise ValueError(ODD)


@ends(BAD)
def raises_two_arguments() -> None:
    raise TwoArgumentsError(3, text=ODD)


@ends(BAD)
def raises_an_exiting_text() -> None:
    raise TextExitsError


@ends(BAD)
def raises_an_interrupted_pickle() -> None:
    raise ReduceError


@ends(BAD)
def raises_a_group() -> None:
    raise BaseExceptionGroup("both", [ValueError(ODD), KeyboardInterrupt()])


@ends(BAD)
def raises_a_lock() -> None:
    raise ValueError(threading.Lock())


@ends(BAD)
def raises_a_megabyte() -> None:
    raise ValueError("x" * 1_000_000)


@ends(BAD)
def raises_a_class_of_its_own() -> None:
    class OwnError(Exception):
        pass

    raise OwnError


@ends(BAD)
def raises_a_long_chain() -> None:
    error: BaseException | None = None
    for number in range(200):
        new = ValueError(number)
        new.__cause__, error = error, new
    assert error is not None
    raise error


@ends(BAD)
def raises_a_ring() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    raise first from None


@ends(BAD)
def raises_with_notes() -> None:
    error = ValueError("notes")
    error.__notes__ = [ODD, 7, Exits()]  # type: ignore[list-item]
    raise error


@ends(BAD)
def recurses() -> None:
    recurses()


@ends(BAD)
def lacks_memory() -> None:
    raise MemoryError


@ends(BAD)
def asserts() -> None:
    raise AssertionError


# Values.


class AnswersAll:
    """A value that has every attribute, and raises when it is asked what it is."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __len__(self) -> int:
        raise SystemExit(3)

    def __bool__(self) -> bool:
        raise ValueError("neither")

    def __repr__(self) -> str:
        return ODD


@ends(GOOD)
def returns_odd_text() -> str:
    return ODD


@ends(GOOD | BAD)
def returns_an_exiting_value() -> Any:
    return Exits()


@ends(GOOD | BAD)
def returns_what_answers_all() -> Any:
    return AnswersAll()


@ends(BAD)
def returns_an_interrupted_pickle() -> Any:
    return ReduceError()


@ends(BAD)
def returns_a_lock() -> Any:
    return threading.Lock()


@ends(BAD)
def returns_a_generator() -> Iterator[int]:
    return (number for number in range(3))


@ends(GOOD)
def returns_a_function() -> Any:
    return lambda number: number + 1


@ends(GOOD)
def returns_a_ring() -> Any:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@ends(BAD)
def returns_a_deep_list() -> Any:
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    return deep


@ends(GOOD)
def returns_nan() -> Any:
    return [math.nan, math.inf, -0.0, 10**400]


@ends(GOOD)
def returns_a_big_value() -> bytes:
    return bytes(100_000)


# Threads.


@ends(GOOD)
def leaves_a_thread() -> None:
    threading.Thread(target=_talks, daemon=True).start()


def _talks() -> None:
    time.sleep(0.05)
    print("late", ODD)  # noqa: T201 - as users do
    current_job().step("late")


@ends(GOOD)
def raises_in_a_thread() -> None:
    thread = threading.Thread(target=raises_odd_text)
    thread.start()
    thread.join()


@ends(GOOD)
def spends_in_a_pool() -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: current_job().spend(Usage(input_tokens=1)), range(4)))


@ends(GOOD | BAD)  # beside a job that changes the loop for all
async def leaves_a_task() -> None:
    asyncio.get_running_loop().create_task(asyncio.sleep(0.05)).add_done_callback(lambda _: 1 / 0)


@ends(GOOD)
async def leaves_a_generator() -> None:
    async def numbers() -> Any:
        yield 1
        yield 2

    async for _ in numbers():
        break


# Processes: what a failed job has started ends with it.


@ends(BAD)
def leaves_a_process() -> None:
    subprocess.Popen(["sleep", str(SLEEPS)])
    raise LookupError


@ends(BAD)
def leaves_a_session() -> None:
    subprocess.Popen(["sleep", str(SLEEPS)], start_new_session=True)
    raise LookupError


@ends(BAD)
def leaves_a_grandchild() -> None:
    subprocess.run(["sh", "-c", f"sleep {SLEEPS} & exit 0"], check=True)
    raise LookupError


@ends(BAD)
def leaves_a_fork() -> None:
    get_context("fork").Process(target=time.sleep, args=(SLEEPS,)).start()
    raise LookupError


@ends(BAD)
async def leaves_an_asyncio_process() -> None:
    await asyncio.create_subprocess_exec("sleep", str(SLEEPS))
    raise LookupError


@ends(GOOD)
def maps_over_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as processes:
        assert list(processes.map(abs, [-1])) == [1]


# Leftovers.

_variable = contextvars.ContextVar("variable", default=0)


@ends(GOOD)
def leaves_the_folder() -> None:
    os.chdir(tempfile.gettempdir())
    os.umask(0o777)


@ends(GOOD)
def replaces_the_streams() -> None:
    sys.stdout = sys.stderr = StringIO()


@ends(GOOD)
def closes_the_stream() -> None:
    sys.stdout.close()


@ends(GOOD)
def disables_logging() -> None:
    logging.disable(logging.CRITICAL)
    logging.getLogger().handlers.clear()


@ends(GOOD)
def makes_warnings_errors() -> None:
    warnings.simplefilter("error")


@ends(GOOD)
def limits_recursion() -> None:
    sys.setrecursionlimit(150)


@ends(GOOD)
def changes_the_environment() -> None:
    os.environ["ODD"] = "1"
    os.environ.pop("HOME", None)


@ends(GOOD)
def traces() -> None:
    sys.settrace(lambda *_: None)
    sys.setprofile(lambda *_: None)


@ends(GOOD)
def changes_decimals() -> None:
    decimal.getcontext().prec = 1
    random.seed(0)
    _variable.set(7)


@ends(GOOD)
def stops_collecting() -> None:
    gc.disable()


@ends(GOOD)
async def changes_the_loop() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: sys.exit(3))
    loop.set_task_factory(lambda *_, **__: sys.exit(3))
    loop.set_debug(True)


@ends(BAD)
async def blocks_and_fails() -> None:
    time.sleep(0.01)  # noqa: ASYNC251 - as users do
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
