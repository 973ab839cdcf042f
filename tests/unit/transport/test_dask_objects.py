"""Which of Dask's objects do not travel with a job, wherever they are in what does."""

from typing import Any

import pytest
from distributed import Client, Future, LocalCluster, Lock, Scheduler, Variable, Worker
from distributed.actor import ActorFuture

from parrot_async.errors import SerializationError
from parrot_async.transport.dask_objects import REFUSALS, refuse_dask
from parrot_async.transport.pickling import dump_call, dump_function, dump_value, load_call

KINDS = [Client, Future, LocalCluster, Scheduler, Worker, ActorFuture]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def refused(request: pytest.FixtureRequest) -> Any:
    """One of a derived class, which is connected to nothing and says no goodbye."""
    kind: type = request.param
    derived = type(f"Own{kind.__name__}", (kind,), {"__del__": lambda _: None})
    return object.__new__(derived)


def test_what_cannot_travel_says_what_to_do(refused: object) -> None:
    with pytest.raises(TypeError, match=r"`distributed\.get_|pass "):
        refuse_dask(refused)


def test_an_argument_is_refused_by_its_number_and_type(refused: object) -> None:
    with pytest.raises(SerializationError, match=rf"argument 2, of type {type(refused).__name__}"):
        dump_call(((1, refused), {}))


def test_a_future_of_dask_itself_is_refused() -> None:
    with pytest.raises(SerializationError, match=r"argument 1, of type Future, .* `await future`"):
        dump_call(((Future("key"),), {}))


def test_it_is_found_inside_of_other_values(refused: object) -> None:
    with pytest.raises(SerializationError, match=r"argument deep, of type dict"):
        dump_call(((), {"deep": {"list": [(refused,)]}}))


def test_a_function_that_uses_one_is_refused_by_the_variable(refused: object) -> None:
    def uses() -> str:
        return repr(refused)

    with pytest.raises(SerializationError, match="uses the variable 'refused'"):
        dump_function(uses)


def test_a_result_is_refused_by_its_type(refused: object) -> None:
    with pytest.raises(SerializationError, match="a value of type dict cannot be pickled"):
        dump_value({"first": refused})


def test_the_classes_are_those_that_dask_has() -> None:
    from importlib import import_module

    for name in REFUSALS:
        module, _, kind = name.rpartition(".")
        assert isinstance(getattr(import_module(module), kind), type)


def test_what_dask_knows_by_a_name_travels() -> None:
    data, _ = dump_call(((Variable("v"), Lock("l")), {}))

    (variable, lock), _ = load_call(data, {})

    assert (variable.name, lock.name) == ("v", "l")
